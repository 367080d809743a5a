/* refocus verify: is a results file what its own settings and inputs give? */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/report/jsonio.h"
#include "harness/run/child.h"
#include "harness/run/verify.h"
#include "kernels/isa.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "steps",
     .letter = 's',
     .arg = "N",
     .help = "only the first N training steps, and what was observed in them"},
    {.name = "jobs", .letter = 'j', .arg = "N", .help = "cells that are trained at once (1)"},
    {.name = "threads", .letter = 't', .arg = "N", .help = "threads of each cell (all cores divided by jobs)"},
    {.name = "device", .arg = "DEVICE", .help = "where cells compute: cpu, cuda, cuda:1, or several as cuda:0,1 (cpu)"},
    COMMAND_OPTION_ISA,
    COMMAND_OPTION_JSON,
    COMMAND_OPTION_END};

static const char *const outcome_words[] = {
    [VERIFY_NONE] = "none", [VERIFY_SAME] = "same", [VERIFY_DIFFERS] = "differs"};

/* ---- before ---- */

static bool same_others(const VerifyCell *a, const VerifyCell *b) {
    if (a->n_other != b->n_other || a->same_class != b->same_class || a->same_code != b->same_code) return false;
    for (size_t i = 0; i < a->n_other; i++)
        if (strcmp(a->other[i].key, b->other[i].key) != 0 || strcmp(a->other[i].here, b->other[i].here) != 0 ||
            strcmp(a->other[i].recorded, b->other[i].recorded) != 0)
            return false;
    return true;
}

static const char *promise(const VerifyCell *c) {
    if (c->same_class && c->same_code)
        return "build, libraries, instruction set, CPU and sources are those recorded: the same bits are promised";
    if (c->same_class) return "the sources that decide the numbers are others: bits are compared, not promised";
    if (c->same_code) return "of another bit class: bits are compared, not promised";
    return "of another bit class and other sources: bits are compared, not promised";
}

/* Once for all cells of which it is the same. */
static void say_promises(const Verification *v) {
    for (size_t i = 0; i < v->n; i++) {
        const VerifyCell *c = &v->cell[i];
        size_t n = 0;
        bool said = !c->has_result;
        for (size_t k = 0; k < v->n; k++) {
            bool alike = v->cell[k].has_result && same_others(&v->cell[k], c);
            said = said || (alike && k < i);
            n += alike;
        }
        if (said) continue;
        fprintf(stderr, "  %zu cell%s: %s\n", n, n == 1 ? "" : "s", promise(c));
        for (size_t k = 0; k < c->n_other; k++)
            command_say(stderr, "    %s: %.100s here, %.100s recorded\n", c->other[k].key, c->other[k].here,
                        c->other[k].recorded);
    }
}

static void say_head(const Verification *v) {
    size_t n_train = 0, n_same = 0, n_none = 0;
    for (size_t i = 0; i < v->n; i++) {
        const VerifyCell *c = &v->cell[i];
        n_none += !c->has_result;
        n_same += c->has_result && c->as != i;
        n_train += c->has_result && c->as == i;
    }
    command_say(stderr, "%s: %zu cell%s; %zu to train", v->spec->path, v->n, v->n == 1 ? "" : "s", n_train);
    if (n_same > 0) fprintf(stderr, "; %zu the same as others", n_same);
    if (n_none > 0) fprintf(stderr, "; %zu without a result", n_none);
    fputc('\n', stderr);
    say_promises(v);
    for (size_t i = 0; i < v->n; i++)
        if (v->cell[i].is_damaged)
            command_say(stderr, "  %s: its content is not what its digest says: it was changed since it was written\n",
                        v->cell[i].cell->name);
}

/* ---- after ---- */

static void print_compared(const VerifyCell *c) {
    const Verdict *d = &c->verdict;
    if (c->cell->status == CELL_OVER_BUDGET) {
        printf("its plan, which is over the budget");
        return;
    }
    printf("%" PRId64 " of %zu steps, %" PRId64 " evaluation%s, %" PRId64 " attention map%s%s", d->n_steps,
           c->record->curves.n, d->n_evaluations, d->n_evaluations == 1 ? "" : "s", d->n_maps,
           d->n_maps == 1 ? "" : "s",
           !d->whole                ? ""
           : d->left_out[0] != '\0' ? ", parameters"
                                    : ", parameters, digest");
}

static void print_cell(const Verification *v, size_t i, int width) {
    const VerifyCell *c = &v->cell[i];
    command_say(stdout, "%-*s  %-7s  ", width, c->cell->name, outcome_words[c->outcome]);
    if (c->as != i) command_say(stdout, "as %s: ", v->cell[c->as].cell->name);
    if (c->outcome == VERIFY_NONE)
        command_say(stdout, "%s", c->why);
    else if (!c->verdict.same)
        command_say(stdout, "%s", c->verdict.why);
    else
        print_compared(c);
    if (c->outcome != VERIFY_NONE && c->is_damaged)
        printf("; its digest does not fit what the file holds%s",
               c->verdict.same ? ", which is equal as far as it was compared" : "");
    if (c->outcome != VERIFY_NONE && c->verdict.left_out[0] != '\0')
        command_say(stdout, "; not compared: %s", c->verdict.left_out);
    putchar('\n');
}

static void print_text(const Verification *v) {
    int width = 4;
    for (size_t i = 0; i < v->n; i++)
        if ((int)strlen(v->cell[i].cell->name) > width) width = (int)strlen(v->cell[i].cell->name);
    for (size_t i = 0; i < v->n; i++) print_cell(v, i, width);
}

static void say_end(const Verification *v) {
    size_t n[3] = {0};
    for (size_t i = 0; i < v->n; i++) n[v->cell[i].outcome]++;
    command_say(stderr, "%s: %zu verified, %zu differ%s", v->spec->path, n[VERIFY_SAME], n[VERIFY_DIFFERS],
                n[VERIFY_DIFFERS] == 1 ? "s" : "");
    if (n[VERIFY_NONE] > 0) fprintf(stderr, ", %zu not compared", n[VERIFY_NONE]);
    fputc('\n', stderr);
}

/* ---- JSON ---- */

static json_t *json_difference(const VerifyCell *c) {
    const Verdict *d = &c->verdict;
    json_t *object = json_object();
    if (c->outcome == VERIFY_NONE || d->same) {
        json_decref(object);
        return json_null();
    }
    jsonio_set(&object, "dataset", json_string(d->dataset));
    jsonio_set(&object, "step", d->step > 0 ? json_integer(d->step) : json_null());
    jsonio_set(&object, "here", d->has_values ? jsonio_number(d->here) : json_null());
    jsonio_set(&object, "recorded", d->has_values ? jsonio_number(d->recorded) : json_null());
    jsonio_set(&object, "text", json_string(d->why));
    return object;
}

static json_t *json_others(const VerifyCell *c) {
    json_t *all = json_array();
    for (size_t i = 0; i < c->n_other; i++)
        jsonio_append(&all, json_pack("{ss ss ss}", "key", c->other[i].key, "here", c->other[i].here, "recorded",
                                      c->other[i].recorded));
    return all;
}

static json_t *json_cell(const Verification *v, size_t i) {
    const VerifyCell *c = &v->cell[i];
    const bool compared = c->outcome != VERIFY_NONE;
    json_t *object = json_object();
    jsonio_set(&object, "cell", json_string(c->cell->name));
    jsonio_set(&object, "outcome", json_string(outcome_words[c->outcome]));
    jsonio_set(&object, "same_as", c->as != i ? json_string(v->cell[c->as].cell->name) : json_null());
    jsonio_set(&object, "why", jsonio_text(c->why[0] != '\0' ? c->why : NULL));
    jsonio_set(&object, "steps", compared ? json_integer(c->verdict.n_steps) : json_null());
    jsonio_set(&object, "steps_recorded", json_integer((json_int_t)c->record->curves.n));
    jsonio_set(&object, "evaluations", compared ? json_integer(c->verdict.n_evaluations) : json_null());
    jsonio_set(&object, "attention_maps", compared ? json_integer(c->verdict.n_maps) : json_null());
    jsonio_set(&object, "whole", json_boolean(compared && c->verdict.whole));
    jsonio_set(&object, "not_compared", jsonio_text(c->verdict.left_out[0] != '\0' ? c->verdict.left_out : NULL));
    jsonio_set(&object, "difference", json_difference(c));
    jsonio_set(&object, "digest_fits", c->has_result ? json_boolean(!c->is_damaged) : json_null());
    jsonio_set(&object, "same_bit_class", json_boolean(c->same_class));
    jsonio_set(&object, "same_sources", json_boolean(c->same_code));
    jsonio_set(&object, "other", json_others(c));
    return object;
}

static Err print_json(const Verification *v) {
    json_t *root = json_object(), *cells = json_array();
    for (size_t i = 0; i < v->n; i++) jsonio_append(&cells, json_cell(v, i));
    jsonio_set(&root, "file", json_string(v->spec->path));
    jsonio_set(&root, "steps", v->spec->n_steps > 0 ? json_integer(v->spec->n_steps) : json_null());
    jsonio_set(&root, "isa", json_string(isa_name(isa_in_use())));
    jsonio_set(&root, "cells", cells);
    return jsonio_put(stdout, root);
}

/* ---- the command ---- */

static Err read_options(VerifySpec *spec, const CommandLine *line) {
    Err err = ERR_OK;
    int64_t n_jobs = 1, n_threads = 1, cores = machine_n_cores();
    TRY(command_int(&spec->n_steps, line, "steps", 0, 1, INT64_MAX));
    TRY(command_int(&n_jobs, line, "jobs", 1, 1, 256));
    TRY(command_int(&n_threads, line, "threads", cores / n_jobs > 0 ? cores / n_jobs : 1, 1, 1024));
    spec->device = command_value(line, "device") != NULL ? command_value(line, "device") : "cpu";
    spec->n_jobs = (int)n_jobs;
    spec->n_threads = (int)n_threads;
    TRY(isa_check());
done:
    return err;
}

static Err tell(const CommandLine *line, const Verification *v) {
    Err err = ERR_OK;
    say_end(v);
    errno = 0;
    if (command_has(line, "json"))
        TRY(print_json(v));
    else
        print_text(v);
done:
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK, came = ERR_OK;
    VerifySpec spec = {.path = command_operand(line, 0), .n_patterns = (size_t)command_n_operands(line) - 1};
    Verification v = {0};
    const char **patterns = NULL;
    char message[512] = "";
    TRY(child_clean_self());
    TRY(read_options(&spec, line));
    TRY(mem_alloc(&patterns, spec.n_patterns, sizeof *patterns));
    for (size_t i = 0; i < spec.n_patterns; i++) patterns[i] = command_operand(line, (int)i + 1);
    spec.patterns = patterns;
    TRY(verify_open(&v, &spec));
    say_head(&v);
    came = verify_run(&v);
    (void)snprintf(message, sizeof message, "%s", err_message());
    TRY(tell(line, &v));
    if (came != ERR_OK) err = err_set(came, "%s", message);
done:
    verify_clear(&v);
    mem_free(patterns);
    return err;
}

const Command cmd_verify = {
    .name = "verify",
    .summary = "train a results file's cells again and compare every recorded number, bit by bit",
    .usage = "RESULTS.h5 [CELL ...]",
    .about =
        "Needs the file, and the fonts, datasets and word lists whose digests it holds, where its settings say; the\n"
        "first that is missing (66) or is another file today (65) is named. CELL may have '*' and '?'. Each cell is\n"
        "compared as it is trained, up to its first difference: dataset, step and both values. A whole cell's\n"
        "parameters, attention maps and content digest are compared too. Nothing is written but a folder for\n"
        "temporary files, which is removed. Within one bit class (build, libraries, instruction set, CPU) and with\n"
        "the same sources the same bits are promised; across classes they are compared, and what is another one is\n"
        "said. Cells of the CPU and of CUDA are verified where they were trained: --device says which, others are\n"
        "refused (64). 0: all cells are as recorded; 2: one differs, or a digest does not fit; 1: one could not be\n"
        "trained; 3: there is nothing to compare; 75: interrupted, or deferred for want of memory.",
    .example = "refocus verify results/quickstart.h5 --jobs 2\n"
               "refocus verify results/quickstart.h5 'revised@*' --steps 50 --json",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run};

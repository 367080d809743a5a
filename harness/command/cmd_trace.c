/* refocus trace: one training step of one cell, every tensor of it. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/grid/grid.h"
#include "harness/run/child.h"
#include "harness/run/trace.h"
#include "harness/terminal.h"
#include "kernels/device.h"
#include "kernels/machine.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static const CommandOption options[] = {
    {.name = "step", .letter = 's', .arg = "N", .help = "the training step, from 1 (1, or the one after --at)"},
    {.name = "output", .letter = 'o', .arg = "TRACE.h5", .help = "the file to write; replaced whole"},
    {.name = "match",
     .letter = 'm',
     .arg = "PATTERN",
     .help = "only tensors of such names, as 'decoder.t03.*'; may be "
             "repeated (all)"},
    {.name = "at",
     .arg = "WHERE",
     .choices = "checkpoint|last|best",
     .help = "begin with the cell's checkpoint, or with parameters that it kept (its initial ones)"},
    {.name = "check-gradients", .help = "run each op of the step again in the reference and name the first wrong one"},
    {.name = "results", .arg = "DIR", .help = "where the cell's folder is, for --at (results)"},
    COMMAND_OPTION_DEVICE,
    {.name = "threads", .letter = 't', .arg = "N", .help = "threads to compute with (all cores)"},
    COMMAND_OPTION_ISA,
    COMMAND_OPTION_END};

typedef struct Tracer {
    const CommandLine *line;
    Grid *grid;
    char *folder;
    const char **match;
    TraceSpec spec;
    TraceReport report;
} Tracer;

static void say(void *ctx, const char *text) {
    (void)ctx;
    fprintf(stderr, "%s\n", text);
}

/* ---- reading ---- */

static Err read_grid(Tracer *t) {
    Err err = ERR_OK;
    const char **overrides = NULL;
    const int n = command_n_operands(t->line) - 2;
    Device kind = DEVICE_CPU;
    TRY(device_option(&t->spec.device, &kind, t->line));
    TRY(mem_alloc(&overrides, (size_t)n, sizeof *overrides));
    for (int i = 0; i < n; i++) overrides[i] = command_operand(t->line, i + 2);
    TRY(grid_load(&t->grid, command_operand(t->line, 0), overrides, (size_t)n, device_name(kind)));
done:
    mem_free(overrides);
    return err;
}

/* A name, or a pattern that one cell matches. */
static Err find_cell(Tracer *t) {
    Err err = ERR_OK;
    char hint[200];
    const char *wanted = command_operand(t->line, 1);
    Near near = near_start(wanted);
    size_t n = 0;
    for (size_t i = 0; i < t->grid->n_cells; i++) {
        const Cell *cell = &t->grid->cells[i];
        near_offer(&near, cell->name);
        if (!grid_match(wanted, cell->name)) continue;
        if (n++ == 0) t->spec.cell = cell;
    }
    FAIL_IF(n == 0, ERR_NOTHING, "%s has no cell '%s'%s", t->grid->path, wanted,
            near_hint(&near, "", hint, (int)sizeof hint));
    FAIL_IF(n > 1, ERR_ARG, "%zu cells match '%s', '%s' among them: a trace is of one", n, wanted, t->spec.cell->name);
done:
    return err;
}

static Err read_options(Tracer *t) {
    Err err = ERR_OK;
    const CommandLine *line = t->line;
    const char *results = command_has(line, "results") ? command_value(line, "results") : "results";
    int64_t n_threads = 1;
    t->spec = (TraceSpec){.path = command_value(line, "output"),
                          .experiment = NULL,
                          .at = command_value(line, "at"),
                          .n_match = command_n_values(line, "match"),
                          .check = command_has(line, "check-gradients"),
                          .note = say};
    FAIL_IF(t->spec.path == NULL && !t->spec.check, ERR_ARG, "expected -o TRACE.h5, or --check-gradients, or both");
    FAIL_IF(t->spec.path == NULL && t->spec.n_match > 0, ERR_ARG, "--match chooses what -o TRACE.h5 gets");
    FAIL_IF(command_has(line, "results") && t->spec.at == NULL, ERR_ARG, "--results goes with --at");
    if (command_has(line, "step")) TRY(command_int(&t->spec.step, line, "step", 0, 1, INT32_MAX));
    TRY(command_int(&n_threads, line, "threads", machine_n_cores(), 1, 1024));
    t->spec.n_threads = (int)n_threads;
    TRY(mem_alloc(&t->match, (size_t)t->spec.n_match, sizeof *t->match));
    for (int i = 0; i < t->spec.n_match; i++) t->match[i] = command_value_at(line, "match", i);
    t->spec.match = t->match;
    TRY(read_grid(t));
    t->spec.experiment = t->grid->experiment;
    TRY(find_cell(t));
    TRY(mem_printf(&t->folder, "%s/%s/%s", results, t->grid->results, t->spec.cell->folder));
    t->spec.folder = t->folder;
done:
    return err;
}

/* ---- printing ---- */

static void print_step(const Tracer *t) {
    const TraceReport *r = &t->report;
    printf("%s, step %" PRId64 ", from %s\n", t->spec.cell->name, r->step, r->from);
    printf("loss %.9g, recognition %.9g", r->loss, r->loss_recognition);
    if (!isnan(r->loss_focus)) printf(", focus %.9g", r->loss_focus);
    printf(", gradient norm %.6g\n", r->grad_norm);
    if (t->spec.path == NULL) return;
    printf("%s: %d values, %d gradients", t->spec.path, r->n_values, r->n_gradients);
    if (r->n_plain > 0)
        printf("; %d of them are those of the plain branch, which the fused one never holds", r->n_plain);
    printf("\n");
}

static void print_names(const char *what, char *const *names, int n) {
    if (n == 0) return;
    printf("%s:", what);
    for (int i = 0; i < n; i++) printf(" %s", names[i]);
    printf("\n");
}

static void print_level(const TraceReport *r) {
    const TraceLevel *level = &r->level;
    if (isnan(r->loss_focus)) return;
    printf("focus loss %.6g", r->loss_focus);
    if (!isnan(level->trivial)) printf("; trivial %.6g (%s)", level->trivial, level->trivial_is);
    if (!isnan(level->floor)) printf("; floor %.6g (%s)", level->floor, level->floor_is);
    printf("\n");
}

static void print_wrong(const CheckWrong *w) {
    printf("  %s (%s, %s) %s: max abs error %.3g, rel %.3g (tolerance %.1g), at %s: %.9g, expected %.9g; %" PRId64
           " of %" PRId64 " elements\n",
           w->node, w->op, w->backward ? "backward" : "forward", w->tensor, w->abs_error, w->rel_error, w->tolerance,
           w->where, w->got, w->expected, w->n_off, w->n);
}

static void print_check(const TraceReport *r) {
    const TraceCheck *c = &r->check;
    printf("checked against the reference: %d forward ops, %d backward, %d updates\n", c->n_forward, c->n_backward,
           c->n_update);
    if (c->n_wrong == 0) {
        printf("all within tolerance; nearest to it: %s (%s), rel error %.2g of %.1g\n", c->nearest.node, c->nearest.op,
               c->nearest.rel_error, c->nearest.tolerance);
    } else {
        printf("%d wrong, the first in execution order:\n", c->n_wrong);
        for (int i = 0; i < c->n_wrong && i < CHECK_SHOWN; i++) print_wrong(&c->wrong[i]);
    }
    if (r->n_idle + r->n_zero == 0) printf("all %d parameters have a gradient\n", r->n_weights);
    print_names("parameters without gradient", r->idle, r->n_idle);
    print_names("parameters whose gradient is zero everywhere", r->zero, r->n_zero);
    print_level(r);
}

/* ---- the command ---- */

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Tracer t = {.line = line};
    TRY(child_clean_self());
    TRY(read_options(&t));
    TRY(trace_step(&t.report, &t.spec));
    errno = 0;
    print_step(&t);
    if (t.spec.check) print_check(&t.report);
    TRY(terminal_flush(stdout, "to stdout"));
    FAIL_IF(t.report.check.n_wrong > 0, ERR_GATE, "%s is off from the reference", t.report.check.wrong[0].node);
done:
    trace_report_clear(&t.report);
    mem_free(t.folder);
    mem_free(t.match);
    grid_free(t.grid);
    return err;
}

const Command cmd_trace = {
    .name = "trace",
    .summary = "write every tensor of one training step, values and gradients, by name; check it op by op",
    .usage = "GRID.yaml CELL [KEY=VALUE ...]",
    .about =
        "Trains CELL (a name, or a pattern that only it matches) up to step N without evaluating or recording, runs\n"
        "that step with every tensor kept to its end, and writes them: values/NAME, gradients/NAME, and after/NAME "
        "for\n"
        "what the update changed. The bits are those of `refocus run`. An output of a decoder step is called by its\n"
        "node: decoder.t03.attention.alpha. With --at last or best the batch of any step can be put through kept\n"
        "parameters; the optimiser's state then begins anew, so that after/ is not what training had.\n"
        "What focus.implementation fused never holds comes from the plain branch, run in double precision on the same\n"
        "tensors, under its names (attribute backend = ref). Not there: what lives inside an op only, as tanh of\n"
        "query + keys in attention. Nothing is written for scratch.\n"
        "--check-gradients runs each op again in the reference, in double precision, on the tensors that it read, so\n"
        "that a wrong op is named and not those that its error reaches. It also lists parameters without gradient, "
        "and\n"
        "prints the branch's loss beside that of an answer that has learned nothing, and the lowest possible one.\n"
        "Exit code 2 if an op is off.",
    .example = "refocus trace experiments/quickstart.yaml revised@0 --step 3 -o step3.h5\n"
               "refocus trace experiments/quickstart.yaml original@0 --check-gradients\n"
               "refocus trace experiments/quickstart.yaml revised@0 --at last -o t03.h5 --match 'decoder.t03.*'",
    .options = options,
    .n_operands_min = 2,
    .n_operands_max = -1,
    .run = run};

/* refocus evaluate: adds evaluations to finished cells, from their kept parameters. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/grid/grid.h"
#include "harness/record/results.h"
#include "harness/record/sealed.h"
#include "harness/run/child.h"
#include "harness/run/folder.h"
#include "harness/run/reevaluate.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "set",
     .letter = 's',
     .arg = "SET|FILE",
     .help = "valid or test of the cell's settings, or a dataset file of refocus data import (test)"},
    {.name = "as", .arg = "NAME", .help = "name of the new evaluation (the set's name, or the file's)"},
    {.name = "split", .arg = "SPLIT", .choices = "train|valid|test|all", .help = "part of a dataset file (test)"},
    {.name = "replace", .help = "put it in the place of an evaluation of that name"},
    COMMAND_OPTION_DEVICE,
    {.name = "threads", .letter = 't', .arg = "N", .help = "threads to compute with (all cores)"},
    COMMAND_OPTION_ISA,
    COMMAND_OPTION_JSON,
    COMMAND_OPTION_END};

typedef struct Evaluate {
    const CommandLine *line;
    const char *path, *pattern, *set, *file, *split, *device;
    char as[128];
    int64_t n_threads;
    bool replace, header;
    json_t *json; /* array, NULL for text */
    size_t n;     /* cells evaluated */
} Evaluate;

/* ---- reading ---- */

/* "some/photos 2.h5" -> "photos_2": a name that a results file takes. */
static void name_of_file(char *out, size_t len, const char *file) {
    const char *slash = strrchr(file, '/'), *from = slash == NULL ? file : slash + 1;
    const char *dot = strrchr(from, '.');
    size_t n = dot == NULL || dot == from ? strlen(from) : (size_t)(dot - from);
    if (n >= len) n = len - 1;
    for (size_t i = 0; i < n; i++) {
        char c = from[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        out[i] = plain ? c : '_';
    }
    out[n] = '\0';
}

static Err read_options(Evaluate *e) {
    Err err = ERR_OK;
    const CommandLine *line = e->line;
    const char *set = command_value(line, "set") != NULL ? command_value(line, "set") : "test";
    const char *as = command_value(line, "as");
    bool is_set = strcmp(set, "valid") == 0 || strcmp(set, "test") == 0;
    bool is_file = !is_set && (strchr(set, '/') != NULL || strchr(set, '.') != NULL);
    e->path = command_operand(line, 0);
    e->pattern = command_n_operands(line) > 1 ? command_operand(line, 1) : "*";
    FAIL_IF(!is_set && !is_file, ERR_ARG, "--set %s: expected valid, test, or the path of a dataset file", set);
    e->set = set;
    e->file = is_file ? set : NULL;
    e->split = command_value(line, "split") != NULL ? command_value(line, "split") : "test";
    FAIL_IF(!is_file && command_has(line, "split"), ERR_ARG, "--split goes with --set FILE");
    if (as != NULL)
        (void)snprintf(e->as, sizeof e->as, "%s", as);
    else if (is_file)
        name_of_file(e->as, sizeof e->as, set);
    else
        (void)snprintf(e->as, sizeof e->as, "%s", set);
    FAIL_IF(e->as[0] == '\0' || strchr(e->as, '/') != NULL || strlen(e->as) > 60, ERR_ARG,
            "--as %.80s: expected a name of up to 60 bytes without '/'", e->as);
    e->replace = command_has(line, "replace");
    TRY(device_option(&e->device, &(Device){DEVICE_CPU}, line));
    TRY(command_int(&e->n_threads, line, "threads", machine_n_cores(), 1, 1024));
done:
    return err;
}

/* ---- one cell ---- */

static void print_text(Evaluate *e, const char *cell, const RecordEvaluation *rows) {
    if (!e->header) printf("cell\tset\tstep\tmetric\tvalue\n");
    e->header = true;
    for (size_t i = 0; i < rows->n; i++)
        for (size_t m = 0; m < rows->n_metrics; m++)
            printf("%s\t%s\t%" PRId64 "\t%s\t%.6g\n", cell, rows->set, rows->step[i], rows->metrics[m].name,
                   rows->value[m][i]);
}

static void add_json(const Evaluate *e, const char *cell, const RecordEvaluation *rows) {
    for (size_t i = 0; i < rows->n; i++) {
        json_t *values = json_object();
        for (size_t m = 0; m < rows->n_metrics; m++) {
            double v = rows->value[m][i];
            (void)json_object_set_new(values, rows->metrics[m].name, isfinite(v) ? json_real(v) : json_null());
        }
        json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:o}", "cell", cell, "set", rows->set, "step",
                                (json_int_t)rows->step[i], "lines", (json_int_t)rows->n_samples, "values", values);
        (void)json_array_append_new(e->json, row);
    }
}

static Err keep(const Evaluate *e, const CellRecord *cell, const CellRecord *fresh) {
    Err err = ERR_OK;
    char *folder = NULL, *sealed = NULL;
    TRY(sealed_find(&folder, e->path, cell));
    if (folder != NULL) TRY(folder_path(&sealed, folder, FOLDER_SEALED));
    for (size_t i = 0; i < fresh->n_evaluations; i++) {
        TRY(record_add_evaluation(e->path, cell->name, &fresh->evaluations[i], e->replace));
        if (sealed != NULL) TRY(record_add_evaluation(sealed, NULL, &fresh->evaluations[i], e->replace));
    }
done:
    mem_free(folder);
    mem_free(sealed);
    return err;
}

static Err refuse_existing(const Evaluate *e, const Results *results, size_t i) {
    Err err = ERR_OK;
    CellRecord *cell = NULL;
    if (e->replace) return ERR_OK;
    TRY(results_read(results, i, PART_EVALUATION, &cell));
    FAIL_IF(record_find_evaluation(cell, e->as) != NULL, ERR_ARG,
            "%s has an evaluation '%s' already: give another name with --as, or --replace", cell->name, e->as);
done:
    record_free(cell);
    return err;
}

static Err evaluate_cell(Evaluate *e, const Results *results, size_t i) {
    Err err = ERR_OK;
    CellRecord *cell = NULL, *fresh = NULL;
    TRY(results_read(results, i, PART_FINAL | PART_BEST, &cell));
    fprintf(stderr, "%s\n", cell->name);
    ReevaluateSpec spec = {.cell = cell,
                           .set = e->set,
                           .file = e->file,
                           .split = e->split,
                           .as = e->as,
                           .device = e->device,
                           .n_threads = (int)e->n_threads};
    err = reevaluate(&fresh, &spec);
    if (err != ERR_OK) TRY(err_context(err, "%s", cell->name));
    if (fresh->n_evaluations > 0 && fresh->evaluations[0].comment != NULL)
        fprintf(stderr, "  %s\n", fresh->evaluations[0].comment);
    TRY(keep(e, results_cell(results, i), fresh));
    for (size_t k = 0; k < fresh->n_evaluations; k++) {
        if (e->json != NULL)
            add_json(e, cell->name, &fresh->evaluations[k]);
        else
            print_text(e, cell->name, &fresh->evaluations[k]);
    }
    e->n++;
done:
    record_free(fresh);
    record_free(cell);
    return err;
}

/* ---- the command ---- */

/* A cell that was trained once under two names is evaluated once: the file has its parts once, too. */
static bool is_repeated(const Evaluate *e, const Results *results, size_t i) {
    const char *digest = results_cell(results, i)->digest;
    for (size_t k = 0; k < i; k++) {
        const CellRecord *other = results_cell(results, k);
        if (digest != NULL && other->digest != NULL && strcmp(other->digest, digest) == 0 &&
            grid_match(e->pattern, other->name))
            return true;
    }
    return false;
}

static bool is_wanted(const Evaluate *e, const Results *results, size_t i) {
    const CellRecord *cell = results_cell(results, i);
    return cell->status == CELL_DONE && grid_match(e->pattern, cell->name) && !is_repeated(e, results, i);
}

static Err evaluate_all(Evaluate *e) {
    Err err = ERR_OK;
    Results *results = NULL;
    TRY(results_open_tried(&results, e->path, NULL, PART_EVALUATION | PART_FINAL | PART_BEST));
    for (size_t i = 0; i < results_count(results); i++)
        if (is_wanted(e, results, i)) TRY(refuse_existing(e, results, i));
    for (size_t i = 0; i < results_count(results); i++)
        if (is_wanted(e, results, i)) TRY(evaluate_cell(e, results, i));
    FAIL_IF(e->n == 0, ERR_NOTHING, "%s has no finished cell that matches '%s'", e->path, e->pattern);
done:
    results_close(results);
    return err;
}

static Err print_json(const Evaluate *e) {
    char *text = json_dumps(e->json, JSON_INDENT(2));
    if (text == NULL) return err_set(ERR_NOMEM, "out of memory while the evaluations were written as JSON");
    puts(text);
    free(text);
    return ERR_OK;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Evaluate e = {.line = line};
    TRY(child_clean_self());
    TRY(read_options(&e));
    if (command_has(line, "json")) e.json = json_array();
    TRY(evaluate_all(&e));
    if (e.json != NULL) TRY(print_json(&e));
done:
    if (e.json != NULL) json_decref(e.json);
    return err;
}

const Command cmd_evaluate = {
    .name = "evaluate",
    .summary = "evaluate finished cells on another set, from their kept parameters",
    .usage = "RESULTS.h5 [CELL]",
    .about =
        "CELL may have '*' and '?'; without one all finished cells are evaluated. Both the last parameters and those\n"
        "that were best on valid are, unless they are the same. The new evaluation is added to the results file and\n"
        "to the sealed cells beside it, with the version and the sources of what computed it; its values are printed\n"
        "too. Nothing is trained.",
    .example = "refocus evaluate results/quickstart.h5 'revised@*' --set photos.h5 --split test\n"
               "refocus evaluate results/quickstart.h5 --set valid --as valid_again --json",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = 2,
    .run = run};

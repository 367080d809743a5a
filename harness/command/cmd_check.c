/* refocus check: are the memory plans of a grid those of its lock; is a results file as good as an earlier one. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/grid/grid.h"
#include "harness/report/lock_diff.h"
#include "harness/report/regress.h"
#include "harness/run/child.h"
#include "harness/run/survey.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "models/text.h"

static const CommandOption options[] = {
    {.name = "tolerance",
     .letter = 't',
     .arg = "PERCENT|SIZE",
     .help = "2% or 16MiB: accept peaks that moved by no more, and say so (none: every difference fails)"},
    {.name = "device", .arg = "DEVICE", .choices = "cpu|cuda", .help = "only plans for that device (both)"},
    {.name = "results", .arg = "A.h5", .help = "compare these results, instead of plans,"},
    {.name = "against", .arg = "B.h5", .help = "with these earlier ones, by the names of cells"},
    {.name = "metric",
     .letter = 'm',
     .arg = "METRIC",
     .help = "only this metric; may be repeated (all that have a better)"},
    {.name = "metric-tolerance",
     .arg = "PERCENT",
     .help = "accept metrics that are worse by no more than that share of what they were (none)"},
    COMMAND_OPTION_ISA,
    COMMAND_OPTION_JSON,
    COMMAND_OPTION_END};

typedef struct Check {
    const CommandLine *line;
    Tolerance tolerance;
    json_t *json;     /* what --json prints; NULL: text */
    const char *path; /* the grid's */
    const char **overrides;
    size_t n_overrides;
    char *lock_path;
    Lock lock;
    size_t n_compared; /* classes */
    size_t n_cells, n_wrong;
    Text accept; /* the commands that would */
} Check;

/* ---- a grid against its lock ---- */

/* "experiments/quickstart.lock: cuda: 6 cells as locked, 2 grew" */
static void say_counts(const Check *check, const LockDiff *diff, const char *device) {
    fprintf(stderr, "%s: %s: %zu cell%s as locked", check->lock_path, device, diff->n_same,
            diff->n_same == 1 ? "" : "s");
    for (int kind = 0; kind < LOCK_KIND_COUNT; kind++)
        if (diff->n_cells[kind] > 0) fprintf(stderr, ", %zu %s", diff->n_cells[kind], lock_kind_name((LockKind)kind));
    if (diff->n_tolerated > 0) fprintf(stderr, "; %zu of them within the tolerance", diff->n_tolerated);
    fputc('\n', stderr);
}

static Err tell(Check *check, const LockDiff *diff, const char *device) {
    Err err = ERR_OK;
    json_t *changes = NULL;
    say_counts(check, diff, device);
    if (check->json == NULL) {
        TRY(lock_diff_print(stdout, diff, device, &check->tolerance));
    } else {
        TRY(lock_diff_json(&changes, diff));
        json_t *class =
            json_pack("{s:s, s:b, s:I, s:I, s:o}", "class", device, "compared", true, "as_locked",
                      (json_int_t)diff->n_same, "failures", (json_int_t)lock_diff_failures(diff), "changes", changes);
        (void)json_array_append_new(json_object_get(check->json, "classes"), class);
    }
done:
    return err;
}

static Err compare(Check *check, Device device) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    Surveys surveys = {0};
    Lock planned = {0};
    LockDiff diff = {0};
    const char *class = device_class(device);
    const bool pinned = device == DEVICE_CPU && isa_is_pinned();
    TRY(grid_load(&grid, check->path, check->overrides, check->n_overrides, device_name(device)));
    FAIL_IF(strcmp(grid->experiment, check->lock.experiment) != 0, ERR_DATA,
            "%s is the lock of experiment '%s', and %s is '%s'", check->lock_path, check->lock.experiment, check->path,
            grid->experiment);
    TRY(survey_grid(&surveys, grid, NULL, false));
    TRY(lock_of_surveys(&planned, grid, &surveys, class));
    TRY(lock_diff(&diff, &check->lock, &planned, class, &check->tolerance));
    TRY(tell(check, &diff, class));
    check->n_compared++;
    check->n_cells += grid->n_cells;
    check->n_wrong += lock_diff_failures(&diff);
    if (lock_diff_failures(&diff) > 0)
        TRY(text_add(&check->accept, "%s`refocus plan %s%s%s%s --write-lock`", check->accept.len > 0 ? " and " : "",
                     check->path, device == DEVICE_CUDA ? " --device cuda" : "", pinned ? " --isa " : "",
                     pinned ? isa_name(isa_in_use()) : ""));
done:
    lock_diff_clear(&diff);
    lock_clear(&planned);
    surveys_clear(&surveys);
    grid_free(grid);
    return err;
}

static void skip(const Check *check, const char *class, const char *why) {
    fprintf(stderr, "%s: %s: not compared: %s\n", check->lock_path, class, why);
    if (check->json == NULL) return;
    json_t *object = json_pack("{s:s, s:b, s:s}", "class", class, "compared", false, "why", why);
    (void)json_array_append_new(json_object_get(check->json, "classes"), object);
}

static void skip_other(const Check *check, const char *class) {
    char why[96] = "this machine is of another class";
    for (int i = 0; i < ISA_COUNT; i++)
        if (strncmp(class, "cpu-", 4) == 0 && strcmp(class + 4, isa_name((Isa)i)) == 0)
            (void)snprintf(why, sizeof why, "it is not the class in use; --isa %s compares it", isa_name((Isa)i));
    skip(check, class, why);
}

static bool is_wanted(const Check *check, Device device) {
    const char *only = command_value(check->line, "device");
    return only == NULL || strcmp(only, device_name(device)) == 0;
}

/* CUDA's plans and those of the instruction set in use. */
static Err compare_classes(Check *check) {
    static const Device devices[] = {DEVICE_CPU, DEVICE_CUDA};
    Err err = ERR_OK;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        if (!is_wanted(check, devices[i])) continue;
        const char *class = device_class(devices[i]);
        if (lock_find(&check->lock, class) != NULL)
            TRY(compare(check, devices[i]));
        else
            skip(check, class, "the lock has no plans of this class");
    }
    for (size_t i = 0; i < check->lock.n_plans; i++) {
        const char *class = check->lock.plan[i].device;
        bool seen = i > 0 && strcmp(check->lock.plan[i - 1].device, class) == 0;
        bool here = strcmp(class, device_class(DEVICE_CPU)) == 0 || strcmp(class, device_class(DEVICE_CUDA)) == 0;
        Device kind = strncmp(class, "cpu", 3) == 0 ? DEVICE_CPU : DEVICE_CUDA;
        if (!seen && !here && is_wanted(check, kind)) skip_other(check, class);
    }
    FAIL_IF(check->n_compared == 0, ERR_NOTHING, "%s has no plan that this machine can compare", check->lock_path);
done:
    return err;
}

static Err check_grid(Check *check) {
    Err err = ERR_OK;
    size_t n = (size_t)command_n_operands(check->line) - 1;
    TRY(mem_alloc(&check->overrides, n, sizeof *check->overrides));
    for (size_t i = 0; i < n; i++) check->overrides[i] = command_operand(check->line, (int)i + 1);
    check->n_overrides = n;
    check->path = command_operand(check->line, 0);
    TRY(lock_path(&check->lock_path, check->path));
    TRY(lock_read(&check->lock, check->lock_path, check->path));
    if (command_has(check->line, "json"))
        check->json =
            json_pack("{s:s, s:s, s:[]}", "lock", check->lock_path, "experiment", check->lock.experiment, "classes");
    TRY(compare_classes(check));
    if (check->n_wrong == 0) goto done;
    if (check->n_overrides > 0)
        TRY(err_set(ERR_GATE, "with these overrides %zu of %zu plans differ from %s", check->n_wrong, check->n_cells,
                    check->lock_path));
    TRY(err_set(ERR_GATE, "%zu of %zu plans differ from %s; if that is meant, lock them: %s", check->n_wrong,
                check->n_cells, check->lock_path, check->accept.data));
done:
    return err;
}

/* ---- results against results ---- */

/* "6 cells in both: 121 same, 78 better, 95 worse" */
static void say_figures(const Regress *regress) {
    const char *between = "";
    fprintf(stderr, "%zu cell%s in both: ", regress->n_cells, regress->n_cells == 1 ? "" : "s");
    for (int kind = REGRESS_KIND_COUNT - 1; kind >= 0; kind--) {
        if (regress->count[kind] == 0) continue;
        fprintf(stderr, "%s%zu %s", between, regress->count[kind], regress_kind_name((RegressKind)kind));
        between = ", ";
    }
    fputc('\n', stderr);
}

static Err check_results(Check *check) {
    Err err = ERR_OK;
    Regress regress = {0};
    RegressSpec spec = {.path = command_value(check->line, "results"),
                        .against = command_value(check->line, "against"),
                        .n_metrics = (size_t)command_n_values(check->line, "metric"),
                        .bytes = check->tolerance};
    const char **metrics = NULL;
    TRY(mem_alloc(&metrics, spec.n_metrics, sizeof *metrics));
    for (size_t i = 0; i < spec.n_metrics; i++) metrics[i] = command_value_at(check->line, "metric", (int)i);
    spec.metrics = metrics;
    TRY(tolerance_parse(&spec.metric, "metric-tolerance", command_value(check->line, "metric-tolerance"), false));
    TRY(regress_compare(&regress, &spec));
    say_figures(&regress);
    if (command_has(check->line, "json"))
        TRY(regress_json(&check->json, &regress));
    else
        regress_print(stdout, &regress);
    size_t n = regress.count[REGRESS_WORSE];
    FAIL_IF(n > 0, ERR_GATE, "%zu figure%s of %s %s worse than in %s", n, n == 1 ? "" : "s", spec.path,
            n == 1 ? "is" : "are", spec.against);
done:
    mem_free(metrics);
    regress_clear(&regress);
    return err;
}

/* ---- the command ---- */

static Err check_options(const CommandLine *line) {
    Err err = ERR_OK;
    bool results = command_has(line, "results");
    FAIL_IF(results != command_has(line, "against"), ERR_ARG, "--results A.h5 and --against B.h5 go together");
    FAIL_IF(results && command_n_operands(line) > 0, ERR_ARG,
            "--results compares results files: it takes no grid, got '%s'", command_operand(line, 0));
    FAIL_IF(results && command_has(line, "device"), ERR_ARG, "--device goes with a grid, not with --results");
    FAIL_IF(!results && command_n_operands(line) == 0, ERR_ARG, "expected GRID.yaml, or --results A.h5 --against B.h5");
    FAIL_IF(!results && (command_has(line, "metric") || command_has(line, "metric-tolerance")), ERR_ARG,
            "--metric and --metric-tolerance go with --results");
done:
    return err;
}

static Err print_json(const json_t *json) {
    char *text = json_dumps(json, JSON_INDENT(2));
    if (text == NULL) return err_set(ERR_NOMEM, "out of memory while the comparison was written as JSON");
    puts(text);
    free(text);
    return ERR_OK;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Check check = {.line = line};
    TRY(child_clean_self());
    TRY(check_options(line));
    TRY(tolerance_parse(&check.tolerance, "tolerance", command_value(line, "tolerance"), true));
    err = command_has(line, "results") ? check_results(&check) : check_grid(&check);
    if (check.json != NULL && (err == ERR_OK || err == ERR_GATE)) {
        Err printed = print_json(check.json);
        if (printed != ERR_OK) err = printed;
    }
done:
    if (check.json != NULL) json_decref(check.json);
    text_clear(&check.accept);
    lock_clear(&check.lock);
    mem_free(check.lock_path);
    mem_free(check.overrides);
    return err;
}

const Command cmd_check = {
    .name = "check",
    .summary = "compare a grid's memory plans with its lock, or results with earlier ones; exit 2 if worse",
    .usage = "GRID.yaml [KEY=VALUE ...] | --results A.h5 --against B.h5",
    .about =
        "`refocus plan GRID.yaml --write-lock` writes the plans of all cells into GRID.lock, which belongs under "
        "version\n"
        "control. This makes them again and prints each difference: which cells, by how many bytes, and which tensors\n"
        "grew, shrank, appeared (were not there, or below 0.1 % of the peak) or went. Plans for cuda are compared on "
        "every\n"
        "machine, of plans for a CPU those of its class (cpu-avx512, cpu-avx2), or of --isa; others are named, and "
        "fail\n"
        "nothing.\n"
        "Without --tolerance every difference exits with 2, less memory too: the lock says what is.\n\n"
        "With --results, how cells of the same name ended, their planned and measured peaks and their metrics at the "
        "last\n"
        "evaluation are compared, each in the direction in which it gets worse; what cannot be measured any more is "
        "worse.",
    .example = "refocus check experiments/quickstart.yaml\n"
               "refocus check experiments/quickstart.yaml train.batch=64 --tolerance 10%\n"
               "refocus check --results results/quickstart.h5 --against results/before.h5 --metric-tolerance 2%",
    .options = options,
    .n_operands_min = 0,
    .n_operands_max = -1,
    .reads_foreign = "results",
    .run = run};

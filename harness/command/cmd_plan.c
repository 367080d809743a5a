/* refocus plan: what each cell of a grid will need, from its shapes alone; nothing is run or written. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/write_lock.h"
#include "harness/grid/grid.h"
#include "harness/run/agenda.h"
#include "harness/run/child.h"
#include "harness/run/size_text.h"
#include "harness/run/survey.h"
#include "harness/terminal.h"
#include "kernels/device.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "budget",
     .letter = 'b',
     .arg = "SIZE",
     .help = "e.g. 24GiB: exit with 2 if a cell needs more, memory.reserve included (memory.budget)"},
    {.name = "cells", .letter = 'c', .arg = "PATTERN", .help = "only cells with such names; may be repeated"},
    {.name = "device",
     .arg = "DEVICE",
     .help = "plan for cpu (as here) or cuda, which need not be there; provisional (cpu)"},
    {.name = "write-lock", .help = "write the plans into GRID.lock, for `refocus check`"},
    COMMAND_OPTION_JSON,
    COMMAND_OPTION_END};

enum { MAX_COLUMNS = 12, PLAN_WIDTH = 52, MODULE_WIDTH = 10, OVER_WIDTH = 13 };

typedef struct Row {
    char name[160]; /* of the cells with one plan: their name without the seed where there are several */
    size_t first;   /* cell */
    size_t n_cells;
    bool over;
} Row;

typedef struct PlanRun {
    const CommandLine *line;
    Grid *grid;
    bool *selected;
    Surveys surveys;
    Row *rows; /* [surveys.n] */
    uint64_t budget;
    const char *modules[MAX_COLUMNS];
    size_t n_modules, n_over;
} PlanRun;

/* ---- reading ---- */

static Err read_budget(PlanRun *run) {
    Err err = ERR_OK;
    Settings *size = NULL;
    const char *text = command_value(run->line, "budget");
    if (text == NULL) return ERR_OK;
    TRY(settings_new(&size));
    if (settings_set(size, "memory.budget", text) != ERR_OK)
        TRY(err_set(ERR_ARG, "--budget %s: expected a size such as 24GiB", text));
    run->budget = (uint64_t)settings_int(size, "memory.budget");
done:
    settings_free(size);
    return err;
}

static Err read_grid(PlanRun *run) {
    Err err = ERR_OK;
    const CommandLine *line = run->line;
    size_t n_overrides = (size_t)command_n_operands(line) - 1, n_patterns = (size_t)command_n_values(line, "cells");
    size_t n_selected = 0;
    const char **overrides = NULL, **patterns = NULL;
    const char *device = command_value(line, "device") != NULL ? command_value(line, "device") : "cpu";
    Device kind;
    TRY(device_find(&kind, device));
    TRY(mem_alloc(&overrides, n_overrides, sizeof *overrides));
    TRY(mem_alloc(&patterns, n_patterns, sizeof *patterns));
    for (size_t i = 0; i < n_overrides; i++) overrides[i] = command_operand(line, (int)i + 1);
    for (size_t i = 0; i < n_patterns; i++) patterns[i] = command_value_at(line, "cells", (int)i);
    TRY(grid_load(&run->grid, command_operand(line, 0), overrides, n_overrides, device_name(kind)));
    TRY(agenda_select(&run->selected, &n_selected, run->grid, patterns, n_patterns));
    TRY(survey_grid(&run->surveys, run->grid, run->selected, false));
done:
    mem_free(overrides);
    mem_free(patterns);
    return err;
}

/* ---- rows ---- */

static void make_row(PlanRun *run, size_t i_survey) {
    Row *row = &run->rows[i_survey];
    const Survey *survey = &run->surveys.item[i_survey];
    for (size_t i = run->grid->n_cells; i-- > 0;)
        if (run->selected[i] && run->surveys.of_cell[i] == i_survey) {
            row->first = i;
            row->n_cells++;
        }
    const char *name = run->grid->cells[row->first].name;
    int len = row->n_cells > 1 ? (int)(strrchr(name, '@') - name) : (int)strlen(name);
    (void)snprintf(row->name, sizeof row->name, "%.*s", len, name);
    uint64_t reserve = (uint64_t)settings_int(survey->settings, "memory.reserve");
    row->over = run->budget > 0 ? survey->peak_bytes + reserve > run->budget : survey->over_budget;
    run->n_over += row->over ? row->n_cells : 0;
}

static void note_modules(PlanRun *run, const RecordMemory *memory) {
    for (size_t i = 0; i < memory->n_modules; i++) {
        size_t k = 0;
        if (memory->by_module[i].bytes == 0) continue; /* it lives at other nodes only */
        while (k < run->n_modules && strcmp(run->modules[k], memory->by_module[i].name) != 0) k++;
        if (k == run->n_modules && k < MAX_COLUMNS) run->modules[run->n_modules++] = memory->by_module[i].name;
    }
}

static Err make_rows(PlanRun *run) {
    Err err = mem_alloc(&run->rows, run->surveys.n, sizeof *run->rows);
    for (size_t i = 0; err == ERR_OK && i < run->surveys.n; i++) {
        make_row(run, i);
        note_modules(run, &run->surveys.item[i].record->memory);
    }
    return err;
}

static int64_t module_bytes(const RecordMemory *memory, const char *module) {
    for (size_t i = 0; i < memory->n_modules; i++)
        if (strcmp(memory->by_module[i].name, module) == 0) return memory->by_module[i].bytes;
    return 0;
}

/* ---- text ---- */

static int widest_name(const PlanRun *run) {
    int width = 6;
    for (size_t i = 0; i < run->surveys.n; i++)
        if ((int)strlen(run->rows[i].name) > width) width = (int)strlen(run->rows[i].name);
    return width;
}

static void print_module_names(const PlanRun *run, size_t from, size_t until) {
    for (size_t m = from; m < until; m++) printf("  %*s", MODULE_WIDTH, run->modules[m]);
}

static void print_modules(const PlanRun *run, size_t i, size_t from, size_t until) {
    char bytes[SIZE_TEXT];
    const RecordMemory *memory = &run->surveys.item[i].record->memory;
    for (size_t m = from; m < until; m++)
        printf("  %*s", MODULE_WIDTH, size_text((uint64_t)module_bytes(memory, run->modules[m]), bytes));
}

/* The plan and, where the line is long enough for them, the first modules. */
static void print_first_block(const PlanRun *run, int width, size_t n_modules) {
    char peak[SIZE_TEXT], flops[SIZE_TEXT];
    printf("%-*s  cells  parameters  %10s  %6s  %10s ", width, "plan", "peak", "ratio", "FLOP/step");
    print_module_names(run, 0, n_modules);
    putchar('\n');
    for (size_t i = 0; i < run->surveys.n; i++) {
        const Survey *s = &run->surveys.item[i];
        printf("%-*s  %5zu  %10" PRId64 "  %10s  %6.4f  %10s ", width, run->rows[i].name, run->rows[i].n_cells,
               s->n_params, size_text(s->peak_bytes, peak), s->ratio, count_text((uint64_t)s->flops_per_step, flops));
        print_modules(run, i, 0, n_modules);
        if (run->rows[i].over) printf("  OVER BUDGET");
        putchar('\n');
    }
}

/* On a terminal that is too narrow for one line, modules have blocks of their own. */
static void print_text(const PlanRun *run) {
    int width = widest_name(run), columns = terminal_columns(stdout);
    int plan = width + PLAN_WIDTH + (run->n_over > 0 ? OVER_WIDTH : 0);
    size_t all = run->n_modules;
    bool fits = columns == 0 || plan + (int)all * (MODULE_WIDTH + 2) <= columns;
    print_first_block(run, width, fits ? all : 0);
    if (fits) return;
    int room = (columns - width) / (MODULE_WIDTH + 2);
    size_t step = room > 1 ? (size_t)room : 1;
    for (size_t from = 0; from < all; from += step) {
        size_t until = from + step < all ? from + step : all;
        printf("\n%-*s", width, "module");
        print_module_names(run, from, until);
        putchar('\n');
        for (size_t i = 0; i < run->surveys.n; i++) {
            printf("%-*s", width, run->rows[i].name);
            print_modules(run, i, from, until);
            putchar('\n');
        }
    }
}

/* ---- JSON ---- */

static json_t *bytes_object(const RecordBytes *items, size_t n) {
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) (void)json_object_set_new(object, items[i].name, json_integer(items[i].bytes));
    return object;
}

static json_t *cell_object(const PlanRun *run, size_t i_cell) {
    const Survey *s = survey_of(&run->surveys, i_cell);
    const RecordMemory *m = &s->record->memory;
    const Row *row = &run->rows[run->surveys.of_cell[i_cell]];
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:s*, s:b, s:o, s:o}", "cell",
                     run->grid->cells[i_cell].name, "variant", run->grid->cells[i_cell].variant, "seed",
                     (json_int_t)run->grid->cells[i_cell].seed, "parameters", (json_int_t)s->n_params, "peak_bytes",
                     (json_int_t)s->peak_bytes, "lower_bound_bytes", (json_int_t)s->lower_bound_bytes, "ratio",
                     s->ratio, "flops_per_step", (json_int_t)s->flops_per_step, "peak_node", m->peak_node,
                     "over_budget", row->over, "by_module", bytes_object(m->by_module, m->n_modules), "by_role",
                     bytes_object(m->by_role, m->n_roles));
}

static Err print_json(const PlanRun *run) {
    json_t *cells = json_array();
    bool ok = cells != NULL;
    for (size_t i = 0; ok && i < run->grid->n_cells; i++)
        if (run->selected[i]) ok = json_array_append_new(cells, cell_object(run, i)) == 0;
    json_t *root = json_pack("{s:s, s:s, s:I, s:o}", "experiment", run->grid->experiment, "device", run->grid->device,
                             "budget_bytes", (json_int_t)run->budget, "cells", cells);
    char *text = ok && root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    Err err = text != NULL ? ERR_OK : err_set(ERR_NOMEM, "out of memory while the plan was written as JSON");
    if (text != NULL) puts(text);
    free(text);
    if (root != NULL) json_decref(root);
    return err;
}

/* ---- the command ---- */

static Err run_command(const CommandLine *line) {
    Err err = ERR_OK;
    PlanRun run = {.line = line};
    TRY(child_clean_self());
    FAIL_IF(command_has(line, "write-lock") && command_has(line, "cells"), ERR_ARG,
            "--write-lock locks all cells of a grid: it does not go with --cells");
    TRY(read_budget(&run));
    TRY(read_grid(&run));
    TRY(make_rows(&run));
    fprintf(stderr, "%s: %zu cell%s, %zu plan%s\n", run.grid->experiment, run.grid->n_cells,
            run.grid->n_cells == 1 ? "" : "s", run.surveys.n, run.surveys.n == 1 ? "" : "s");
    for (size_t i = 0; i < run.grid->n_notes; i++) fprintf(stderr, "  %s\n", run.grid->notes[i]);
    if (command_has(line, "json"))
        TRY(print_json(&run));
    else
        print_text(&run);
    if (command_has(line, "write-lock")) TRY(write_lock(run.grid, &run.surveys));
    if (run.n_over > 0)
        err = err_set(ERR_GATE,
                      "%zu of %zu cells are over budget: a smaller train.batch, eval.batch or data.image "
                      "needs less",
                      run.n_over, run.grid->n_cells);
done:
    mem_free(run.rows);
    surveys_clear(&run.surveys);
    mem_free(run.selected);
    grid_free(run.grid);
    return err;
}

const Command cmd_plan = {
    .name = "plan",
    .summary = "show memory, parameters and FLOPs of each cell, before anything runs",
    .usage = "GRID.yaml [KEY=VALUE ...]",
    .about =
        "The peak is exact: it is what the cell's arena will hold. ratio: peak over the lower bound, the most bytes\n"
        "that are alive at once. Columns of modules add up to the peak. Cells that differ in their seeds alone have\n"
        "one plan. Exits with 2 if a cell is over its budget.",
    .example = "refocus plan experiments/quickstart.yaml --budget 256MiB\n"
               "refocus plan experiments/quickstart.yaml train.batch=64 --json",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run_command};

/* refocus plan: what each cell of a grid will need, from its shapes alone; nothing is run or written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/command/write_lock.h"
#include "harness/grid/grid.h"
#include "harness/report/plan_format.h"
#include "harness/run/agenda.h"
#include "harness/run/child.h"
#include "harness/terminal.h"
#include "kernels/device.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "budget",
     .letter = 'b',
     .arg = "SIZE",
     .help = "e.g. 24GiB: exit with 2 if a cell needs more, memory.reserve included (memory.budget)"},
    {.name = "cells", .letter = 'c', .arg = "CELL", .help = "only cells with such names; may be repeated"},
    {.name = "why",
     .letter = 'w',
     .arg = "CELL",
     .help = "what is alive at the peak of these cells, and the batch that would fit; may be repeated"},
    {.name = "summary", .letter = 's', .help = "only the variants, and from where on they are over budget"},
    {.name = "device", .arg = "DEVICE", .help = "cpu, as this machine's, or cuda, which need not be there (cpu)"},
    COMMAND_OPTION_ISA,
    {.name = "format", .letter = 'f', .arg = "FORMAT", .help = "text, markdown, csv or json (text)"},
    {.name = "json", .help = "the same as --format json"},
    {.name = "write-lock", .help = "write the plans into GRID.lock, for `refocus check`"},
    {.name = "time", .letter = 't', .help = "measure the time of a step: trains a few of each plan here, on all cores"},
    {.name = "results", .arg = "DIR", .help = "where times of finished cells are looked up (results)"},
    COMMAND_OPTION_END};

typedef struct PlanRun {
    const CommandLine *line;
    const PlanFormat *format;
    Grid *grid;
    bool *selected;
    Surveys surveys;
    PlanTable table;
    PlanWhy *why; /* [n_why] */
    size_t n_why;
    uint64_t budget;
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

static Err read_format(PlanRun *run) {
    const char *name = command_value(run->line, "format");
    const bool json = command_has(run->line, "json");
    if (json && name != NULL && strcmp(name, "json") != 0)
        return err_set(ERR_ARG, "--json and --format %s: expected one of them", name);
    Err err = plan_format_find(&run->format, json ? "json" : name != NULL ? name : "text");
    if (err == ERR_OK && command_n_values(run->line, "why") > 0 && run->format->why == NULL)
        err = err_set(ERR_ARG, "--why has no form as %s, expected text, markdown or json", run->format->name);
    return err;
}

static bool is_named(const PlanRun *run, const char *option, size_t i_cell) {
    for (int p = 0; p < command_n_values(run->line, option); p++)
        if (grid_match(command_value_at(run->line, option, p), run->grid->cells[i_cell].name)) return true;
    return false;
}

/* Patterns of --cells; with --why alone, of that. A cell that is trained as another one has a plan of its own. */
static Err select_cells(PlanRun *run) {
    Err err = ERR_OK;
    const char *option = command_n_values(run->line, "cells") == 0 ? "why" : "cells";
    size_t n = (size_t)command_n_values(run->line, option), n_selected = 0;
    const char **patterns = NULL;
    TRY(mem_alloc(&patterns, n, sizeof *patterns));
    for (size_t i = 0; i < n; i++) patterns[i] = command_value_at(run->line, option, (int)i);
    TRY(agenda_select(&run->selected, &n_selected, run->grid, patterns, n));
    for (size_t i = 0; n > 0 && i < run->grid->n_cells; i++) run->selected[i] = is_named(run, option, i);
done:
    mem_free(patterns);
    return err;
}

static Err read_grid(PlanRun *run) {
    Err err = ERR_OK;
    const CommandLine *line = run->line;
    size_t n_overrides = (size_t)command_n_operands(line) - 1;
    const char **overrides = NULL;
    const char *device = command_value(line, "device") != NULL ? command_value(line, "device") : "cpu";
    Device kind;
    TRY(device_find(&kind, device));
    TRY(mem_alloc(&overrides, n_overrides, sizeof *overrides));
    for (size_t i = 0; i < n_overrides; i++) overrides[i] = command_operand(line, (int)i + 1);
    TRY(grid_load(&run->grid, command_operand(line, 0), overrides, n_overrides, device_name(kind)));
    TRY(select_cells(run));
    TRY(survey_grid(&run->surveys, run->grid, run->selected, false));
    TRY(surveys_check_precision(&run->surveys, run->grid, run->selected));
done:
    mem_free(overrides);
    return err;
}

/* ---- the command ---- */

static bool is_asked_for(const PlanRun *run, const PlanRow *row) {
    for (size_t i = 0; i < run->grid->n_cells; i++)
        if (plan_row_of(&run->table, i) == row && is_named(run, "why", i)) return true;
    return false;
}

static Err explain(PlanRun *run) {
    Err err = ERR_OK;
    TRY(mem_alloc(&run->why, run->table.n_rows, sizeof *run->why));
    for (size_t i = 0; i < run->table.n_rows; i++)
        if (is_asked_for(run, &run->table.row[i]))
            TRY(plan_why(&run->why[run->n_why++], &run->table, &run->table.row[i]));
    FAIL_IF(run->n_why == 0, ERR_NOTHING, "--why: no cell of %s matches both --cells and '%s'", run->grid->path,
            command_value(run->line, "why"));
    TRY(run->format->why(stdout, &run->table, run->why, run->n_why));
done:
    return err;
}

static void tell(const PlanRun *run) {
    const PlanTable *table = &run->table;
    fprintf(stderr, "%s on %s: %zu cell%s, %zu plan%s\n", run->grid->experiment, table->device, table->n_cells,
            table->n_cells == 1 ? "" : "s", table->n_rows, table->n_rows == 1 ? "" : "s");
    for (size_t i = 0; i < run->grid->n_notes; i++) fprintf(stderr, "  %s\n", run->grid->notes[i]);
}

static Err prepare_probe(const PlanRun *run, PlanOptions *out) {
    out->probe_threads = machine_n_cores();
    Device kind = DEVICE_CPU;
    return device_option(&out->probe_device, &kind, run->line);
}

static Err make(PlanRun *run) {
    Err err = ERR_OK;
    const char *results = command_value(run->line, "results");
    PlanOptions table_options = {.results = results != NULL ? results : "results"};
    const bool some = command_has(run->line, "cells") || command_has(run->line, "why");
    FAIL_IF(command_has(run->line, "write-lock") && some, ERR_ARG,
            "--write-lock locks all cells of a grid: it does not go with --cells or --why");
    TRY(read_format(run));
    TRY(read_budget(run));
    table_options.budget = run->budget;
    if (command_has(run->line, "time")) TRY(prepare_probe(run, &table_options));
    TRY(read_grid(run));
    TRY(plan_table_make(&run->table, run->grid, &run->surveys, run->selected, &table_options));
done:
    return err;
}

static Err over_budget(const PlanTable *table) {
    const PlanRow *largest = &table->row[0];
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->row[i].survey->peak_bytes > largest->survey->peak_bytes) largest = &table->row[i];
    return err_set(ERR_GATE, "%zu of %zu cells are over budget; --why '%s' tells what fills the largest", table->n_over,
                   table->n_cells, table->grid->cells[largest->first].name);
}

static Err run_command(const CommandLine *line) {
    Err err = ERR_OK;
    PlanRun run = {.line = line};
    TRY(child_clean_self());
    TRY(make(&run));
    tell(&run);
    errno = 0;
    if (command_n_values(line, "why") > 0)
        TRY(explain(&run));
    else
        TRY(run.format->table(stdout, &run.table, command_has(line, "summary")));
    TRY(terminal_flush(stdout, "the plan"));
    if (command_has(line, "write-lock")) TRY(write_lock(run.grid, &run.surveys));
    if (run.table.n_over > 0) err = over_budget(&run.table);
done:
    for (size_t i = 0; i < run.n_why; i++) plan_why_clear(&run.why[i]);
    mem_free(run.why);
    plan_table_clear(&run.table);
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
        "that are alive at once. added: to the baseline's peak. Columns of modules add up to the peak; most at the\n"
        "peak: tensors there that are alike and take most of it. Cells that differ in their seeds alone have one\n"
        "plan. disk: of a finished cell, an estimate. time: what finished cells of the same settings took, where there "
        "are\n"
        "some, or with --time, train.steps times a step that is measured on that device here.\n"
        "A plan needs no device: --device cuda works without CUDA. Its workspaces (unrolled convolutions of at most\n"
        "64 MiB, 32 MiB for cuBLAS, partial sums) are what its kernels take on every card. The scratch of a CPU "
        "depends\n"
        "on its instruction set, which stands in the first line.\n"
        "Exits with 2 if a cell is over its budget.",
    .example = "refocus plan experiments/quickstart.yaml --budget 256MiB\n"
               "refocus plan experiments/quickstart.yaml train.batch=64 --json\n"
               "refocus plan experiments/memory.yaml --device cuda --budget 24GiB --summary\n"
               "refocus plan experiments/quickstart.yaml --why 'original@0' --budget 1GiB",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run_command};

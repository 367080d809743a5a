/* Decides what a table compares, where it reads figures, and which rows it shows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "harness/report/table_build.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static bool is_text(const char *a, const char *b) { return a != NULL && b != NULL && strcmp(a, b) == 0; }

/* ---- what is not there ---- */

/* For a metric that is not there: the nearest one, or all that are recorded. */
static Err no_metric(const Build *build) {
    char hint[128], list[1500] = "";
    size_t at = 0;
    Near near = near_start(build->metric);
    for (size_t i = 0; i < build->rows->n_read; i++) {
        const RecordEvaluation *evaluation = record_find_evaluation(build->rows->read[i], build->set);
        if (evaluation == NULL) continue;
        for (size_t k = 0; k < evaluation->n_metrics; k++) {
            near_offer(&near, evaluation->metrics[k].name);
            if (at < sizeof list)
                at += (size_t)snprintf(list + at, sizeof list - at, "%s%s",
                                       k > 0 ? ", " : "; recorded: ", evaluation->metrics[k].name);
        }
        break;
    }
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    return err_set(ERR_NOTHING, "no cell has a metric '%s' on '%s'%s", build->metric, build->set,
                   hint[0] != '\0' ? hint : list);
}

static Err no_set(const Build *build) {
    char list[300] = "";
    size_t at = 0;
    const CellRecord *cell = build->rows->read[0];
    for (size_t i = 0; i < cell->n_evaluations && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i > 0 ? ", " : "", cell->evaluations[i].set);
    return err_set(ERR_NOTHING, "no cell has an evaluation of '%s' (recorded: %s)", build->set, list);
}

static Err check_step(const Build *build) {
    char list[300] = "";
    size_t at = 0;
    const RecordEvaluation *evaluation = NULL;
    if (build->at.kind != AT_STEP) return ERR_OK;
    for (size_t i = 0; i < build->rows->n_read; i++) {
        evaluation = record_find_evaluation(build->rows->read[i], build->set);
        for (size_t k = 0; evaluation != NULL && k < evaluation->n; k++)
            if (evaluation->step[k] == build->at.step) return ERR_OK;
    }
    for (size_t k = 0; evaluation != NULL && k < evaluation->n && at < sizeof list; k++)
        at +=
            (size_t)snprintf(list + at, sizeof list - at, "%s%lld", k > 0 ? ", " : "", (long long)evaluation->step[k]);
    return err_set(ERR_NOTHING, "no cell has an evaluation of '%s' at step %s (recorded: %s)", build->set,
                   build->at_text, list);
}

/* ---- what is compared ---- */

static const char *first_of(const char *a, const char *b) { return a != NULL ? a : b; }

static Err describe_files(Build *build) {
    Err err = ERR_OK;
    Table *table = build->table;
    const Rows *rows = build->rows;
    TRY(pool_alloc(&table->pool, &table->file, rows->n_files, sizeof *table->file));
    table->title = "";
    for (size_t i = 0; i < rows->n_files; i++) {
        const ResultsInfo *info = rows->file[i].info;
        table->file[i] = (TableFile){.path = info->path,
                                     .label = rows->file[i].label,
                                     .experiment = first_of(info->experiment, ""),
                                     .question = first_of(info->question, ""),
                                     .baseline = info->baseline,
                                     .primary_variant = info->primary_variant,
                                     .primary_metric = info->primary_metric,
                                     .primary_set = info->primary_set,
                                     .primary_at = info->primary_at,
                                     .tuning = info->tuning};
        TRY(pool_printf(&table->pool, &table->title, "%s%s%s", table->title, i > 0 ? ", " : "", table->file[i].label));
        table->n_files++;
    }
done:
    return err;
}

/* What the options say, else the first file that declares a comparison, else what every grid records. */
static Err choose(Build *build) {
    Err err = ERR_OK;
    const TableOptions *options = build->options;
    const Table *table = build->table;
    const Rows *rows = build->rows;
    const TableFile *declaring = NULL;
    for (size_t i = 0; declaring == NULL && i < table->n_files; i++)
        if (table->file[i].primary_metric != NULL) declaring = &table->file[i];
    build->metric = first_of(options->metric, declaring != NULL ? declaring->primary_metric : "char_accuracy");
    build->set = first_of(options->set, first_of(declaring != NULL ? declaring->primary_set : NULL, "test"));
    build->at_text = first_of(options->at, first_of(declaring != NULL ? declaring->primary_at : NULL, "last"));
    TRY(at_parse(&build->at, build->at_text));
    if (options->set == NULL && !rows_have_set(rows, build->set) && rows_have_set(rows, "valid"))
        build->set = "valid"; /* the caption says so */
    build->valid = rows_have_set(rows, "valid") ? "valid" : build->set;
    if (rows->n_read == 0) goto done; /* nothing is finished: costs and causes are still worth a table */
    if (!rows_have_set(rows, build->set)) TRY(no_set(build));
    build->declared = rows_metric(rows, build->set, build->metric);
    if (build->declared == NULL) TRY(no_metric(build));
    TRY(check_step(build));
done:
    return err;
}

/* Which of the files declared what is compared now. A margin is one metric's. */
static void match_declarations(Build *build) {
    for (size_t i = 0; i < build->table->n_files; i++) {
        TableFile *file = &build->table->file[i];
        const double margin = build->rows->file[i].info->primary_margin;
        bool metric = is_text(build->metric, file->primary_metric);
        bool place = is_text(build->set, first_of(file->primary_set, "test")) &&
                     is_text(build->at_text, first_of(file->primary_at, "last"));
        file->is_primary = metric && place;
        file->is_elsewhere = !place;
        file->margin = metric && margin > 0 ? margin : 0;
    }
}

static Err write_caption(Build *build) {
    const char *where = build->at.kind == AT_LAST   ? "last evaluation"
                        : build->at.kind == AT_BEST ? "evaluation that was best on valid"
                                                    : "step ";
    size_t most = 0;
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->rows->row[i].n_done > most) most = build->rows->row[i].n_done;
    const char *over = most > 1 ? "Mean ± sample std over seeds" : "One seed";
    const char *step = build->at.kind == AT_STEP ? build->at_text : "";
    const char **out = &build->table->caption;
    Pool *pool = &build->table->pool;
    if (most == 0) return pool_text(pool, out, "No cell is finished yet.");
    return pool_printf(pool, out, "Set %s, %s%s. %s. ↑ higher, ↓ lower is better.", build->set, where, step, over);
}

/* ---- rows ---- */
static Err fill_failures(Build *build, const RowData *row, TableRow *out) {
    Err err = ERR_OK;
    TRY(pool_alloc(&build->table->pool, &out->failure, row->n_cells - row->n_done, sizeof *out->failure));
    for (size_t i = 0; i < row->n_cells; i++) {
        const CellRecord *cell = row->cell[i];
        out->count[cell->status]++;
        if (cell->status != CELL_DONE)
            out->failure[out->n_failures++] = (TableFailure){cell->seed, cell->status, cell->cause};
    }
done:
    return err;
}

/* Where a shown row stands in the table. */
static size_t place_of(const Build *build, const RowData *row) {
    size_t place = 0;
    for (const RowData *other = build->rows->row; other < row; other++)
        place += build->is_shown[other - build->rows->row];
    return place;
}

static size_t place_of_baseline(const Build *build, const RowData *row) {
    const RowData *baseline = row->baseline;
    return place_of(build, baseline != NULL && build->is_shown[baseline - build->rows->row] ? baseline : row);
}

static Err fill_row(Build *build, const RowData *row, TableRow *out) {
    Err err = ERR_OK;
    Table *table = build->table;
    const TableFile *file = &table->file[row->file];
    int64_t step[2];
    *out = (TableRow){.label = row->label,
                      .name = row->name,
                      .variant = row->variant,
                      .file = row->file,
                      .settings = "",
                      .is_baseline = is_text(row->variant, file->baseline),
                      .is_primary = file->is_primary && is_text(row->variant, file->primary_variant),
                      .baseline = place_of_baseline(build, row),
                      .is_improving = row_last_gain(build, row, step) > improving_bar(build, row),
                      .n_cells = row->n_cells};
    TRY(fill_failures(build, row, out));
    TRY(pool_alloc(&table->pool, &out->value, table->n_columns, sizeof *out->value));
    for (size_t i = 0; i < table->n_columns; i++) TRY(build->fill[i](build, row, &table->column[i], &out->value[i]));
done:
    return err;
}

/* The declaration of a metric by the cells of one file. */
static const RecordMetric *file_metric(const Build *build, size_t file, const char *metric) {
    for (size_t i = 0; i < build->rows->n; i++) {
        const RowData *row = &build->rows->row[i];
        for (size_t k = 0; row->file == file && k < row->n_cells; k++) {
            const RecordEvaluation *evaluation = record_find_evaluation(row->cell[k], build->set);
            int at = evaluation == NULL ? -1 : record_find_metric(evaluation, metric);
            if (at >= 0) return &evaluation->metrics[at];
        }
    }
    return NULL;
}

static bool is_asked_for(const TableOptions *options, const char *label) {
    for (size_t i = 0; i < options->n_rows; i++)
        if (grid_match(options->rows[i], label)) return true;
    return options->n_rows == 0;
}

/* What uniform attention would give on a file's set: the line under which nothing was learnt. */
static Err add_chance(Build *build, size_t file) {
    Err err = ERR_OK;
    Table *table = build->table;
    TableRow row = {.label = "uniform attention", .name = "", .variant = "", .settings = "", .file = file};
    bool found = false;
    row.is_chance = true;
    if (table->n_files > 1) TRY(pool_printf(&table->pool, &row.label, "%s: %s", table->file[file].label, row.label));
    TRY(pool_alloc(&table->pool, &row.value, table->n_columns, sizeof *row.value));
    for (size_t i = 0; i < table->n_columns; i++) {
        const TableColumn *column = &table->column[i];
        if (column->metric == NULL || column->kind != VALUE_SPREAD) continue;
        const RecordMetric *metric = file_metric(build, file, column->metric);
        if (metric == NULL || isnan(metric->chance)) continue;
        row.value[i] = (TableValue){.kind = VALUE_NUMBER, .mean = metric->chance};
        found = true;
    }
    if (found && (is_asked_for(build->options, row.label) || is_asked_for(build->options, "uniform attention")))
        table->row[table->n_rows++] = row;
done:
    return err;
}

static Err fill_rows(Build *build) {
    Err err = ERR_OK;
    Table *table = build->table;
    const Rows *rows = build->rows;
    TRY(pool_alloc(&table->pool, &table->row, rows->n + rows->n_files, sizeof *table->row));
    for (size_t i = 0; i < rows->n; i++)
        if (build->is_shown[i]) TRY(fill_row(build, &rows->row[i], &table->row[table->n_rows++]));
    for (size_t file = 0; file < rows->n_files; file++) TRY(add_chance(build, file));
done:
    return err;
}

static Err choose_rows(Build *build) {
    Err err = ERR_OK;
    const TableOptions *options = build->options;
    const Rows *rows = build->rows;
    for (size_t i = 0; i < options->n_rows; i++)
        if (!grid_match(options->rows[i], "uniform attention")) TRY(rows_check_pattern(rows, options->rows[i]));
    TRY(pool_alloc(&build->table->pool, &build->is_shown, rows->n, sizeof *build->is_shown));
    for (size_t i = 0; i < rows->n; i++) {
        build->is_shown[i] = options->n_rows == 0;
        for (size_t k = 0; k < options->n_rows; k++)
            build->is_shown[i] = build->is_shown[i] || row_matches(&rows->row[i], options->rows[k]);
    }
done:
    return err;
}

static Err build_all(Build *build) {
    Err err = ERR_OK;
    Table *table = build->table;
    size_t n_cells = 1;
    for (size_t i = 0; i < build->rows->n; i++) n_cells += build->rows->row[i].n_cells;
    TRY(pool_alloc(&table->pool, &build->scratch, n_cells, sizeof(double)));
    TRY(pool_alloc(&table->pool, &build->comparison, build->rows->n, sizeof *build->comparison));
    TRY(describe_files(build));
    TRY(choose(build));
    match_declarations(build);
    table->metric = build->metric;
    table->set = build->set;
    table->at = build->at_text;
    table->has_digits = build->options->has_digits;
    TRY(write_caption(build));
    TRY(choose_rows(build));
    TRY(comparisons_make(build));
    TRY(columns_choose(build));
    TRY(fill_rows(build));
    TRY(settings_differences(build));
    TRY(notes_write(build));
    TRY(table_clean(table)); /* text that the rows own would die with them */
done:
    return err;
}

Err table_build(Table **out, const Results *const *results, size_t n_results, const TableOptions *options) {
    Err err = ERR_OK;
    Rows rows = {0};
    Table *table = NULL;
    *out = NULL;
    TRY(mem_alloc(&table, 1, sizeof *table));
    TRY(rows_read(&rows, results, n_results));
    if (!options->mixed_code) TRY(rows_check_code(&rows));
    Build build = {.table = table, .rows = &rows, .options = options};
    TRY(build_all(&build));
    *out = table;
    table = NULL;
done:
    table_free(table);
    rows_clear(&rows);
    return err;
}

void table_free(Table *table) {
    if (table == NULL) return;
    pool_clear(&table->pool);
    mem_free(table);
}

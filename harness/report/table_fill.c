/* Values of a table's columns, row by row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/table_build.h"

static const double mebibyte = 1 << 20;

Err fill_n(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)column;
    *value = (TableValue){.kind = VALUE_NUMBER, .n = row->n_done, .mean = (double)row->n_done};
    if (row->n_done == row->n_cells) return ERR_OK;
    return pool_printf(&build->table->pool, &value->remark, "/%zu †", row->n_cells);
}

static const char *short_words(CellStatus status) {
    return status == CELL_OVER_BUDGET ? "over budget" : cell_status_name(status);
}

/* "1 diverged, 2 over budget" */
Err fill_unfinished(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    Err err = ERR_OK;
    const char *words = NULL;
    (void)column;
    *value = (TableValue){.kind = VALUE_NONE};
    for (int status = 0; status < CELL_STATUS_COUNT; status++) {
        size_t n = 0;
        for (size_t i = 0; i < row->n_cells; i++) n += (int)row->cell[i]->status == status;
        if (status == CELL_DONE || n == 0) continue;
        TRY(pool_printf(&build->table->pool, &words, "%s%s%zu %s", words != NULL ? words : "",
                        words != NULL ? ", " : "", n, short_words((CellStatus)status)));
    }
    if (words != NULL) *value = (TableValue){.kind = VALUE_TEXT, .text = words};
done:
    return err;
}

/* Values of a metric over the row's done cells; those that do not exist are left out. */
static size_t gather(const RowData *row, const char *set, const char *metric, At at, double *out) {
    size_t n = 0;
    for (size_t i = 0; i < row->n_cells; i++) {
        if (row->cell[i]->status != CELL_DONE) continue;
        double v = cell_metric(row->cell[i], set, metric, at);
        if (!isnan(v)) out[n++] = v;
    }
    return n;
}

static void set_stats(TableValue *value, ValueKind kind, const double *numbers, size_t n) {
    Stats s = stats_of(numbers, n);
    *value = (TableValue){
        .kind = n > 0 ? kind : VALUE_NONE, .n = n, .mean = s.mean, .std = s.std, .low = s.low, .high = s.high};
}

/* "(5/7)" where a figure rests on fewer cells than the row has. */
static Err remark_share(Build *build, const RowData *row, TableValue *value) {
    if (value->kind == VALUE_NONE || value->n == row->n_done) return ERR_OK;
    return pool_printf(&build->table->pool, &value->remark, " (%zu/%zu)", value->n, row->n_done);
}

Err fill_metric(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = gather(row, build->set, column->metric, build->at, build->scratch);
    set_stats(value, column->kind, build->scratch, n);
    return remark_share(build, row, value);
}

Err fill_steps_to_hit(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = 0;
    (void)column;
    for (size_t i = 0; i < row->n_cells; i++) {
        if (row->cell[i]->status != CELL_DONE) continue;
        double steps = cell_steps_to(row->cell[i], build->valid, "hit_rate", 0.9);
        if (!isnan(steps)) build->scratch[n++] = steps;
    }
    set_stats(value, VALUE_SPREAD, build->scratch, n);
    if (n == 0 && row->n_done > 0) *value = (TableValue){.kind = VALUE_TEXT, .text = "not reached"};
    return remark_share(build, row, value);
}

/* ---- against the baseline ---- */

Err fill_difference(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = pair_differences(build, row, column->metric, build->scratch);
    set_stats(value, column->kind, build->scratch, n);
    value->bold = strcmp(column->metric, build->metric) == 0 && comparison_of(build, row)->bold;
    return row->baseline != NULL ? remark_share(build, row, value) : ERR_OK;
}

static TableValue number_or_none(double number, size_t n) {
    return (TableValue){.kind = isnan(number) ? VALUE_NONE : VALUE_NUMBER, .n = n, .mean = number};
}

Err fill_p(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)column;
    *value = number_or_none(comparison_of(build, row)->p, comparison_of(build, row)->n);
    return ERR_OK;
}

Err fill_p_holm(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)column;
    *value = number_or_none(comparison_of(build, row)->p_holm, comparison_of(build, row)->n);
    return ERR_OK;
}

Err fill_verdict(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    const Comparison *c = comparison_of(build, row);
    (void)column;
    *value = (TableValue){.kind = VALUE_NONE};
    if (c->verdict != VERDICT_NONE)
        *value = (TableValue){.kind = VALUE_TEXT, .n = c->n, .text = verdict_name(c->verdict)};
    return ERR_OK;
}

/* Time that a cell spent on training steps. */
static double training_seconds(const CellRecord *cell) { return cell->times.seconds_per_step * (double)cell->n_steps; }

/* Difference of a pair when the slower one is stopped at the time the faster one needed for all of its steps. */
static double equal_time_difference(const Build *build, const CellRecord *cell, const CellRecord *other) {
    double seconds = fmin(training_seconds(cell), training_seconds(other));
    if (!(cell->times.seconds_per_step > 0) || !(other->times.seconds_per_step > 0)) return NAN;
    return cell_metric_between(cell, build->valid, build->metric, seconds / cell->times.seconds_per_step) -
           cell_metric_between(other, build->valid, build->metric, seconds / other->times.seconds_per_step);
}

Err fill_equal_time(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = 0;
    for (size_t i = 0; row->baseline != NULL && i < row->n_cells; i++) {
        const CellRecord *cell = row->cell[i];
        const CellRecord *other = cell->status == CELL_DONE ? row_with_seed(row->baseline, cell->seed) : NULL;
        double d = other != NULL ? equal_time_difference(build, cell, other) : NAN;
        if (!isnan(d)) build->scratch[n++] = d;
    }
    set_stats(value, column->kind, build->scratch, n);
    return ERR_OK;
}

/* ---- cost: of every cell that knows it, finished or not ---- */
typedef double (*CellNumber)(const CellRecord *cell);

/* The largest value over the cells; they differ only if something is odd. */
static Err fill_largest(const RowData *row, CellNumber number, TableValue *value) {
    *value = (TableValue){.kind = VALUE_NONE, .mean = -1};
    for (size_t i = 0; i < row->n_cells; i++) {
        if (row->cell[i]->status == CELL_MISSING) continue;
        double v = number(row->cell[i]);
        if (!(v >= 0)) continue;
        value->kind = VALUE_NUMBER;
        value->mean = fmax(value->mean, v);
        value->n++;
    }
    return ERR_OK;
}

static double params_of(const CellRecord *cell) { return cell->n_params > 0 ? (double)cell->n_params : NAN; }
static double planned_of(const CellRecord *cell) { return (double)cell->memory.planned_bytes / mebibyte; }
static double measured_of(const CellRecord *cell) { return (double)cell->memory.measured_bytes / mebibyte; }
static double rss_of(const CellRecord *cell) { return (double)cell->times.peak_rss_bytes / mebibyte; }

Err fill_params(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)build;
    (void)column;
    return fill_largest(row, params_of, value);
}

Err fill_planned(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)build;
    (void)column;
    return fill_largest(row, planned_of, value);
}

Err fill_measured(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)build;
    (void)column;
    return fill_largest(row, measured_of, value);
}

/* Of the whole process: the arena as far as it was touched, program, libraries, data. */
Err fill_rss(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)build;
    (void)column;
    return fill_largest(row, rss_of, value);
}

static double context_of(const CellRecord *cell) {
    return cell->times.context_bytes >= 0 ? (double)cell->times.context_bytes / mebibyte : (double)NAN;
}

/* Of a device's memory, beside the plan. */
Err fill_context(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    (void)build;
    (void)column;
    return fill_largest(row, context_of, value);
}

int64_t row_trials(const Build *build, const RowData *row) {
    const ResultsInfo *info = build->rows->file[row->file].info;
    const size_t len = strlen(row->variant);
    for (size_t i = 0; info->tuning != NULL && i < info->n_tuning_trials; i++)
        if (strncmp(info->tuning_trials[i], row->variant, len) == 0 && info->tuning_trials[i][len] == '=')
            return strtoll(info->tuning_trials[i] + len + 1, NULL, 10);
    return -1;
}

Err fill_trials(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    const int64_t trials = row_trials(build, row);
    (void)column;
    *value = (TableValue){.kind = trials < 0 ? VALUE_NONE : VALUE_NUMBER, .mean = (double)trials};
    return ERR_OK;
}

Err fill_boxes(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = 0;
    (void)column;
    for (size_t i = 0; i < row->n_cells; i++)
        if (row->cell[i]->status == CELL_DONE) build->scratch[n++] = (double)row->cell[i]->n_boxes_used;
    set_stats(value, VALUE_NUMBER, build->scratch, n);
    return ERR_OK;
}

Err fill_milliseconds(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = 0;
    (void)column;
    for (size_t i = 0; i < row->n_cells; i++)
        if (row->cell[i]->status == CELL_DONE && row->cell[i]->times.seconds_per_step > 0)
            build->scratch[n++] = 1000 * row->cell[i]->times.seconds_per_step;
    set_stats(value, VALUE_SPREAD, build->scratch, n);
    return ERR_OK;
}

Err fill_time_ratio(Build *build, const RowData *row, const TableColumn *column, TableValue *value) {
    size_t n = 0;
    (void)column;
    for (size_t i = 0; row->baseline != NULL && i < row->n_cells; i++) {
        const CellRecord *cell = row->cell[i];
        const CellRecord *other = cell->status == CELL_DONE ? row_with_seed(row->baseline, cell->seed) : NULL;
        if (other == NULL) continue;
        double ratio = cell->times.seconds_per_step / other->times.seconds_per_step;
        if (isfinite(ratio)) build->scratch[n++] = ratio;
    }
    set_stats(value, VALUE_SPREAD, build->scratch, n);
    return ERR_OK;
}

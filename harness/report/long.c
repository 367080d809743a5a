/* Records, cell by cell in the order of the table's rows. */
#include "harness/report/long.h"

#include <math.h>
#include <string.h>

#include "harness/report/csv.h"
#include "harness/report/rows.h"
#include "kernels/near.h"

typedef struct Long {
    Csv csv;
    const TableOptions *options;
    Rows rows;
    size_t n_axes, room_axes;
    const char **axis; /* [n_axes] keys, in order of first use */
    bool is_training;  /* curves in place of evaluations */
    size_t n_written;
} Long;

/* ---- axes ---- */

/* The length of the key in "key=value". */
static size_t key_len(const char *axis) { return strcspn(axis, "="); }

static const char *value_on(const CellRecord *cell, const char *key) {
    for (size_t i = 0; i < cell->n_axes; i++) {
        size_t len = key_len(cell->axes[i]);
        if (strlen(key) == len && strncmp(cell->axes[i], key, len) == 0)
            return cell->axes[i][len] == '=' ? cell->axes[i] + len + 1 : "";
    }
    return "";
}

static Err add_axis(Long *out, const char *axis) {
    Err err = ERR_OK;
    const size_t len = key_len(axis);
    for (size_t i = 0; i < out->n_axes; i++)
        if (strlen(out->axis[i]) == len && strncmp(out->axis[i], axis, len) == 0) return ERR_OK;
    TRY(pool_grow(&out->rows.pool, &out->axis, out->n_axes, &out->room_axes, sizeof *out->axis));
    TRY(pool_printf(&out->rows.pool, &out->axis[out->n_axes], "%.*s", (int)len, axis));
    out->n_axes++;
done:
    return err;
}

static Err list_axes(Long *out) {
    Err err = ERR_OK;
    for (size_t i = 0; i < out->rows.n; i++)
        for (size_t k = 0; k < out->rows.row[i].first->n_axes; k++) TRY(add_axis(out, out->rows.row[i].first->axes[k]));
done:
    return err;
}

/* ---- records ---- */
static void put_head(Long *out) {
    static const char *const before[] = {"experiment", "cell", "variant"};
    static const char *const behind[] = {"seed", "status", "cause", "set", "step", "metric", "value"};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) csv_text(&out->csv, before[i]);
    for (size_t i = 0; i < out->n_axes; i++) csv_text(&out->csv, out->axis[i]);
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) csv_text(&out->csv, behind[i]);
    csv_end(&out->csv);
}

static void put_cell(Long *out, const RowData *row, const CellRecord *cell) {
    Csv *csv = &out->csv;
    csv_text(csv, out->rows.file[row->file].label);
    csv_text(csv, cell->name);
    csv_text(csv, cell->variant);
    for (size_t i = 0; i < out->n_axes; i++) csv_text(csv, value_on(cell, out->axis[i]));
    csv_whole(csv, cell->seed);
    csv_text(csv, cell_status_name(cell->status));
    csv_text(csv, cell->cause);
}

static void begin_figure(Long *out, const RowData *row, const CellRecord *cell, const char *set, int64_t step,
                         const char *metric) {
    put_cell(out, row, cell);
    csv_text(&out->csv, set);
    csv_whole(&out->csv, step);
    csv_text(&out->csv, metric);
    out->n_written++;
}

static bool wants(const char *wanted, const char *name) { return wanted == NULL || strcmp(wanted, name) == 0; }

/* A value that does not exist has no record. */
static void put_evaluations(Long *out, const RowData *row, const CellRecord *cell) {
    for (size_t i = 0; i < cell->n_evaluations; i++) {
        const RecordEvaluation *evaluation = &cell->evaluations[i];
        if (!wants(out->options->set, evaluation->set)) continue;
        for (size_t m = 0; m < evaluation->n_metrics; m++) {
            const char *metric = evaluation->metrics[m].name;
            for (size_t k = 0; wants(out->options->metric, metric) && k < evaluation->n; k++) {
                if (isnan(evaluation->value[m][k])) continue;
                begin_figure(out, row, cell, evaluation->set, evaluation->step[k], metric);
                csv_real(&out->csv, evaluation->value[m][k]);
                csv_end(&out->csv);
            }
        }
    }
}

static void put_curves(Long *out, const RowData *row, const CellRecord *cell) {
    for (int kind = 0; kind < CURVE_COUNT; kind++) {
        const char *name = curve_name((CurveKind)kind);
        for (size_t k = 0; wants(out->options->metric, name) && k < cell->curves.n; k++) {
            if (isnan(cell->curves.value[kind][k])) continue;
            begin_figure(out, row, cell, LONG_TRAINING, cell->curves.step[k], name);
            csv_float(&out->csv, cell->curves.value[kind][k]);
            csv_end(&out->csv);
        }
    }
}

static Err put_all_of(Long *out, const RowData *row, const CellRecord *cell) {
    Err err = ERR_OK;
    const Results *results = out->rows.file[row->file].results;
    const size_t before = out->n_written;
    CellRecord *read = NULL;
    size_t i = 0;
    if (cell->status != CELL_MISSING) {
        TRY(results_find(results, cell->id, &i));
        TRY(results_read(results, i, out->is_training ? PART_CURVES : PART_EVALUATION, &read));
        if (out->is_training)
            put_curves(out, row, read);
        else
            put_evaluations(out, row, read);
    }
    if (out->n_written == before) { /* nothing to tell but how it ended */
        put_cell(out, row, cell);
        for (int k = 0; k < 4; k++) csv_empty(&out->csv);
        csv_end(&out->csv);
    }
done:
    record_free(read);
    return err;
}

/* ---- options ---- */
static bool is_shown(const TableOptions *options, const RowData *row) {
    for (size_t i = 0; i < options->n_rows; i++)
        if (row_matches(row, options->rows[i])) return true;
    return options->n_rows == 0;
}

static Err check_training_metric(const char *metric) {
    char hint[160];
    Near near = near_start(metric);
    for (int kind = 0; kind < CURVE_COUNT; kind++) {
        near_offer(&near, curve_name((CurveKind)kind));
        if (strcmp(curve_name((CurveKind)kind), metric) == 0) return ERR_OK;
    }
    return err_set(ERR_NOTHING,
                   "training has no curve '%s'%s; there are loss, loss_recognition, loss_focus, grad_norm and lr",
                   metric, near_hint(&near, "", hint, (int)sizeof hint));
}

/* Before anything is written. */
static Err check_metric(const Long *out) {
    char hint[160];
    const char *set = out->options->set, *metric = out->options->metric;
    bool has_set = set == NULL;
    Near near = near_start(metric != NULL ? metric : "");
    for (size_t i = 0; i < out->rows.n_read; i++) {
        const CellRecord *cell = out->rows.read[i];
        for (size_t k = 0; k < cell->n_evaluations; k++) {
            if (!wants(set, cell->evaluations[k].set)) continue;
            has_set = true;
            if (metric == NULL || record_find_metric(&cell->evaluations[k], metric) >= 0) return ERR_OK;
            for (size_t m = 0; m < cell->evaluations[k].n_metrics; m++)
                near_offer(&near, cell->evaluations[k].metrics[m].name);
        }
    }
    if (!has_set)
        return err_set(ERR_NOTHING,
                       "no cell has an evaluation of '%s'; '" LONG_TRAINING "' gives the curves of training", set);
    return err_set(ERR_NOTHING, "no cell has a metric '%s'%s%s%s%s", metric, set != NULL ? " on '" : "",
                   set != NULL ? set : "", set != NULL ? "'" : "", near_hint(&near, "", hint, (int)sizeof hint));
}

static Err check_options(const Long *out) {
    Err err = ERR_OK;
    const TableOptions *options = out->options;
    for (size_t i = 0; i < options->n_rows; i++) TRY(rows_check_pattern(&out->rows, options->rows[i]));
    if (out->is_training && options->metric != NULL)
        TRY(check_training_metric(options->metric));
    else if (!out->is_training && out->rows.n_read > 0 && (options->metric != NULL || options->set != NULL))
        TRY(check_metric(out));
done:
    return err;
}

Err long_write(FILE *to, const Results *const *results, size_t n_results, const TableOptions *options) {
    Err err = ERR_OK;
    Long out = {.csv = {.to = to}, .options = options};
    out.is_training = options->set != NULL && strcmp(options->set, LONG_TRAINING) == 0;
    TRY(rows_read(&out.rows, results, n_results));
    if (!options->mixed_code) TRY(rows_check_code(&out.rows));
    TRY(check_options(&out));
    TRY(list_axes(&out));
    put_head(&out);
    for (size_t i = 0; i < out.rows.n; i++)
        for (size_t k = 0; is_shown(options, &out.rows.row[i]) && k < out.rows.row[i].n_cells; k++)
            TRY(put_all_of(&out, &out.rows.row[i], out.rows.row[i].cell[k]));
done:
    rows_clear(&out.rows);
    return err;
}

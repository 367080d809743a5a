/* Figures of one cell, read from its evaluations. Declared in rows.h. */
#include <math.h>

#include "harness/report/rows.h"

/* A metric's column of an evaluation set. */
typedef struct Column {
    size_t n;
    const int64_t *step;
    const double *value;
    int direction;
} Column;

static Column find_column(const CellRecord *cell, const char *set, const char *metric) {
    const RecordEvaluation *evaluation = record_find_evaluation(cell, set);
    int i = evaluation == NULL ? -1 : record_find_metric(evaluation, metric);
    if (i < 0) return (Column){0};
    return (Column){evaluation->n, evaluation->step, evaluation->value[i], evaluation->metrics[i].direction};
}

double cell_metric(const CellRecord *cell, const char *set, const char *metric, At at) {
    Column column = find_column(cell, set, metric);
    if (column.n == 0) return NAN;
    if (at.kind == AT_LAST) return column.value[column.n - 1];
    int64_t step = at.kind == AT_BEST ? cell->best.step : at.step;
    for (size_t i = 0; i < column.n; i++)
        if (column.step[i] == step && (at.kind == AT_STEP || step > 0)) return column.value[i];
    return NAN;
}

double cell_metric_between(const CellRecord *cell, const char *set, const char *metric, double step) {
    Column column = find_column(cell, set, metric);
    if (column.n == 0 || !(step >= (double)column.step[0])) return NAN;
    for (size_t i = 1; i < column.n; i++) {
        double x0 = (double)column.step[i - 1], x1 = (double)column.step[i];
        if (step < x1) return column.value[i - 1] + (column.value[i] - column.value[i - 1]) * (step - x0) / (x1 - x0);
    }
    return column.value[column.n - 1];
}

double cell_steps_to(const CellRecord *cell, const char *set, const char *metric, double bar) {
    Column column = find_column(cell, set, metric);
    for (size_t i = 0; i < column.n; i++)
        if (column.value[i] >= bar) return (double)column.step[i];
    return NAN;
}

double cell_last_gain(const CellRecord *cell, const char *set, const char *metric, int64_t step[2]) {
    Column column = find_column(cell, set, metric);
    if (column.n < 2) return NAN;
    step[0] = column.step[column.n - 2];
    step[1] = column.step[column.n - 1];
    double gain = column.value[column.n - 1] - column.value[column.n - 2];
    return column.direction < 0 ? -gain : gain;
}

const RecordMetric *rows_metric(const Rows *rows, const char *set, const char *metric) {
    for (size_t i = 0; i < rows->n_read; i++) {
        const RecordEvaluation *evaluation = record_find_evaluation(rows->read[i], set);
        int k = evaluation == NULL ? -1 : record_find_metric(evaluation, metric);
        if (k >= 0) return &evaluation->metrics[k];
    }
    return NULL;
}

bool rows_have_set(const Rows *rows, const char *set) {
    for (size_t i = 0; i < rows->n_read; i++)
        if (record_find_evaluation(rows->read[i], set) != NULL) return true;
    return false;
}

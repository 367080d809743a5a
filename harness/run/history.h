/* What a cell has measured so far, in memory: curves, evaluations, attention maps of fixed samples. Filled step by step
 * by the trainer, or read back from a journal; turned into a CellRecord at the end. Arrays grow when they must, but a
 * trainer reserves all of them before its first step. Depends on record, kernels. */
#ifndef HARNESS_RUN_HISTORY_H
#define HARNESS_RUN_HISTORY_H

#include "harness/record/record.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HISTORY_MAX_SETS = 32, HISTORY_SET_LEN = 96 };

/* What rows look like: fixed for a cell, and the head of its journal. No padding: compared and written as it is. */
typedef struct HistoryShape {
    int32_t n_columns;           /* metrics of an evaluation */
    int32_t n_sets;              /* "valid", "valid.photos", "test", ... */
    int32_t n_samples, n_t, n_l; /* N, T, L of an attention row; N = 0 = no maps */
    int32_t text_len;            /* bytes of one predicted text, its NUL included */
    char set[HISTORY_MAX_SETS][HISTORY_SET_LEN];
} HistoryShape;

/* One training step. */
typedef struct HistoryStep {
    int64_t step; /* counted from 1 */
    float value[CURVE_COUNT];
    float wall_seconds; /* of the whole step, data included */
    float cpu_seconds;  /* process CPU time of the model's part: inputs there, to update done */
    float reserved;     /* 0: no padding */
} HistoryStep;

typedef struct History {
    HistoryShape shape;
    HistoryStep *steps;
    int64_t n_steps, steps_room;
    int64_t *evaluated[HISTORY_MAX_SETS]; /* [n_rows[s]] step of each evaluation */
    double *values[HISTORY_MAX_SETS];     /* [n_rows[s], n_columns] */
    int64_t n_rows[HISTORY_MAX_SETS], rows_room;
    int64_t *mapped; /* [n_maps] step of each row of maps */
    float *maps;     /* [n_maps, N, T, L] */
    float *centres;  /* [n_maps, N, T] x in pixels */
    char *predicted; /* [n_maps, N, text_len] */
    int64_t n_maps, maps_room;
} History;

Err history_new(History **out, const HistoryShape *shape) MUST_CHECK;
void history_free(History *history); /* accepts NULL */

/* Room for this many more of each. */
Err history_reserve(History *history, int64_t n_steps, int64_t n_evaluations, int64_t n_maps) MUST_CHECK;

/* Append one row. Steps must increase, within a set for evaluations: ERR_DATA. */
Err history_step(History *history, const HistoryStep *step) MUST_CHECK;
Err history_evaluation(History *history, int32_t i_set, int64_t step, const double *values) MUST_CHECK;
Err history_map(History *history, int64_t step, const float *maps, const float *centres,
                const char *predicted) MUST_CHECK;

/* The step of the last row; 0 when there is none. */
int64_t history_last_step(const History *history);
int64_t history_last_evaluation(const History *history, int32_t i_set);
int64_t history_last_map(const History *history);

int32_t history_find_set(const HistoryShape *shape, const char *set); /* -1 when there is none */

/* Bytes of one row of maps, of centres and of predictions. */
size_t history_maps_bytes(const HistoryShape *shape);
size_t history_centres_bytes(const HistoryShape *shape);
size_t history_predicted_bytes(const HistoryShape *shape);

/* Curves, evaluations (a set without rows is left out) and, if the record has its samples, maps, into an empty record.
 * metrics describes the columns. centre_y: of all maps, pixels. Median and wall time of the steps go into times. */
Err history_to_record(const History *history, const RecordMetric *metrics, double centre_y,
                      CellRecord *record) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

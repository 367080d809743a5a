/* Recorded metrics. One is one file, harness/run/metrics/<name>.c, that defines `const Metric metric_<name>`; the table
 * is generated from the file names. Every metric is a weighted mean over an evaluation set, added up in double in the
 * order of the samples, so that its bits depend on nothing else. Depends on kernels only.
 *
 * Two runs of the decoder are measured: teacher-forced (every character has its step, errors do not matter) and
 * free-running (greedy; step t is compared with character t, so after a skipped character every later one counts as
 * lost). A metric on attention is recorded for both, the second with "_free" after its name. */
#ifndef HARNESS_RUN_METRIC_H
#define HARNESS_RUN_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { METRIC_MAX_STEPS = 1024 }; /* no line and no prediction is longer */

/* Attention of one run over one line: row t is alpha + t * stride, n_positions values that sum to 1. */
typedef struct MetricLook {
    const float *alpha; /* NULL: this run was not made */
    int64_t stride;     /* in floats; 0 = every step has the same row */
    int n_steps;        /* steps that the decoder took, the one that gave the end symbol included */
} MetricLook;

/* One line of an evaluation set, as evaluation fills it. Pixels are those of the network's input. All borrowed. */
typedef struct MetricSample {
    int n_chars;            /* without the end symbol */
    const int32_t *labels;  /* [n_chars] classes */
    const float *boxes;     /* [n_chars,4] x0 y0 x1 y1, half-open; x1 <= x0: this character has none. NULL: none has */
    int n_positions;        /* L, columns of the attention map */
    const double *centre_x; /* [L] pixel centre of each position */
    double cell;            /* width of a position in pixels */

    const int32_t *forced; /* [n_chars + 1] best class of each teacher-forced step, the end symbol last; or NULL */
    int32_t end_class;     /* the class of the end symbol */
    MetricLook look_forced;

    const int32_t *predicted; /* [n_predicted] free-running classes before the end symbol; or NULL */
    int n_predicted;
    MetricLook look_free;
} MetricSample;

/* The value is sum / weight. */
typedef struct MetricSum {
    double sum, weight;
} MetricSum;

typedef enum MetricBetter { METRIC_HIGHER, METRIC_LOWER, METRIC_NEITHER } MetricBetter;

typedef struct Metric {
    const char *name;      /* "hit_rate" */
    const char *long_name; /* one line for axes and legends */
    const char *free_name; /* recorded a second time under this name, on the free-running look; NULL = once */
    const char *free_long_name;
    const char *unit; /* "1" for shares, "px" */
    MetricBetter better;
    bool is_attention; /* says where the network looks: shows that a branch did what it was trained to do, no more */
    bool needs_free;   /* recorded once, on the free-running run */

    /* Adds one line. look is the run to measure, never with alpha NULL; NULL when !is_attention. */
    void (*add)(MetricSum *sum, const MetricSample *sample, const MetricLook *look);
} Metric;

/* Name and long name of a metric that is recorded for both runs. */
#define METRIC_BOTH(name_, text)                                                                                       \
    .name = name_, .long_name = text ", teacher-forced", .free_name = name_ "_free",                                   \
    .free_long_name = text ", free-running", .is_attention = true

/* One recorded column: a dataset of the results file. Strings are static. */
typedef struct MetricColumn {
    const char *name, *long_name, *unit;
    MetricBetter better;
    bool is_attention, is_free;
    const Metric *metric;
} MetricColumn;

/* Columns in the order of the metrics' names, "_free" after its other; their number is the same in every run of one
 * build. metric_column_find: the index, or -1. */
int metric_n_columns(void);
MetricColumn metric_column(int i);
int metric_column_find(const char *name);

/* Sums over one evaluation set. */
typedef struct MetricSet MetricSet;
Err metric_set_new(MetricSet **out) MUST_CHECK;
void metric_set_free(MetricSet *set);
void metric_set_clear(MetricSet *set);

/* Adds one line to every column whose run was made. Lines are added in the order of the set. */
void metric_set_add(MetricSet *set, const MetricSample *sample);

/* The same line, looked at with uniform attention at every step: what chance gives on this set. Only attention columns
 * change. The decoder is taken to have the right length. ERR_NOMEM. */
Err metric_set_add_uniform(MetricSet *set, const MetricSample *sample) MUST_CHECK;

/* NaN when nothing could be measured: no boxes, or a run that was not made. */
double metric_set_value(const MetricSet *set, int column);

#ifdef __cplusplus
}
#endif
#endif

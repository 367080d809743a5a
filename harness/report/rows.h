/* Cells of one or several results files gathered into rows, one per file, variant and place on the grid's axes, and
 * what is measured on each cell. Depends on record/results. */
#ifndef HARNESS_REPORT_ROWS_H
#define HARNESS_REPORT_ROWS_H

#include <stdbool.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"

/* At which of a cell's evaluations a figure is read. */
typedef struct At {
    enum { AT_LAST, AT_BEST, AT_STEP } kind;
    int64_t step; /* AT_STEP */
} At;

typedef struct RowsFile {
    const Results *results; /* borrowed, outlives the rows */
    const ResultsInfo *info;
    const char *label; /* its experiment, or what tells it from another file of the same experiment */
} RowsFile;

typedef struct RowData {
    size_t file;
    const char *variant;
    const char *name;        /* "revised,focus.lambda=0.5": its cells' name without the seed */
    const char *label;       /* "revised, focus.lambda=0.5"; among several files "drift: revised, ..." */
    const CellRecord *first; /* of its cells: axes, identity */
    size_t n_cells, room;
    const CellRecord **cell; /* [n_cells] in the order of the file; done ones with evaluations, times, provenance */
    size_t n_done;
    const struct RowData *baseline; /* the row it is compared with; NULL = none, or it is one */
} RowData;

typedef struct Rows {
    Pool pool;
    size_t n_files;
    RowsFile *file;
    CellRecord **read; /* [n_read] what was read for done cells */
    size_t n_read;
    size_t n, room;
    RowData *row;
} Rows;

/* Groups and reads all cells, and pairs the rows of each file with those of its baseline. The caller clears *rows, also
 * after an error. ERR_ARG for a file that is given twice. */
Err rows_read(Rows *rows, const Results *const *results, size_t n_results) MUST_CHECK;
void rows_clear(Rows *rows);

/* ERR_DATA if cells of one file were trained by different code: a source that both used is not the same. */
Err rows_check_code(Rows *rows) MUST_CHECK;

/* True if pattern fits the row's name or label. */
bool row_matches(const RowData *row, const char *pattern);
/* ERR_NOTHING, with the nearest row, for a pattern that fits none. */
Err rows_check_pattern(const Rows *rows, const char *pattern) MUST_CHECK;

/* The done cell of a row with that seed, or NULL. */
const CellRecord *row_with_seed(const RowData *row, int64_t seed);

/* "last", "best", "1500". ERR_ARG. */
Err at_parse(At *out, const char *text) MUST_CHECK;

/* ---- measures of one done cell; NaN where a figure does not exist ---- */
double cell_metric(const CellRecord *cell, const char *set, const char *metric, At at);

/* The metric at any step up to the last, between evaluations on a straight line; NaN before the first one. */
double cell_metric_between(const CellRecord *cell, const char *set, const char *metric, double step);

/* First evaluated step at which the metric is at least `bar`; NaN = never. */
double cell_steps_to(const CellRecord *cell, const char *set, const char *metric, double bar);

/* How much better the last evaluation is than the one before; *step the two steps. NaN for fewer than two. */
double cell_last_gain(const CellRecord *cell, const char *set, const char *metric, int64_t step[2]);

/* The declaration of a metric in the first cell that has it, or NULL. */
const RecordMetric *rows_metric(const Rows *rows, const char *set, const char *metric);
bool rows_have_set(const Rows *rows, const char *set);

#endif

/* Curves of cells over training steps: one line per cell, mean and band over seeds per row of the grid; as a picture or
 * as CSV. Depends on rows, pick, page. */
#ifndef HARNESS_REPORT_CURVE_H
#define HARNESS_REPORT_CURVE_H

#include <stdbool.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"

typedef struct CurveOptions {
    const char *cell;   /* name or pattern; NULL = all */
    const char *metric; /* "loss", "lr", ...: a curve of the training; or a metric of evaluations */
    const char *set;    /* of a metric; NULL = valid, or the first that has it */
    bool log;           /* logarithmic values */
    int64_t smooth;     /* mean over so many recorded values; 0 = 1, but a hundredth of a training curve in a picture */
} CurveOptions;

/* Writes a PNG, SVG or PDF, or a CSV, by the name of path. ERR_NOTHING for no such cell, a metric that no chosen cell
 * has (with the nearest), nothing positive to show with log; ERR_ARG for another ending; ERR_CREATE, ERR_IO. */
Err curve_write(const Results *results, const CurveOptions *options, const char *path) MUST_CHECK;

/* ERR_ARG if path has no ending that is written. */
Err curve_check_name(const char *path) MUST_CHECK;

/* ---- what is drawn ---- */

/* The curve of one cell. */
typedef struct CurveLine {
    const char *cell;
    int64_t seed;
    bool is_done;
    size_t n;
    const int64_t *step; /* [n] */
    double *value;       /* [n] smoothed; NaN where there is none */
} CurveLine;

/* A row of the grid: its cells, and their mean where all that are done have a value. */
typedef struct CurveRow {
    const char *label; /* "revised, focus.lambda=0.5" */
    size_t number;     /* among all rows of the file, also those without this curve: its colour, whatever is drawn */
    size_t n_lines, room;
    CurveLine *line;
    size_t n_done;
    size_t n;
    const int64_t *step;       /* [n] */
    double *mean, *low, *high; /* [n] over done cells; NaN where one has none */
} CurveRow;

typedef struct Curve {
    Pool pool;
    const char *experiment, *title; /* "char_accuracy on valid" */
    const char *metric;
    const char *unit; /* "px"; "" = none */
    double chance;    /* of attention that is spread evenly; NaN = none */
    bool log;
    int64_t smooth; /* values in a mean; 1 = as recorded */
    size_t n_rows, room;
    CurveRow *row;
} Curve;

/* Gathers the curve of n cells that were read (curves, evaluations; others are NULL), as a picture would show it;
 * options->cell does not count. out->n_rows = 0: none of them has it. The caller clears *out whatever comes. */
Err curve_gather(Curve *out, const CellRecord *const *cell, size_t n, const CurveOptions *options) MUST_CHECK;
void curve_clear(Curve *curve);

/* Draws it. */
Err curve_plot(const Curve *curve, const char *path) MUST_CHECK;

#endif

/* Results compared with earlier ones, cell by cell: what got worse. Depends on results, rows, tolerance. */
#ifndef HARNESS_REPORT_REGRESS_H
#define HARNESS_REPORT_REGRESS_H

#include <jansson.h>
#include <stdio.h>

#include "harness/grid/pool.h"
#include "harness/report/tolerance.h"

typedef struct RegressSpec {
    const char *path, *against; /* results files: the new one, the earlier one */
    size_t n_metrics;
    const char *const *metrics; /* only these; none: all that have a better and a worse */
    Tolerance bytes, metric;    /* of peaks; of metrics (a share) */
} RegressSpec;

/* In the order in which they are counted and told. */
typedef enum RegressKind {
    REGRESS_WORSE,
    REGRESS_TOLERATED, /* worse, within the tolerance */
    REGRESS_BETTER,
    REGRESS_NEW, /* a cell that the earlier file does not have */
    REGRESS_SAME,
    REGRESS_KIND_COUNT
} RegressKind;

const char *regress_kind_name(RegressKind kind);

/* One figure of one cell that is not the same: a metric of a set at the last evaluation, a peak, or how it ended. */
typedef struct RegressFigure {
    RegressKind kind;
    const char *cell, *figure; /* "test char_accuracy", "planned_bytes", "measured_bytes", "status" */
    bool is_bytes;
    double before, after;                 /* NaN: there is none */
    const char *before_text, *after_text; /* of a status: "done", "failed: killed by signal 9"; else NULL */
} RegressFigure;

/* Starts as {0}. */
typedef struct Regress {
    Pool pool;
    size_t n, room;
    RegressFigure *figure; /* worse ones first, then in the order of the earlier file */
    size_t n_cells;        /* that both files have */
    size_t count[REGRESS_KIND_COUNT];
} Regress;

/* The caller clears *out whatever comes. ERR_NOTHING if the files share no cell, or no cell has a metric asked for; and
 * what opening results gives. */
Err regress_compare(Regress *out, const RegressSpec *spec) MUST_CHECK;
void regress_clear(Regress *regress);

/* What is worse, also within the tolerance. A failed write shows in ferror(to). */
void regress_print(FILE *to, const Regress *regress);

/* *out = an object with all figures that moved. */
Err regress_json(json_t **out, const Regress *regress) MUST_CHECK;

#endif

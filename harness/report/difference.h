/* Two results files compared, cell by cell: settings, environment, the first step at which they part, metrics,
 * parameters. Equal means: the same content, bit for bit, apart from volatile/ and provenance. Depends on results. */
#ifndef HARNESS_REPORT_DIFFERENCE_H
#define HARNESS_REPORT_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"

/* One thing that differs; NULL = it is not there. */
typedef struct DiffPair {
    const char *key, *a, *b;
} DiffPair;

typedef struct DiffPairs {
    size_t n, room;
    DiffPair *item;
} DiffPairs;

/* Numbers of one step, or of one evaluation. */
typedef struct DiffNumber {
    const char *key; /* "loss", "test char_accuracy" */
    double a, b;     /* NaN = there is none */
} DiffNumber;

typedef struct DiffNumbers {
    size_t n, room;
    DiffNumber *item;
} DiffNumbers;

typedef struct DiffCell {
    const char *name;
    bool in_a, in_b;
    bool is_compared; /* both have a result; else only their status is told */
    bool is_equal;
    DiffPairs facts;    /* status, cause, counts, sizes in memory: what is neither setting nor measured per step */
    DiffPairs settings; /* all of them, resolved */
    DiffPairs origin;   /* provenance and code */
    int64_t n_a, n_b;   /* steps recorded */
    int64_t first_step; /* the first whose values differ; 0 = none that both have */
    DiffNumbers step;   /* its values that differ */
    int64_t first_evaluation; /* step of the first evaluation that differs in some set; 0 = none */
    DiffNumbers metrics;      /* that differ at the last evaluation of a set, "test char_accuracy" */
    int64_t first_maps;       /* step of the first attention maps that differ; 0 = none */
    int64_t n_params;         /* of the last step that differ, by name */
    const char *worst_param;  /* that with the largest difference; NULL = none in value */
    double worst_by;          /* of one element, absolute */
} DiffCell;

/* Starts as {0}. */
typedef struct Difference {
    Pool pool;
    const char *path_a, *path_b; /* borrowed */
    size_t n, room;
    DiffCell *cell; /* in the order of A, then what only B has */
    size_t n_equal, n_only_a, n_only_b;
    DiffPairs environment; /* origin that differs in the same way in every cell that both have */
} Difference;

typedef struct DiffSpec {
    const char *path_a, *path_b;
    const char *cell; /* name or pattern; NULL = all. Files of one cell each are compared whatever their names */
} DiffSpec;

/* The caller clears *out whatever comes. ERR_NOTHING if neither file has such a cell, or they share none; ERR_DATA also
 * where a cell does not have the content that its digest says. */
Err difference_make(Difference *out, const DiffSpec *spec) MUST_CHECK;
void difference_clear(Difference *difference);

/* True if all cells are equal, and in both. */
bool difference_is_none(const Difference *difference);

/* A failed write shows in ferror(to). */
void difference_text(FILE *to, const Difference *difference);

/* An object that the caller releases; NULL when memory is short. */
json_t *difference_json(const Difference *difference);

#endif

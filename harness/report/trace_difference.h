/* Two traces, tensor by tensor in execution order: the first that differs says where two steps part. Depends on
 * record/trace_file. */
#ifndef HARNESS_REPORT_TRACE_DIFFERENCE_H
#define HARNESS_REPORT_TRACE_DIFFERENCE_H

#include <jansson.h>
#include <stdio.h>

#include "harness/record/trace_file.h"

/* A tensor of both traces. */
typedef struct TracePair {
    const TraceTensor *a, *b; /* borrowed from the traces */
    bool reshaped;            /* the shapes differ: no figures */
    size_t n, n_off;          /* elements, and those whose bits differ */
    size_t worst;             /* with the largest difference */
    double value_a, value_b, abs_error;
    double rel_error; /* relative to a's largest magnitude */
} TracePair;

typedef struct TraceDifference {
    Trace *a, *b;
    const char *path_a, *path_b;
    TracePair *pair; /* those that differ, in a's execution order */
    size_t n, n_compared, n_only_a, n_only_b;
    char *settings; /* "key: a, b\n" lines of settings that differ; owned */
} TraceDifference;

/* The caller clears *out, whatever comes. What trace_open gives. */
Err trace_difference_make(TraceDifference *out, const char *path_a, const char *path_b) MUST_CHECK;
void trace_difference_clear(TraceDifference *difference);

/* No tensor differs, and both have the same ones. */
bool trace_difference_is_none(const TraceDifference *difference);

void trace_difference_text(FILE *to, const TraceDifference *difference);

/* A new object, or NULL when out of memory. */
json_t *trace_difference_json(const TraceDifference *difference);

#endif

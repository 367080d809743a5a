/* One training step of a cell with nothing thrown away: trains up to it, runs it with every tensor in storage of its
 * own, writes them, and runs it once more in pieces when each is to be checked. The bits are those of training.
 * Depends on trainer, record/trace_file. */
#ifndef HARNESS_RUN_TRACE_H
#define HARNESS_RUN_TRACE_H

#include "harness/grid/grid.h"
#include "harness/run/trace_check.h"
#include "harness/run/trace_level.h"

typedef struct TraceSpec {
    const char *path; /* of the trace; NULL = none is written */
    const Cell *cell;
    const char *experiment;
    int64_t step;             /* from 1; 0 = the one after `at` */
    const char *at;           /* NULL = from the beginning; "checkpoint"; kept parameters: "last" or "best" */
    const char *folder;       /* of the cell, for `at` */
    const char *const *match; /* names wanted, as in grid_match; none = all */
    int n_match;
    bool check;
    const char *device; /* "cpu", "cuda:1"; NULL = the CPU */
    int n_threads;
    void (*note)(void *ctx, const char *text); /* lines for people */
    void *ctx;
} TraceSpec;

typedef struct TraceReport {
    int64_t step;
    char from[160];                                       /* where the parameters came from, in words */
    int n_values, n_gradients;                            /* written */
    int n_plain;                                          /* of them, what the fused branch does not hold */
    double loss, loss_recognition, loss_focus, grad_norm; /* NaN: there is none */
    TraceLevel level;
    TraceCheck check;
    char **idle; /* parameters without a gradient, and those whose gradient is all zero; owned */
    char **zero;
    int n_weights, n_idle, n_zero;
} TraceReport;

/* The caller clears *out, whatever comes. ERR_DEFERRED (ERR_DEVICE_FULL) if the machine (the device)
 * cannot hold all tensors at once, ERR_MISSING or
 * ERR_DATA for what `at` names, ERR_NOTHING if no tensor matches. */
Err trace_step(TraceReport *out, const TraceSpec *spec) MUST_CHECK;
void trace_report_clear(TraceReport *report); /* accepts zeros */

#endif

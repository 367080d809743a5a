/* What a branch's loss can be compared with on the step's own batch: the value of an answer that has learned nothing,
 * and the lowest one there is. Computed by the branch's own op in the reference backend. Depends on models/exec. */
#ifndef HARNESS_RUN_TRACE_LEVEL_H
#define HARNESS_RUN_TRACE_LEVEL_H

#include "models/exec.h"
#include "models/option.h"

typedef struct TraceLevel {
    double trivial, floor;             /* NaN: not known */
    const char *trivial_is, *floor_is; /* in words */
} TraceLevel;

/* A branch that there is no rule for has both NaN, and so has the fused original: its twin (trace_twin.h) has what is
 * needed. exec has run, EXEC_SEPARATE, on the host. */
Err trace_level(TraceLevel *out, const Exec *exec, const Graph *graph, const Settings *settings) MUST_CHECK;

#endif

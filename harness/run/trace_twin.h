/* What the fused `original` branch never holds: the plain branch built beside it and run in the reference backend on
 * the step's own tensors, so that its tensors of [T,N,P,K] and their gradients can be looked at under the names that
 * they have there. Depends on models, trainer. */
#ifndef HARNESS_RUN_TRACE_TWIN_H
#define HARNESS_RUN_TRACE_TWIN_H

#include "harness/run/rig.h"

typedef struct TraceTwin {
    ParamSet params;
    Graph *graph; /* NULL: there is none */
    Plan *plan;
    Arena *arena;
    Exec *exec; /* it has run; every tensor is there, in double precision */
} TraceTwin;

/* For a rig whose step (EXEC_SEPARATE) has run, with the parameters that the step found, in the places that the rig's
 * set gives them. Does nothing where the branch is not the fused original. The caller clears *out. ERR_NOMEM if the
 * machine cannot hold it. */
Err trace_twin_make(TraceTwin *out, const Rig *rig, const float *params) MUST_CHECK;
void trace_twin_clear(TraceTwin *twin); /* accepts zeros */

#endif

/* Where a traced step begins: from a cell's initial values, its checkpoint, or parameters that it kept. Depends on
 * trainer_parts, record/results. */
#ifndef HARNESS_RUN_TRACE_START_H
#define HARNESS_RUN_TRACE_START_H

#include "harness/run/trace.h"
#include "harness/run/trainer_parts.h"

typedef struct TraceStart {
    const TraceSpec *spec;
    char *scratch;     /* a folder of our own with copies of checkpoint and journal; NULL: none is needed */
    char refusal[300]; /* why the trainer did not take the checkpoint */
    int64_t step;      /* updates behind the parameters */
    char text[160];    /* all that in words */
} TraceStart;

/* Looks for what spec->at names. A running cell may go on meanwhile: a checkpoint is copied. ERR_MISSING. The caller
 * closes *out, whatever comes. */
Err trace_start_open(TraceStart *out, const TraceSpec *spec) MUST_CHECK;
void trace_start_close(TraceStart *start);

/* TrainerSpec.note, with a TraceStart as ctx: passes lines on. */
void trace_start_note(void *ctx, const char *text);

/* Puts kept parameters into an opened trainer, or sees that it took the checkpoint. ERR_DATA. */
Err trace_start_take(TraceStart *start, Trainer *trainer) MUST_CHECK;

/* *step = the one to trace; leaves the trainer ready to go there. ERR_ARG if there is no way. */
Err trace_start_step(TraceStart *start, Trainer *trainer, int64_t *step) MUST_CHECK;

#endif

/* One cell, from settings to a record: trains step by step, evaluates, keeps attention maps and parameters, writes a
 * journal and checkpoints, resumes from them. Stopping and resuming gives the same bits as not stopping: a step is a
 * pure function of the checkpointed numbers and its own number. Depends on rig, evaluate, history, journal, checkpoint.
 *
 * Between the first and the last step nothing is allocated by our own code. */
#ifndef HARNESS_RUN_TRAINER_H
#define HARNESS_RUN_TRAINER_H

#include <signal.h>

#include "harness/record/record.h"
#include "models/exec.h"
#include "models/option.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum TrainerPhase {
    TRAINER_PREPARING,  /* data, model, plan */
    TRAINER_STEP,       /* a step is done */
    TRAINER_EVALUATING, /* an evaluation begins */
    TRAINER_EVALUATED,  /* an evaluation is done: `metric` holds eval.best on valid */
    TRAINER_CHECKPOINT
} TrainerPhase;

typedef struct TrainerNews {
    TrainerPhase phase;
    int64_t step, n_steps;
    double loss, seconds_per_step; /* of the last step, wall */
    double metric;                 /* NaN until the first evaluation */
    uint64_t arena_bytes;
    int64_t context_bytes; /* RigMemory; -1 = not known yet, as on the CPU always */
} TrainerNews;

typedef struct TrainerSpec {
    const Settings *settings; /* borrowed, resolved */
    int64_t seed;
    const char *id;     /* of the cell: what its checkpoint belongs to */
    const char *folder; /* journal and checkpoints; NULL = none are kept */
    int n_threads;
    const char *device; /* "cpu", "cuda", "cuda:1"; NULL = the CPU */
    ExecMode mode;
    const volatile sig_atomic_t *stop;                /* NULL = never; looked at after each step */
    void (*news)(void *ctx, const TrainerNews *news); /* NULL */
    void (*note)(void *ctx, const char *text);        /* NULL; lines for the log */
    void (*warn)(void *ctx, const char *text);        /* NULL = note; what the user should hear, too */
    void *ctx;
} TrainerSpec;

/* What a test wants to know besides the record. */
typedef struct TrainerFacts {
    int64_t first_step;         /* updates that were there before: 0, or the checkpoint's */
    uint64_t allocations;       /* by our code, between the first and the last step of this call */
    size_t checked_train_bytes; /* EXEC_CHECKED: peak of live bytes of a step, and of an evaluation */
    size_t checked_eval_bytes;
    size_t planned_train_bytes, planned_eval_bytes; /* the plan's live bytes */
} TrainerFacts;

/* Trains a cell to its end. *out = its record, without labels, with status CELL_DONE, CELL_OVER_BUDGET or
 * CELL_DIVERGED; the caller frees it. A device whose memory did not suffice leaves CELL_OVER_BUDGET, with the figures
 * as the cause; one that others hold now is ERR_DEFERRED. ERR_INTERRUPTED after *stop was set: a checkpoint has been
 * written, *out is NULL. facts may be NULL. Other errors are the cell's failure; its journal and last checkpoint stay.
 */
Err trainer_run(CellRecord **out, const TrainerSpec *spec, TrainerFacts *facts) MUST_CHECK;

/* Fills settings, identity, seed and code digest of a record that never came to train. */
Err trainer_head(CellRecord *record, const Settings *settings, int64_t seed) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

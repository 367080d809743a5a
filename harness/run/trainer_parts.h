/* What the files of the trainer share: its state, and the stages of a cell's life. For trainer*.c only. */
#ifndef HARNESS_RUN_TRAINER_PARTS_H
#define HARNESS_RUN_TRAINER_PARTS_H

#include "harness/run/checkpoint.h"
#include "harness/run/code.h"
#include "harness/run/evaluate.h"
#include "harness/run/every.h"
#include "harness/run/feed.h"
#include "harness/run/history.h"
#include "harness/run/inputs.h"
#include "harness/run/journal.h"
#include "harness/run/rig.h"
#include "harness/run/snapshot.h"
#include "harness/run/trainer.h"

typedef struct Trainer {
    TrainerSpec spec;
    const Settings *settings; /* spec.settings */
    char code[CODE_DIGEST];   /* digest of the sources */
    char *sources;            /* their listing */
    char *inputs, *observed;  /* files behind the training data, and behind valid and test (inputs.h) */
    Rig rig;
    Feed feed;
    Evaluator *valid, *test; /* NULL where the settings have no such set */
    History *history;
    Journal *journal; /* NULL without a folder, as is the checkpoint */
    Checkpoint *checkpoint;
    CheckpointState state; /* state.step = updates done */
    float *now, *best;     /* snapshots; best is meaningful if state.best_step > 0 */
    double *values;        /* [columns] */
    float *maps, *centres; /* one row of the history */
    char *predicted;
    int best_column; /* of eval.best */
    int best_sign;   /* +1: higher is better */
    bool has_diverged;
    char cause[320];
    double start_wall, start_cpu; /* of this process */
    int64_t library_code, library_transient;
    double last_metric, last_wall;
    Every checkpoint_every;
    double saved; /* when, clock_wall() */
    TrainerFacts facts;
} Trainer;

/* Model, plan and budget. *fits false: over budget, cause says why, nothing else was opened. */
Err trainer_plan(Trainer *t, const TrainerSpec *spec, bool *fits) MUST_CHECK;

/* Memory, data, history; the state of a checkpoint if there is one that fits. */
Err trainer_open(Trainer *t) MUST_CHECK;
void trainer_close(Trainer *t);

/* The training step after state.step updates. */
Err trainer_step(Trainer *t) MUST_CHECK;

/* Inputs and controls of the step after state.step updates, into its graph. */
Err trainer_feed(Trainer *t) MUST_CHECK;

/* Runs the graph that was fed, and reads its losses into row. One that is not finite sets has_diverged and cause, by
 * name and step; where the host computes nothing is updated then. */
Err trainer_run_step(Trainer *t, HistoryStep *row) MUST_CHECK;

/* Evaluations and maps that are due after state.step updates and not in the history yet. */
Err trainer_observe(Trainer *t) MUST_CHECK;

/* Checkpoints the present state; nothing without a folder. */
Err trainer_save(Trainer *t) MUST_CHECK;

/* All that a cell leaves behind. */
Err trainer_to_record(Trainer *t, CellRecord **out) MUST_CHECK;

void trainer_tell(const Trainer *t, TrainerPhase phase);
void trainer_note(const Trainer *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void trainer_warn(const Trainer *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool trainer_stopped(const Trainer *t);

double clock_wall(void); /* seconds of a clock that never jumps */
double clock_cpu(void);  /* CPU seconds of all threads of this process */

#endif

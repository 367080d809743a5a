/* All that a cell runs on, opened in order and ready: threads, data, model, plan, arena, bound graphs. Training and
 * evaluation share it; it decides nothing. Depends on data/loader, models/model. */
#ifndef HARNESS_RUN_RIG_H
#define HARNESS_RUN_RIG_H

#include "harness/data/loader.h"
#include "models/model.h"

typedef struct RigSpec {
    const Settings *settings; /* borrowed, outlives the rig */
    uint64_t seed;
    int n_threads;
    ExecMode mode;
    ModelParts parts;
    Device device; /* that is planned for; only the CPU's plans are started */
    bool all_sets; /* open valid and test too, not only what `parts` needs */
} RigSpec;

typedef struct Rig {
    RigSpec spec;
    Par *par; /* NULL: one thread */
    DataFacts facts;
    Model *model;
    ModelPlan plan;
    Arena *arena;
    Exec *step; /* the training step; NULL for MODEL_EVAL_ONLY */
    Exec *eval;
    int64_t library_bytes;        /* what libraries keep for the bound graphs */
    Loader *train, *valid, *test; /* NULL where not opened, or where the settings name no source */
} Rig;

/* Data facts, model and plan: all that can be known before memory is taken. The caller closes *out whatever comes. */
Err rig_plan(Rig *out, const RigSpec *spec) MUST_CHECK;

/* Takes memory for a planned rig, binds its graphs, gives the parameters their initial values and opens the data.
 * ERR_DEFERRED if the machine cannot hold the plan now. */
Err rig_start(Rig *rig) MUST_CHECK;

void rig_close(Rig *rig); /* accepts zeros */

/* True if memory.budget is given and the plan with memory.reserve is over it; *why in words. */
bool rig_over_budget(const Settings *settings, size_t peak_bytes, char *why, size_t len);

#endif

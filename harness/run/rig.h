/* All that a cell runs on, opened in order and ready: threads, device, data, model, plan, arena, bound graphs. Training
 * and evaluation share it; it decides nothing. Depends on data/loader, models/model, kernels/cuda_open. */
#ifndef HARNESS_RUN_RIG_H
#define HARNESS_RUN_RIG_H

#include "harness/data/loader.h"
#include "kernels/cuda_open.h"
#include "models/model.h"

typedef struct RigSpec {
    const Settings *settings; /* borrowed, outlives the rig */
    uint64_t seed;
    int n_threads;
    ExecMode mode;
    ModelParts parts;
    Device device; /* what is planned for, and started on */
    int ordinal;   /* of a device of CUDA */
    bool all_sets; /* open valid and test too, not only what `parts` needs */
} RigSpec;

/* Bytes of a whole device, whoever holds them; -1 = not known, as on the CPU. */
typedef struct RigMemory {
    int64_t total_bytes;
    int64_t free_before_bytes; /* before the rig took hold of it */
    int64_t free_after_bytes;  /* at the last rig_look */
    int64_t context_bytes;     /* before - after - the plan: the driver's context, code, libraries */
} RigMemory;

#define RIG_MEMORY_UNKNOWN ((RigMemory){-1, -1, -1, -1})

typedef struct Rig {
    RigSpec spec;
    Par *par; /* NULL: one thread */
    DataFacts facts;
    Model *model;
    ModelPlan plan;
    const Backend *backend;                 /* NULL until it is started */
    char accelerator_class[CUDA_CLASS_LEN]; /* "" on the CPU */
    RigMemory memory;
    Arena *arena;
    Exec *step; /* the training step; NULL for MODEL_EVAL_ONLY */
    Exec *eval;
    int64_t library_bytes;        /* what libraries keep for the bound graphs */
    Loader *train, *valid, *test; /* NULL where not opened, or where the settings name no source */
} Rig;

/* Data facts, model and plan: all that can be known before memory is taken. The caller closes *out whatever comes. */
Err rig_plan(Rig *out, const RigSpec *spec) MUST_CHECK;

/* Takes hold of the device and of memory for a planned rig, binds its graphs, gives the parameters their initial values
 * and opens the data. ERR_DEFERRED if the machine or the device cannot hold the plan now, ERR_DEVICE_FULL if the device
 * never can, or could not although its figures say so; ERR_DEVICE. */
Err rig_start(Rig *rig) MUST_CHECK;

/* Looks at the device's memory again, for memory.free_after_bytes and context_bytes. Nothing on the CPU. */
Err rig_look(Rig *rig) MUST_CHECK;

/* *out = bytes of the plan that running has used since arena_mark, the workspace of the device's libraries included. */
Err rig_used_bytes(size_t *out, const Rig *rig) MUST_CHECK;

/* Gives arena and device back; model, plan and data stay. The rig is not started again. */
void rig_release(Rig *rig);

void rig_close(Rig *rig); /* accepts zeros */

/* The class of the accelerator for provenance; NULL on the CPU. */
const char *rig_accelerator_class(const Rig *rig);

/* True if memory.budget is given and the plan with memory.reserve is over it; *why in words. */
bool rig_over_budget(const Settings *settings, size_t peak_bytes, char *why, size_t len);

/* train.precision is something that the device can. ERR_SPEC says what it cannot. */
Err rig_check_precision(const Settings *settings, Device device) MUST_CHECK;

#endif

/* New evaluations of a finished cell from its kept parameters: last, and best on valid. No training. Depends on rig,
 * evaluate, record, grid. */
#ifndef HARNESS_RUN_REEVALUATE_H
#define HARNESS_RUN_REEVALUATE_H

#include "harness/record/record.h"

typedef struct ReevaluateSpec {
    const CellRecord *cell; /* read back, with PART_FINAL and PART_BEST */
    const char *set;        /* "valid" or "test" of the cell's settings; ignored with a file */
    const char *file;       /* a dataset to evaluate on instead; NULL = none */
    const char *split;      /* of the file: "train", "valid", "test", "all" */
    const char *as;         /* name of the new evaluation */
    const char *device;     /* "cpu", "cuda:1"; NULL = the CPU */
    int n_threads;
} ReevaluateSpec;

/* *out = a record with nothing but the new evaluations (the set as a whole, and its sources if there are several), one
 * row for the best parameters if they are others than the last, one for the last. The caller frees it. ERR_DATA if the
 * cell kept no parameters or they do not fit, and the errors of data and model. */
Err reevaluate(CellRecord **out, const ReevaluateSpec *spec) MUST_CHECK;

#endif

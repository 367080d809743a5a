/* How large a batch may be. Depends on rig. */
#ifndef HARNESS_RUN_FIT_H
#define HARNESS_RUN_FIT_H

#include "kernels/device.h"
#include "models/option.h"

typedef struct Fit {
    int64_t batch;       /* the largest train.batch whose plan, with memory.reserve, is within the budget; 0 = none */
    uint64_t peak_bytes; /* of the plan with that batch; of batch 1 where none fits */
} Fit;

/* Plans the cell with other batches: doubled or halved until the budget lies between two, then between these. Larger
 * batches are taken to need more. Nothing is run. */
Err fit_batch(Fit *out, const Settings *settings, Device device, uint64_t budget) MUST_CHECK;

#endif

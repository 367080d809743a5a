/* The numbers that a cell's next step depends on, copied out of the arena and back: weights, running statistics and
 * optimiser state, in the parameter set's order. Depends on models/exec. */
#ifndef HARNESS_RUN_SNAPSHOT_H
#define HARNESS_RUN_SNAPSHOT_H

#include "harness/record/record.h"
#include "models/exec.h"

/* Numbers in a snapshot: all parameters but constants. */
int64_t snapshot_count(const ParamSet *params);

/* SHA-256 in hex of names, kinds and shapes: two sets with one layout can exchange snapshots. */
void snapshot_layout(char out[65], const ParamSet *params);

Err snapshot_take(float *out, const Arena *arena, const ParamSet *params) MUST_CHECK;
Err snapshot_put(const float *values, Arena *arena, const ParamSet *params) MUST_CHECK;

/* Weights and running statistics of a snapshot into record->final or ->best; copied. */
Err snapshot_record(const float *values, const ParamSet *params, int64_t step, CellRecord *record,
                    RecordParams *to) MUST_CHECK;

/* Parameters of a record into the arena. ERR_DATA if a weight or statistic is missing or has another shape. */
Err snapshot_restore(const RecordParams *from, Arena *arena, const ParamSet *params) MUST_CHECK;

#endif

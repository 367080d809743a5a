/* What ops without structure share: an output of the input's shape, and work cut into ranges of elements.
 * Depends on infer and par. */
#ifndef KERNELS_ELEMENTWISE_H
#define KERNELS_ELEMENTWISE_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One REAL input, called x, and one output of its shape. */
Err elementwise_infer(OpSpec *spec) MUST_CHECK;

/* Computes the elements (or rows) [first, last) of a call. */
typedef void (*ElementwiseFn)(const OpCall *call, int64_t first, int64_t last);

/* Runs fn over 0..n-1, one task for each shard. Where fn treats elements independently, the bits do not depend on the
 * number of shards. */
void elementwise_run(const OpCall *call, int64_t n, ElementwiseFn fn);

#ifdef __cplusplus
}
#endif
#endif

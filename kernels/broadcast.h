/* Tensors of different shapes against each other: what add, mul and sum share.
 * Two operands a and b are aligned at the last dimension; a dimension of size 1, or a missing one, is repeated. Here
 * the dimensions are merged into as few groups as possible, each of which all of a, b and y agree on. Depends on op.h.
 */
#ifndef KERNELS_BROADCAST_H
#define KERNELS_BROADCAST_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y's elements, group by group, the last one fastest. A stride of 0 repeats the operand along the group. */
typedef struct Broadcast {
    int n; /* groups, >= 1 */
    int64_t size[SHAPE_MAX_RANK], a_stride[SHAPE_MAX_RANK], b_stride[SHAPE_MAX_RANK];
} Broadcast;

/* Two REAL inputs, one output of the common shape. ERR_SHAPE. */
Err broadcast_infer(OpSpec *spec) MUST_CHECK;

/* The shapes must fit together. */
Broadcast broadcast_of(const Shape *a, const Shape *b);

/* The same with a and b exchanged. */
Broadcast broadcast_swapped(const Broadcast *map);

typedef enum BroadcastFn { BROADCAST_COPY, BROADCAST_ADD, BROADCAST_MUL } BroadcastFn;

/* y = a (COPY; b is not read), a + b or a * b, or adds that to y. y may be a or b, where that has y's size. The bits do
 * not depend on the shards. */
void broadcast_apply(const OpCall *call, const Broadcast *map, BroadcastFn fn, float *y, const float *a, const float *b,
                     bool accumulate);

/* out = sum of dy * b over the groups that a repeats, or adds that to out; b NULL stands for 1. out has a's layout, dy
 * has y's. Sums run in double, in an order that is fixed by the shapes and the number of shards. scratch must hold
 * broadcast_sum_bytes. On CUDA outputs and terms are cut as columns and rows are (cuda_scratch.h). */
void broadcast_sum(const OpCall *call, const Broadcast *map, float *out, const float *dy, const float *b,
                   bool accumulate);
size_t broadcast_sum_bytes(const Broadcast *map, Device device, int shards);

/* Does a have y's size, so that its gradient needs no sum? */
bool broadcast_is_full(const Broadcast *map);

/* For the descriptor of an op of two inputs whose gradients broadcast_sum computes. */
size_t broadcast_scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards);

/* For its reference: the element of an operand that stands at y's element k. It knows nothing of the kernels. */
int64_t broadcast_ref_at(const Shape *x, const Shape *y, int64_t k);

/* For its tests: every way in which two shapes can meet. */
enum { BROADCAST_N_CASES = 13 };
extern const OpCase broadcast_cases[BROADCAST_N_CASES];

#ifdef __cplusplus
}
#endif
#endif

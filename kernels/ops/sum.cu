/* sum on CUDA: see sum.c. */
#include "kernels/cuda_broadcast.cuh"
#include "kernels/ops.h"

/* y as an operand that is broadcast to x: [outer, n, inner] with the axis in the middle. */
static Broadcast map_of(const OpSpec *spec) {
    const SumAttr *attr = static_cast<const SumAttr *>(spec->attr);
    const Shape *x = &spec->x[0];
    const bool all = attr->axis == -1;
    const int64_t outer = all ? 1 : shape_outer(x, attr->axis), n = all ? shape_count(x) : x->dim[attr->axis];
    const int64_t inner = all ? 1 : shape_inner(x, attr->axis + 1);
    const Shape y = {3, {outer, 1, inner}}, whole = {3, {outer, n, inner}};
    return broadcast_of(&y, &whole);
}

static Err fwd(const OpCall *call) {
    const Broadcast map = map_of(call->spec);
    return cuda_broadcast_sum(call, &map, call->y[0], call->x[0], nullptr, false);
}

static Err bwd(const OpCall *call) {
    const Broadcast map = map_of(call->spec);
    const bool add = (call->accumulate & OP_X(0)) != 0;
    return cuda_broadcast_apply(call, &map, BROADCAST_COPY, call->dx[0], call->dy[0], nullptr, add);
}

OP_CUDA(sum, fwd, bwd);

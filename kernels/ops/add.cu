/* add on CUDA: see add.c. */
#include "kernels/cuda_broadcast.cuh"

static Err fwd(const OpCall *call) {
    const Broadcast map = broadcast_of(&call->spec->x[0], &call->spec->x[1]);
    return cuda_broadcast_apply(call, &map, BROADCAST_ADD, call->y[0], call->x[0], call->x[1], false);
}

static Err gradient(const OpCall *call, int i, const Broadcast *map) {
    const bool add = (call->accumulate & OP_X(i)) != 0;
    if (call->dx[i] == nullptr || call->dx[i] == call->dy[0]) return ERR_OK; /* in place: dy is the gradient already */
    if (broadcast_is_full(map))
        return cuda_broadcast_apply(call, map, BROADCAST_COPY, call->dx[i], call->dy[0], nullptr, add);
    return cuda_broadcast_sum(call, map, call->dx[i], call->dy[0], nullptr, add);
}

static Err bwd(const OpCall *call) {
    const Broadcast map = broadcast_of(&call->spec->x[0], &call->spec->x[1]), swapped = broadcast_swapped(&map);
    const Err err = gradient(call, 0, &map);
    return err == ERR_OK ? gradient(call, 1, &swapped) : err;
}

OP_CUDA(add, fwd, bwd);

/* mul on CUDA: see mul.c. */
#include "kernels/cuda_broadcast.cuh"

static Err fwd(const OpCall *call) {
    const Broadcast map = broadcast_of(&call->spec->x[0], &call->spec->x[1]);
    return cuda_broadcast_apply(call, &map, BROADCAST_MUL, call->y[0], call->x[0], call->x[1], false);
}

static Err gradient(const OpCall *call, int i) {
    const Broadcast straight = broadcast_of(&call->spec->x[0], &call->spec->x[1]);
    const Broadcast map = i == 0 ? straight : broadcast_swapped(&straight);
    const bool add = (call->accumulate & OP_X(i)) != 0;
    if (call->dx[i] == nullptr) return ERR_OK;
    if (broadcast_is_full(&map))
        return cuda_broadcast_apply(call, &map, BROADCAST_MUL, call->dx[i], call->dy[0], call->x[1 - i], add);
    return cuda_broadcast_sum(call, &map, call->dx[i], call->dy[0], call->x[1 - i], add);
}

static Err bwd(const OpCall *call) {
    const int last = call->dx[0] == call->dy[0] ? 0 : 1; /* the one that overwrites dy goes last */
    const Err err = gradient(call, 1 - last);
    return err == ERR_OK ? gradient(call, last) : err;
}

OP_CUDA(mul, fwd, bwd);

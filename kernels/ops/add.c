/* add: y = a + b, with broadcasting.   da, db = dy, summed over the dimensions along which the operand is repeated. */
#include "kernels/broadcast.h"
#include "kernels/op.h"

static Broadcast map_of(const OpSpec *spec) { return broadcast_of(&spec->x[0], &spec->x[1]); }

static Err fwd(const OpCall *call) {
    Broadcast map = map_of(call->spec);
    broadcast_apply(call, &map, BROADCAST_ADD, call->y[0], call->x[0], call->x[1], false);
    return ERR_OK;
}

static void gradient(const OpCall *call, int i, const Broadcast *map) {
    bool add = (call->accumulate & OP_X(i)) != 0;
    if (call->dx[i] == NULL || call->dx[i] == call->dy[0]) return; /* in place: dy is the gradient already */
    if (broadcast_is_full(map))
        broadcast_apply(call, map, BROADCAST_COPY, call->dx[i], call->dy[0], NULL, add);
    else
        broadcast_sum(call, map, call->dx[i], call->dy[0], NULL, add);
}

static Err bwd(const OpCall *call) {
    Broadcast map = map_of(call->spec), swapped = broadcast_swapped(&map);
    gradient(call, 0, &map);
    gradient(call, 1, &swapped);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *a = call->x[0], *b = call->x[1];
    const Shape *y_shape = &call->spec->y[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(y_shape); k++)
        y[k] = a[broadcast_ref_at(&call->spec->x[0], y_shape, k)] + b[broadcast_ref_at(&call->spec->x[1], y_shape, k)];
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0];
    const Shape *y_shape = &call->spec->y[0];
    for (int i = 0; i < 2; i++) {
        const Shape *x_shape = &call->spec->x[i];
        double *dx = call->dx[i];
        if (dx == NULL || dx == dy) continue;
        for (int64_t k = 0; k < shape_count(x_shape) && !(call->accumulate & OP_X(i)); k++) dx[k] = 0.0;
        for (int64_t k = 0; k < shape_count(y_shape); k++) dx[broadcast_ref_at(x_shape, y_shape, k)] += dy[k];
    }
    return ERR_OK;
}

const Op op_add = {
    .name = "add",
    .n_x_min = 2,
    .n_x_max = 2,
    .n_out = 1,
    .differentiable = OP_X(0) | OP_X(1),
    .alias_fwd = OP_X(0) | OP_X(1),
    .alias_bwd = OP_X(0) | OP_X(1),
    .infer = broadcast_infer,
    .scratch_bytes = broadcast_scratch_bytes,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = broadcast_cases,
    .n_cases = BROADCAST_N_CASES,
};

/* add: y = a + b, with broadcasting.   da, db = dy, summed over the dimensions along which the operand is repeated. */
#include "kernels/broadcast.h"
#include "kernels/op.h"

static Broadcast map_of(const OpSpec *spec) { return broadcast_of(&spec->x[0], &spec->x[1]); }

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    Broadcast map = map_of(spec), swapped = broadcast_swapped(&map);
    size_t a = backward && (wanted & OP_X(0)) ? broadcast_sum_bytes(&map, device, shards) : 0;
    size_t b = backward && (wanted & OP_X(1)) ? broadcast_sum_bytes(&swapped, device, shards) : 0;
    return a > b ? a : b;
}

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

/* Element of an operand that stands at y's element k: dimension by dimension from the last, 0 where it is repeated. */
static int64_t ref_at(const Shape *x, const Shape *y, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = 1; d <= y->rank; d++) {
        int64_t i = k % y->dim[y->rank - d];
        k /= y->dim[y->rank - d];
        if (d > x->rank) break;
        if (x->dim[x->rank - d] > 1) at += i * step;
        step *= x->dim[x->rank - d];
    }
    return at;
}

static Err ref_fwd(const OpCall *call) {
    const double *a = call->x[0], *b = call->x[1];
    const Shape *y_shape = &call->spec->y[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(y_shape); k++)
        y[k] = a[ref_at(&call->spec->x[0], y_shape, k)] + b[ref_at(&call->spec->x[1], y_shape, k)];
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
        for (int64_t k = 0; k < shape_count(y_shape); k++) dx[ref_at(x_shape, y_shape, k)] += dy[k];
    }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "same shape", .n_x = 2, .x = {{.shape = {3, {3, 7, 13}}}, {.shape = {3, {3, 7, 13}}}}},
    {.name = "row", .n_x = 2, .x = {{.shape = {3, {5, 7, 11}}}, {.shape = {1, {11}}}}},
    {.name = "column", .n_x = 2, .x = {{.shape = {2, {7, 1}}}, {.shape = {2, {7, 13}}}}},
    {.name = "both ways", .n_x = 2, .x = {{.shape = {2, {7, 1}}}, {.shape = {2, {1, 13}}}}},
    {.name = "middle", .n_x = 2, .x = {{.shape = {4, {2, 3, 7, 5}}}, {.shape = {4, {2, 3, 1, 5}}}}},
    {.name = "interleaved", .n_x = 2, .x = {{.shape = {5, {2, 1, 3, 1, 5}}}, {.shape = {5, {1, 2, 3, 4, 1}}}}},
    {.name = "scalar with tensor", .n_x = 2, .x = {{.shape = {0}}, {.shape = {2, {7, 11}}}}},
    {.name = "scalars", .n_x = 2, .x = {{.shape = {0}}, {.shape = {0}}}},
    {.name = "ranks apart", .n_x = 2, .x = {{.shape = {3, {1, 1, 3}}}, {.shape = {1, {1}}}}},
    {.name = "wide row", .n_x = 2, .x = {{.shape = {2, {3, 601}}}, {.shape = {2, {1, 601}}}}},
    {.name = "long sum", .n_x = 2, .x = {{.shape = {1, {9001}}}, {.shape = {1, {1}}}}},
};

const Op op_add = {
    .name = "add",
    .n_x_min = 2,
    .n_x_max = 2,
    .n_out = 1,
    .differentiable = OP_X(0) | OP_X(1),
    .alias_fwd = OP_X(0) | OP_X(1),
    .alias_bwd = OP_X(0) | OP_X(1),
    .infer = broadcast_infer,
    .scratch_bytes = scratch_bytes,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

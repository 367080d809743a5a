/* sum: y = sum of x over one axis, or over everything.   dx = dy, repeated along what was summed. */
#include "kernels/broadcast.h"
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    const SumAttr *attr = spec->attr;
    Shape y = {.rank = 0};
    char text[96];
    TRY(infer_type(spec, 0, "x", DT_REAL));
    FAIL_IF(attr->axis < -1 || attr->axis >= spec->x[0].rank, ERR_SHAPE, "axis %d of x, which is %s", attr->axis,
            shape_text(&spec->x[0], text, sizeof text));
    for (int d = 0; d < spec->x[0].rank; d++) {
        bool summed = attr->axis == -1 || attr->axis == d;
        if (!summed || attr->keep) y.dim[y.rank++] = summed ? 1 : spec->x[0].dim[d];
    }
    infer_output(spec, DT_REAL, y);
done:
    return err;
}

/* y as an operand that is broadcast to x: [outer, n, inner] with the axis in the middle. */
static Broadcast map_of(const OpSpec *spec) {
    const SumAttr *attr = spec->attr;
    const Shape *x = &spec->x[0];
    if (attr->axis == -1) return broadcast_of(&SHAPE1(1), &SHAPE1(shape_count(x)));
    int64_t outer = shape_outer(x, attr->axis), inner = shape_inner(x, attr->axis + 1);
    return broadcast_of(&SHAPE3(outer, 1, inner), &SHAPE3(outer, x->dim[attr->axis], inner));
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)wanted;
    Broadcast map = map_of(spec);
    return backward ? 0 : broadcast_sum_bytes(&map, device, shards);
}

static Err fwd(const OpCall *call) {
    Broadcast map = map_of(call->spec);
    broadcast_sum(call, &map, call->y[0], call->x[0], NULL, false);
    return ERR_OK;
}

static Err bwd(const OpCall *call) {
    Broadcast map = map_of(call->spec);
    broadcast_apply(call, &map, BROADCAST_COPY, call->dx[0], call->dy[0], NULL, (call->accumulate & OP_X(0)) != 0);
    return ERR_OK;
}

/* x as [outer, n, inner]. */
static void ref_dims(const OpSpec *spec, int64_t *outer, int64_t *n, int64_t *inner) {
    const SumAttr *attr = spec->attr;
    const Shape *x = &spec->x[0];
    *outer = attr->axis == -1 ? 1 : shape_outer(x, attr->axis);
    *n = attr->axis == -1 ? shape_count(x) : x->dim[attr->axis];
    *inner = attr->axis == -1 ? 1 : shape_inner(x, attr->axis + 1);
}

static Err ref_fwd(const OpCall *call) {
    int64_t outer = 0, n = 0, inner = 0;
    const double *x = call->x[0];
    double *y = call->y[0];
    ref_dims(call->spec, &outer, &n, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            double sum = 0.0;
            for (int64_t k = 0; k < n; k++) sum += x[(o * n + k) * inner + i];
            y[o * inner + i] = sum;
        }
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    int64_t outer = 0, n = 0, inner = 0;
    const double *dy = call->dy[0];
    double *dx = call->dx[0];
    ref_dims(call->spec, &outer, &n, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t i = 0; i < inner; i++) {
                double *at = &dx[(o * n + k) * inner + i];
                *at = dy[o * inner + i] + ((call->accumulate & OP_X(0)) ? *at : 0.0);
            }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "first", .attr = &(SumAttr){0, 0}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "middle, kept", .attr = &(SumAttr){1, 1}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "last", .attr = &(SumAttr){2, 0}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "all", .attr = &(SumAttr){-1, 0}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "all, kept", .attr = &(SumAttr){-1, 1}, .n_x = 1, .x = {{.shape = {2, {5, 2}}}}},
    {.name = "long", .attr = &(SumAttr){-1, 0}, .n_x = 1, .x = {{.shape = {1, {9001}}}}},
    {.name = "long rows", .attr = &(SumAttr){1, 0}, .n_x = 1, .x = {{.shape = {2, {2, 5003}}}}},
    {.name = "of one", .attr = &(SumAttr){1, 0}, .n_x = 1, .x = {{.shape = {2, {7, 1}}}}},
    {.name = "scalar", .attr = &(SumAttr){-1, 0}, .n_x = 1, .x = {{.shape = {0}}}},
};

const Op op_sum = {
    .name = "sum",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .differentiable = OP_X(0),
    .attr_bytes = sizeof(SumAttr),
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

/* tanh: y = tanh x.   dx = dy (1 - y^2). */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const float *x = call->x[0];
    float *y = call->y[0];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) y[k] = vmath_tanh(x[k]);
}

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const float *dy = call->dy[0], *y = call->y[0];
    float *dx = call->dx[0];
    if (call->accumulate & OP_X(0)) {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] += dy[k] * (1.0f - y[k] * y[k]);
    } else {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] = dy[k] * (1.0f - y[k] * y[k]);
    }
}

static Err fwd(const OpCall *call) {
    elementwise_run(call, shape_count(&call->spec->x[0]), forward);
    return ERR_OK;
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, shape_count(&call->spec->x[0]), backward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = tanh(x[k]);
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0], *y = call->y[0];
    double *dx = call->dx[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++)
        dx[k] = dy[k] * (1.0 - y[k] * y[k]) + ((call->accumulate & OP_X(0)) ? dx[k] : 0.0);
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "saturated", .n_x = 1, .x = {{.shape = {2, {2, 17}}, .scale = 8.0}}},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}}}},
};

const Op op_tanh = {
    .name = "tanh",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .differentiable = OP_X(0),
    .bwd_needs = {OP_Y(0)},
    .alias_fwd = OP_X(0),
    .alias_bwd = OP_X(0),
    .infer = elementwise_infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

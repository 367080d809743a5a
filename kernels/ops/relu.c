/* relu: y = max(0, x), NaN stays NaN.   dx = dy where y > 0, else 0. */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/op.h"
#include "kernels/simd.h"

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const float *x = call->x[0];
    float *y = call->y[0];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) y[k] = x[k] < 0.0f ? 0.0f : x[k];
}

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const float *dy = call->dy[0], *y = call->y[0];
    float *dx = call->dx[0];
    if (call->accumulate & OP_X(0)) {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] += y[k] > 0.0f ? dy[k] : 0.0f;
    } else {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] = y[k] > 0.0f ? dy[k] : 0.0f;
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
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = isnan(x[k]) ? x[k] : fmax(0.0, x[k]);
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0], *y = call->y[0];
    double *dx = call->dx[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) {
        double gradient = y[k] > 0.0 ? dy[k] : 0.0;
        dx[k] = (call->accumulate & OP_X(0)) ? dx[k] + gradient : gradient;
    }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 5}}}}},
    {.name = "image", .n_x = 1, .x = {{.shape = {4, {2, 3, 5, 3}}}}},
    {.name = "positive", .n_x = 1, .x = {{.shape = {1, {19}}, .fill = FILL_POSITIVE}}},
    /* No differences at the kink. */
    {.name = "kink", .n_x = 1, .x = {{.shape = {2, {3, 17}}, .fill = FILL_MASK}}, .no_differences = true},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}, .fill = FILL_POSITIVE}}},
};

const Op op_relu = {
    .name = "relu",
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

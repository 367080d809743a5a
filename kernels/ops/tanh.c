/* tanh: y = tanh x.   dx = dy (1 - y^2). */
#include <math.h>

#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

static Err infer(OpSpec *spec) {
    Err err = infer_type(spec, 0, "x", DT_REAL);
    if (err == ERR_OK) infer_output(spec, DT_REAL, spec->x[0]);
    return err;
}

KERNEL static void forward(float *y, const float *x, int64_t n) {
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) y[k] = vmath_tanh(x[k]);
}

KERNEL static void backward(float *dx, const float *dy, const float *y, int64_t n, bool add) {
    if (add) {
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) dx[k] += dy[k] * (1.0f - y[k] * y[k]);
    } else {
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) dx[k] = dy[k] * (1.0f - y[k] * y[k]);
    }
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    int64_t first, last;
    par_range(shape_count(&call->spec->x[0]), call->shards, i_task, &first, &last);
    forward((float *)call->y[0] + first, (const float *)call->x[0] + first, last - first);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

static void bwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    int64_t first, last;
    par_range(shape_count(&call->spec->x[0]), call->shards, i_task, &first, &last);
    backward((float *)call->dx[0] + first, (const float *)call->dy[0] + first, (const float *)call->y[0] + first,
             last - first, (call->accumulate & OP_X(0)) != 0);
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, bwd_task, (void *)call);
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
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

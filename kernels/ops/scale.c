/* scale: y = a x + b.   dx = a dy. */
#include "kernels/elementwise.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/simd.h"

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const ScaleAttr *attr = call->spec->attr;
    const float a = (float)attr->a, b = (float)attr->b, *x = call->x[0];
    float *y = call->y[0];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) y[k] = a * x[k] + b;
}

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const float a = (float)((const ScaleAttr *)call->spec->attr)->a, *dy = call->dy[0];
    float *dx = call->dx[0];
    if (call->accumulate & OP_X(0)) {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] += a * dy[k];
    } else {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] = a * dy[k];
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
    const ScaleAttr *attr = call->spec->attr;
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = attr->a * x[k] + attr->b;
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const ScaleAttr *attr = call->spec->attr;
    const double *dy = call->dy[0];
    double *dx = call->dx[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++)
        dx[k] = attr->a * dy[k] + ((call->accumulate & OP_X(0)) ? dx[k] : 0.0);
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .attr = &(ScaleAttr){-0.7, 0.25}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "scalar", .attr = &(ScaleAttr){3.0, 0.0}, .n_x = 1, .x = {{.shape = {0}}}},
    {.name = "one", .attr = &(ScaleAttr){1.0, -1.0}, .n_x = 1, .x = {{.shape = {2, {1, 1}}}}},
};

const Op op_scale = {
    .name = "scale",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .differentiable = OP_X(0),
    .alias_fwd = OP_X(0),
    .alias_bwd = OP_X(0),
    .attr_bytes = sizeof(ScaleAttr),
    .infer = elementwise_infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

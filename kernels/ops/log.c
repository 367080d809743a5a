/* log: y = ln(x + epsilon).   dx = dy / (x + epsilon). */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const float epsilon = (float)((const LogAttr *)call->spec->attr)->epsilon;
    const float *x = call->x[0];
    float *y = call->y[0];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) y[k] = vmath_log(x[k] + epsilon);
}

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const float epsilon = (float)((const LogAttr *)call->spec->attr)->epsilon;
    const float *dy = call->dy[0], *x = call->x[0];
    float *dx = call->dx[0];
    if (call->accumulate & OP_X(0)) {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] += dy[k] / (x[k] + epsilon);
    } else {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] = dy[k] / (x[k] + epsilon);
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
    const LogAttr *attr = call->spec->attr;
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = log(x[k] + attr->epsilon);
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const LogAttr *attr = call->spec->attr;
    const double *dy = call->dy[0], *x = call->x[0];
    double *dx = call->dx[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++)
        dx[k] = dy[k] / (x[k] + attr->epsilon) + ((call->accumulate & OP_X(0)) ? dx[k] : 0.0);
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .attr = &(LogAttr){0.0}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}, .fill = FILL_POSITIVE}}},
    {.name = "epsilon", .attr = &(LogAttr){0.5}, .n_x = 1, .x = {{.shape = {2, {2, 37}}, .fill = FILL_POSITIVE}}},
    {.name = "only epsilon", .attr = &(LogAttr){0.01}, .n_x = 1, .x = {{.shape = {1, {5}}, .fill = FILL_ZERO}}},
    {.name = "large", .attr = &(LogAttr){1e-8}, .n_x = 1, .x = {{{1, {19}}, DT_REAL, FILL_POSITIVE, 1e6, false}}},
    {.name = "scalar", .attr = &(LogAttr){1e-8}, .n_x = 1, .x = {{.shape = {0}, .fill = FILL_POSITIVE}}},
};

const Op op_log = {
    .name = "log",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .differentiable = OP_X(0),
    .bwd_needs = {OP_X(0)},
    .alias_fwd = OP_X(0),
    .alias_bwd = OP_X(0),
    .attr_bytes = sizeof(LogAttr),
    .infer = elementwise_infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

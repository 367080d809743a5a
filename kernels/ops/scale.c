/* scale: y = a x + b.   dx = a dy. */
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/simd.h"

static Err infer(OpSpec *spec) {
    Err err = infer_type(spec, 0, "x", DT_REAL);
    if (err == ERR_OK) infer_output(spec, DT_REAL, spec->x[0]);
    return err;
}

KERNEL static void scale_add(float *y, const float *x, float a, float b, int64_t n) {
    for (int64_t k = 0; k < n; k++) y[k] = a * x[k] + b;
}

KERNEL static void accumulate(float *y, const float *x, float a, int64_t n) {
    for (int64_t k = 0; k < n; k++) y[k] += a * x[k];
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const ScaleAttr *attr = call->spec->attr;
    int64_t first = 0, last = 0;
    par_range(shape_count(&call->spec->x[0]), call->shards, i_task, &first, &last);
    scale_add((float *)call->y[0] + first, (const float *)call->x[0] + first, (float)attr->a, (float)attr->b,
              last - first);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

static void bwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const ScaleAttr *attr = call->spec->attr;
    int64_t first = 0, last = 0;
    par_range(shape_count(&call->spec->x[0]), call->shards, i_task, &first, &last);
    float *dx = (float *)call->dx[0] + first;
    const float *dy = (const float *)call->dy[0] + first;
    if (call->accumulate & OP_X(0))
        accumulate(dx, dy, (float)attr->a, last - first);
    else
        scale_add(dx, dy, (float)attr->a, 0.0f, last - first);
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, bwd_task, (void *)call);
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
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

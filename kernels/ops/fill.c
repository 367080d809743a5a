/* fill: y = value everywhere, of the attribute's shape; reads nothing. */
#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"

static Err infer(OpSpec *spec) {
    const FillAttr *attr = spec->attr;
    infer_output(spec, DT_REAL, attr->shape);
    return ERR_OK;
}

static void set(const OpCall *call, int64_t first, int64_t last) {
    const float value = (float)((const FillAttr *)call->spec->attr)->value;
    float *y = call->y[0];
    for (int64_t k = first; k < last; k++) y[k] = value;
}

static Err fwd(const OpCall *call) {
    elementwise_run(call, shape_count(&call->spec->y[0]), set);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const FillAttr *attr = call->spec->attr;
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->y[0]); k++) y[k] = attr->value;
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .attr = &(FillAttr){-2.5, {3, {3, 7, 13}}}},
    {.name = "scalar", .attr = &(FillAttr){1.0, {0}}},
    {.name = "zeros", .attr = &(FillAttr){0.0, {1, {5}}}},
};

const Op op_fill = {
    .name = "fill",
    .n_out = 1,
    .attr_bytes = sizeof(FillAttr),
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

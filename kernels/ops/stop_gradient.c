/* stop_gradient: y = x, through which no gradient flows. */
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/op.h"

static void copy(const OpCall *call, int64_t first, int64_t last) {
    const float *x = call->x[0];
    float *y = call->y[0];
    memcpy(y + first, x + first, (size_t)(last - first) * sizeof *y);
}

static Err fwd(const OpCall *call) {
    if (call->y[0] != call->x[0]) elementwise_run(call, shape_count(&call->spec->x[0]), copy);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = x[k];
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}}}},
};

const Op op_stop_gradient = {
    .name = "stop_gradient",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .alias_fwd = OP_X(0),
    .infer = elementwise_infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

/* argmax over the last dimension: the first of the largest elements. NaNs are passed over; a row of NaNs gives 0. */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/simd.h"

static Err infer(OpSpec *spec) {
    Err err = infer_type(spec, 0, "x", DT_REAL);
    Shape y = spec->x[0];
    if (err == ERR_OK && y.rank < 1) err = err_set(ERR_SHAPE, "x is a scalar, expected at least one dimension");
    if (err == ERR_OK && shape_last(&y) > INT32_MAX)
        err =
            err_set(ERR_SHAPE, "the last dimension is %lld, expected at most %d", (long long)shape_last(&y), INT32_MAX);
    if (err != ERR_OK) return err;
    y.rank--;
    infer_output(spec, DT_INT, y);
    return ERR_OK;
}

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const int64_t n = shape_last(&call->spec->x[0]);
    int32_t *y = call->y[0];
    for (int64_t r = first; r < last; r++) {
        const float *x = (const float *)call->x[0] + r * n, m = lanes_max(x, n);
        int64_t k = 0;
        while (k < n && x[k] != m) k++;
        y[r] = k < n ? (int32_t)k : 0;
    }
}

static Err fwd(const OpCall *call) {
    elementwise_run(call, shape_rows(&call->spec->x[0]), forward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const int64_t n = shape_last(&call->spec->x[0]);
    const double *x = call->x[0];
    int32_t *y = call->y[0];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[0]); r++, x += n) {
        double best = NAN;
        y[r] = 0;
        for (int64_t k = 0; k < n; k++)
            if (x[k] > best || (isnan(best) && !isnan(x[k]))) best = x[k], y[r] = (int32_t)k;
    }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 5, 37}}}}},
    {.name = "two_classes", .n_x = 1, .x = {{.shape = {2, {13, 2}}}}},
    {.name = "ties", .n_x = 1, .x = {{.shape = {2, {31, 19}}, .fill = FILL_MASK}}},
    {.name = "all_equal", .n_x = 1, .x = {{.shape = {2, {3, 53}}, .fill = FILL_ZERO}}},
    {.name = "one_row", .n_x = 1, .x = {{.shape = {1, {331}}}}},
    {.name = "thousand_classes", .n_x = 1, .x = {{.shape = {2, {3, 1031}}}}},
    {.name = "ties among a thousand", .n_x = 1, .x = {{.shape = {2, {3, 1031}}, .fill = FILL_MASK}}},
};

const Op op_argmax = {
    .name = "argmax",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

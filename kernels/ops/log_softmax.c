/* log_softmax over the last dimension: y_k = x_k - m - ln sum_j e^(x_j - m), m = max x.   dx = dy - e^y sum_j dy_j. */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

/* y may be x: a row is written after its last reading. */
KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const int64_t n = shape_last(&call->spec->x[0]);
    for (int64_t r = first; r < last; r++) {
        const float *x = (const float *)call->x[0] + r * n;
        float *y = (float *)call->y[0] + r * n;
        const float m = lanes_max(x, n), log_sum = vmath_log(lanes_sum_exp(x, m, n));
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - m) - log_sum;
    }
}

/* dx may be dy. */
KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const int64_t n = shape_last(&call->spec->x[0]);
    for (int64_t r = first; r < last; r++) {
        const float *dy = (const float *)call->dy[0] + r * n, *y = (const float *)call->y[0] + r * n;
        const float sum = lanes_sum(dy, n);
        float *dx = (float *)call->dx[0] + r * n;
        if (call->accumulate & OP_X(0)) {
            KERNEL_LOOP
            for (int64_t k = 0; k < n; k++) dx[k] += dy[k] - vmath_exp(y[k]) * sum;
        } else {
            KERNEL_LOOP
            for (int64_t k = 0; k < n; k++) dx[k] = dy[k] - vmath_exp(y[k]) * sum;
        }
    }
}

static Err fwd(const OpCall *call) {
    elementwise_run(call, shape_rows(&call->spec->x[0]), forward);
    return ERR_OK;
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, shape_rows(&call->spec->x[0]), backward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const int64_t n = shape_last(&call->spec->x[0]);
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[0]); r++, x += n, y += n) {
        double m = x[0], sum = 0.0;
        for (int64_t k = 1; k < n; k++) m = fmax(m, x[k]);
        for (int64_t k = 0; k < n; k++) sum += exp(x[k] - m);
        for (int64_t k = 0; k < n; k++) y[k] = x[k] - m - log(sum);
    }
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const int64_t n = shape_last(&call->spec->x[0]);
    const double *dy = call->dy[0], *y = call->y[0];
    double *dx = call->dx[0];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[0]); r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (int64_t k = 0; k < n; k++) sum += dy[k];
        for (int64_t k = 0; k < n; k++) dx[k] = dy[k] - exp(y[k]) * sum + ((call->accumulate & OP_X(0)) ? dx[k] : 0.0);
    }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 5, 37}}}}},
    {.name = "two_classes", .n_x = 1, .x = {{.shape = {2, {13, 2}}}}},
    {.name = "many_classes", .n_x = 1, .x = {{.shape = {2, {2, 331}}}}},
    {.name = "more_than_a_chunk", .n_x = 1, .x = {{.shape = {2, {2, 2 * LANES_CHUNK + 3}}}}},
    {.name = "thousand_classes", .n_x = 1, .x = {{.shape = {2, {3, 1031}}}}},
    {.name = "blocks_of_16", .n_x = 1, .x = {{.shape = {2, {5, 32}}}}},
    {.name = "far_apart", .n_x = 1, .x = {{.shape = {2, {7, 11}}, .scale = 60.0}}},
    {.name = "one_row", .n_x = 1, .x = {{.shape = {1, {17}}}}},
    {.name = "one_class", .n_x = 1, .x = {{.shape = {2, {3, 1}}}}}, /* y = 0, dx = 0 */
};

const Op op_log_softmax = {
    .name = "log_softmax",
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

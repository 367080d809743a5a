/* log_softmax over the last dimension: y_k = x_k - m - ln sum_j e^(x_j - m), m = max x.   dx = dy - e^y sum_j dy_j. */
#include <math.h>

#include "kernels/infer.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

static Err infer(OpSpec *spec) {
    Err err = infer_type(spec, 0, "x", DT_REAL);
    if (err == ERR_OK) infer_output(spec, DT_REAL, spec->x[0]);
    return err;
}

/* y may be x: a row is written after its last reading. */
KERNEL static void forward_rows(float *y, const float *x, int64_t n_rows, int64_t n) {
    for (int64_t r = 0; r < n_rows; r++, x += n, y += n) {
        const float m = lanes_max(x, n), log_sum = vmath_log(lanes_sum_exp(x, m, n));
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - m) - log_sum;
    }
}

/* dx may be dy. */
KERNEL static void backward_rows(float *dx, const float *dy, const float *y, int64_t n_rows, int64_t n, bool add) {
    for (int64_t r = 0; r < n_rows; r++, dx += n, dy += n, y += n) {
        const float sum = lanes_sum(dy, n);
        if (add) {
            KERNEL_LOOP
            for (int64_t k = 0; k < n; k++) dx[k] += dy[k] - vmath_exp(y[k]) * sum;
        } else {
            KERNEL_LOOP
            for (int64_t k = 0; k < n; k++) dx[k] = dy[k] - vmath_exp(y[k]) * sum;
        }
    }
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Shape *shape = &call->spec->x[0];
    const int64_t n = shape_last(shape);
    int64_t first, last;
    par_range(shape_rows(shape), call->shards, i_task, &first, &last);
    forward_rows((float *)call->y[0] + first * n, (const float *)call->x[0] + first * n, last - first, n);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

static void bwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Shape *shape = &call->spec->x[0];
    const int64_t n = shape_last(shape);
    int64_t first, last;
    par_range(shape_rows(shape), call->shards, i_task, &first, &last);
    backward_rows((float *)call->dx[0] + first * n, (const float *)call->dy[0] + first * n,
                  (const float *)call->y[0] + first * n, last - first, n, (call->accumulate & OP_X(0)) != 0);
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, bwd_task, (void *)call);
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
    {.name = "lanes_exactly", .n_x = 1, .x = {{.shape = {2, {5, 32}}}}},
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
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

/* linear: y = x w + bias + x2 w2.
 * x [...,D], w [D,O], bias? [O], x2? [...,D2], w2? [D2,O] -> y [...,O]; x2 and w2 come together.
 * dx = dy w^T, dw = x^T dy, dbias = sum of dy over rows; x2 and w2 likewise. y and dx are cut by rows, dw by rows of w,
 * dbias by columns: no element of a result is shared between tasks, so that there are no partial sums. */
#include <string.h>

#include "kernels/columns.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/infer.h"
#include "kernels/op.h"

enum { X, W, BIAS, X2, W2 };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    Shape y = spec->x[X];
    TRY(infer_type(spec, X, "x", DT_REAL));
    FAIL_IF(y.rank < 1, ERR_SHAPE, "x is a scalar, expected at least one dimension");
    TRY(infer_rank(spec, W, "w", DT_REAL, 2));
    int64_t n_out = spec->x[W].dim[1];
    TRY(infer_shape(spec, W, "w", DT_REAL, SHAPE2(shape_last(&y), n_out)));
    TRY(infer_shape(spec, BIAS, "bias", DT_REAL, SHAPE1(n_out)));
    FAIL_IF(infer_has(spec, X2) != infer_has(spec, W2), ERR_SHAPE, "x2 and w2 come together, one of them is missing");
    if (infer_has(spec, X2)) {
        Shape x2 = y;
        TRY(infer_rank(spec, X2, "x2", DT_REAL, y.rank));
        x2.dim[y.rank - 1] = shape_last(&spec->x[X2]);
        TRY(infer_shape(spec, X2, "x2", DT_REAL, x2));
        TRY(infer_shape(spec, W2, "w2", DT_REAL, SHAPE2(shape_last(&x2), n_out)));
    }
    y.dim[y.rank - 1] = n_out;
    infer_output(spec, DT_REAL, y);
done:
    return err;
}

/* The products of one pair (x, w) for n of the rows that are cut. */
static Gemm product_y(const OpSpec *spec, int x, int64_t n, bool add) {
    return gemm_nn(n, shape_last(&spec->y[0]), shape_last(&spec->x[x]), add);
}

static Gemm product_dx(const OpSpec *spec, int x, int64_t n, bool add) {
    return gemm_nt(n, shape_last(&spec->x[x]), shape_last(&spec->y[0]), add);
}

static Gemm product_dw(const OpSpec *spec, int x, int64_t n, bool add) {
    Gemm g = gemm_tn(n, shape_last(&spec->y[0]), shape_rows(&spec->x[x]), add);
    g.lda = shape_last(&spec->x[x]);
    return g;
}

static size_t larger(size_t a, const Gemm *g) {
    size_t b = gemm_scratch_bytes(g);
    return a > b ? a : b;
}

/* Of one task: the largest of its products. */
static size_t task_bytes(const OpSpec *spec, bool backward, uint32_t wanted, int shards) {
    size_t bytes = 0;
    for (int x = X; x <= X2; x += X2 - X) {
        if (!infer_has(spec, x)) continue;
        int64_t rows = shape_rows(&spec->x[x]), depth = shape_last(&spec->x[x]);
        Gemm y = product_y(spec, x, (rows + shards - 1) / shards, true);
        Gemm dx = product_dx(spec, x, (rows + shards - 1) / shards, true);
        Gemm dw = product_dw(spec, x, (depth + shards - 1) / shards, true);
        if (!backward) bytes = larger(bytes, &y);
        if (backward && wanted & OP_X(x)) bytes = larger(bytes, &dx);
        if (backward && wanted & OP_X(x + W)) bytes = larger(bytes, &dw);
    }
    return (bytes + 63) / 64 * 64;
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    if (device == DEVICE_CUDA) { /* of dbias; the products have cuBLAS's own workspace */
        const bool sums = backward && wanted & OP_X(BIAS);
        return sums ? cuda_sum_bytes(shape_rows(&spec->y[0]), shape_last(&spec->y[0])) : 0;
    }
    return device == DEVICE_CPU ? task_bytes(spec, backward, wanted, shards) * (size_t)shards : 0;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    int64_t depth = shape_last(&spec->x[X]) + (infer_has(spec, X2) ? shape_last(&spec->x[X2]) : 0);
    return (backward ? 4 : 2) * depth * shape_count(&spec->y[0]);
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const OpSpec *spec = call->spec;
    const int64_t n_out = shape_last(&spec->y[0]);
    char *scratch = (char *)call->scratch + (size_t)i_task * task_bytes(spec, false, 0, call->shards);
    int64_t first, last;
    par_range(shape_rows(&spec->y[0]), call->shards, i_task, &first, &last);
    float *y = (float *)call->y[0] + first * n_out;
    for (int64_t r = 0; call->x[BIAS] != NULL && r < last - first; r++)
        memcpy(y + r * n_out, call->x[BIAS], (size_t)n_out * sizeof *y);
    for (int x = X; x <= X2; x += X2 - X) {
        if (call->x[x] == NULL) continue;
        Gemm g = product_y(spec, x, last - first, x == X2 || call->x[BIAS] != NULL);
        gemm_run(&g, (const float *)call->x[x] + first * g.k, call->x[x + W], y, scratch);
    }
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

static uint32_t wanted_of(const OpCall *call) {
    uint32_t wanted = 0;
    for (int i = X; i <= W2; i++)
        if (call->dx[i] != NULL) wanted |= OP_X(i);
    return wanted;
}

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static void backward_pair(const OpCall *call, int x, int i_task, void *scratch) {
    const OpSpec *spec = call->spec;
    const float *dy = call->dy[0];
    int64_t first, last;
    if (call->dx[x] != NULL) {
        par_range(shape_rows(&spec->y[0]), call->shards, i_task, &first, &last);
        Gemm g = product_dx(spec, x, last - first, adds(call, x));
        gemm_run(&g, dy + first * g.k, call->x[x + W], (float *)call->dx[x] + first * g.n, scratch);
    }
    if (call->dx[x + W] != NULL) {
        par_range(shape_last(&spec->x[x]), call->shards, i_task, &first, &last);
        Gemm g = product_dw(spec, x, last - first, adds(call, x + W));
        gemm_run(&g, (const float *)call->x[x] + first, dy, (float *)call->dx[x + W] + first * g.n, scratch);
    }
}

static void bwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const OpSpec *spec = call->spec;
    const int64_t n_out = shape_last(&spec->y[0]);
    char *scratch = (char *)call->scratch + (size_t)i_task * task_bytes(spec, true, wanted_of(call), call->shards);
    backward_pair(call, X, i_task, scratch);
    backward_pair(call, X2, i_task, scratch);
    if (call->dx[BIAS] != NULL) {
        int64_t first, last;
        par_range(n_out, call->shards, i_task, &first, &last);
        columns_sum((float *)call->dx[BIAS] + first, (const float *)call->dy[0] + first, shape_rows(&spec->y[0]),
                    last - first, n_out, adds(call, BIAS));
    }
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, bwd_task, (void *)call);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const OpSpec *spec = call->spec;
    const int64_t n_out = shape_last(&spec->y[0]);
    const double *bias = call->x[BIAS];
    double *y = call->y[0];
    for (int64_t i = 0; i < shape_count(&spec->y[0]); i++) {
        y[i] = bias == NULL ? 0.0 : bias[i % n_out];
        for (int p = X; p <= X2; p += X2 - X) {
            const double *x = call->x[p], *w = call->x[p + W];
            const int64_t depth = x == NULL ? 0 : shape_last(&spec->x[p]);
            for (int64_t d = 0; d < depth; d++) y[i] += x[i / n_out * depth + d] * w[d * n_out + i % n_out];
        }
    }
    return ERR_OK;
}

static void ref_clear(const OpCall *call) {
    for (int p = X; p <= W2; p++) {
        double *dx = call->dx[p];
        if (dx == NULL || adds(call, p)) continue;
        for (int64_t i = 0; i < shape_count(&call->spec->x[p]); i++) dx[i] = 0.0;
    }
}

static Err ref_bwd(const OpCall *call) {
    const OpSpec *spec = call->spec;
    const int64_t n_out = shape_last(&spec->y[0]);
    const double *dy = call->dy[0];
    double *dbias = call->dx[BIAS];
    ref_clear(call);
    for (int64_t i = 0; i < shape_count(&spec->y[0]); i++) {
        if (dbias != NULL) dbias[i % n_out] += dy[i];
        for (int p = X; p <= X2; p += X2 - X) {
            const double *x = call->x[p], *w = call->x[p + W];
            double *dx = call->dx[p], *dw = call->dx[p + W];
            const int64_t depth = infer_has(spec, p) ? shape_last(&spec->x[p]) : 0;
            for (int64_t d = 0; d < depth; d++) {
                if (dx != NULL) dx[i / n_out * depth + d] += dy[i] * w[d * n_out + i % n_out];
                if (dw != NULL) dw[d * n_out + i % n_out] += dy[i] * x[i / n_out * depth + d];
            }
        }
    }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 2, .x = {{.shape = {3, {3, 5, 11}}}, {.shape = {2, {11, 7}}}}},
    {.name = "bias", .n_x = 3, .x = {{.shape = {2, {13, 5}}}, {.shape = {2, {5, 37}}}, {.shape = {1, {37}}}}},
    {.name = "two_inputs",
     .n_x = 5,
     .x = {{.shape = {3, {2, 5, 3}}},
           {.shape = {2, {3, 17}}},
           {.shape = {1, {17}}},
           {.shape = {3, {2, 5, 19}}},
           {.shape = {2, {19, 17}}}}},
    {.name = "two_inputs_no_bias",
     .n_x = 5,
     .x = {{.shape = {2, {7, 3}}},
           {.shape = {2, {3, 1}}},
           {.shape = {1, {1}}, .absent = true},
           {.shape = {2, {7, 2}}},
           {.shape = {2, {2, 1}}}}},
    {.name = "one_row", .n_x = 3, .x = {{.shape = {1, {31}}}, {.shape = {2, {31, 3}}}, {.shape = {1, {3}}}}},
    {.name = "one_element", .n_x = 2, .x = {{.shape = {2, {1, 1}}}, {.shape = {2, {1, 1}}}}},
    {.name = "blocks", .n_x = 3, .x = {{.shape = {2, {131, 23}}}, {.shape = {2, {23, 43}}}, {.shape = {1, {43}}}}},
};

const Op op_linear = {
    .name = "linear",
    .n_x_min = 2,
    .n_x_max = 5,
    .n_out = 1,
    .differentiable = OP_X(X) | OP_X(W) | OP_X(BIAS) | OP_X(X2) | OP_X(W2),
    .bwd_needs = {[X] = OP_X(W), [W] = OP_X(X), [X2] = OP_X(W2), [W2] = OP_X(X2)},
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .flops = flops,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

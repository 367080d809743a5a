/* grad_norm: sum_sq = sum of the squares of all elements of 1 to 12 tensors. Each tensor is cut into blocks of fixed
 * length; a block is summed in double in fixed lanes, and the blocks are added in order, so that the bits depend on
 * neither threads nor shards. */
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/simd.h"

enum { BLOCK = 4096, SUM_LANES = 8 };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    for (int i = 0; i < spec->n_x; i++) TRY(infer_type(spec, i, "gradient", DT_REAL));
    infer_output(spec, DT_REAL, SHAPE0());
done:
    return err;
}

static int64_t blocks_of(const OpSpec *spec, int i) { return (shape_count(&spec->x[i]) + BLOCK - 1) / BLOCK; }

static int64_t all_blocks(const OpSpec *spec) {
    int64_t n = 0;
    for (int i = 0; i < spec->n_x; i++) n += blocks_of(spec, i);
    return n;
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)device;
    (void)backward;
    (void)wanted;
    (void)shards;
    return (size_t)all_blocks(spec) * sizeof(double);
}

KERNEL static double sum_squares(const float *x, int64_t n) {
    double lane[SUM_LANES] = {0};
    int64_t k = 0;
    for (; k + SUM_LANES <= n; k += SUM_LANES)
        for (int l = 0; l < SUM_LANES; l++) lane[l] += (double)x[k + l] * (double)x[k + l];
    for (int l = 0; k < n; k++, l++) lane[l] += (double)x[k] * (double)x[k];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void task(void *arg, int i_task) {
    const OpCall *call = arg;
    const OpSpec *spec = call->spec;
    double *partial = call->scratch;
    int64_t first = 0, last = 0, start = 0;
    par_range(all_blocks(spec), call->shards, i_task, &first, &last);
    for (int i = 0; i < spec->n_x; i++) {
        const int64_t n = shape_count(&spec->x[i]), blocks = blocks_of(spec, i);
        for (int64_t b = first > start ? first - start : 0; b < blocks && start + b < last; b++)
            partial[start + b] =
                sum_squares((const float *)call->x[i] + b * BLOCK, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK);
        start += blocks;
    }
}

static Err fwd(const OpCall *call) {
    const double *partial = call->scratch;
    double sum = 0.0;
    par_run(call->par, call->shards, task, (void *)call);
    for (int64_t b = 0; b < all_blocks(call->spec); b++) sum += partial[b];
    *(float *)call->y[0] = (float)sum;
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    double sum = 0.0;
    for (int i = 0; i < call->spec->n_x; i++) {
        const double *x = call->x[i];
        for (int64_t k = 0; k < shape_count(&call->spec->x[i]); k++) sum += x[k] * x[k];
    }
    *(double *)call->y[0] = sum;
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "one", .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "two blocks", .n_x = 1, .x = {{.shape = {1, {4099}}}}},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}, .scale = 1e-3}}},
    {.name = "zeros", .n_x = 1, .x = {{.shape = {1, {5}}, .fill = FILL_ZERO}}},
    {.name = "gaps", .n_x = 3, .x = {{.shape = {1, {5}}}, {.absent = true}, {.shape = {2, {2, 4099}}}}},
    {.name = "twelve",
     .n_x = 12,
     .x = {{.shape = {1, {5}}},
           {.shape = {2, {5, 7}}},
           {.shape = {0}},
           {.shape = {1, {4096}}},
           {.shape = {1, {8193}}},
           {.shape = {1, {1}}},
           {.shape = {4, {3, 3, 5, 7}}},
           {.shape = {1, {11}}},
           {.shape = {1, {13}}},
           {.shape = {1, {17}}},
           {.shape = {1, {19}}},
           {.shape = {1, {23}}}}},
};

const Op op_grad_norm = {
    .name = "grad_norm",
    .n_x_min = 1,
    .n_x_max = OP_MAX_X,
    .n_out = 1,
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

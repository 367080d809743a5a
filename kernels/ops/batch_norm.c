/* batch_norm: y = gamma xhat + beta, xhat = (x - mean) inv_std, inv_std = 1 / sqrt(var + epsilon); with relu, y =
 * max(0, .). Ioffe & Szegedy 2015.
 * x [...,C], gamma [C], beta [C], running_mean [C], running_var [C] -> y [...,C] (mean [C], inv_std [C]).
 * Training: mean and (biased) variance of the batch. With g = dy where y > 0, else 0 (without relu: dy) and M the mean
 * over rows:   dx = gamma inv_std (g - M[g] - xhat M[g xhat]);   dgamma = sum g xhat;   dbeta = sum g.
 * Evaluation: running mean and variance, constants: dx = gamma inv_std g.
 * The backward pass finds the sign of y by the forward pass's own formula from x, so that y need not be kept.
 *
 * Statistics: blocks of rows (two passes while the block is in cache) merged in double, then shards in shard order
 * (Chan, Golub & LeVeque 1983). */
#include <math.h>

#include "kernels/columns.h"
#include "kernels/cuda_scratch.h"
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR };
enum { Y, MEAN, INV_STD };

static Err infer(OpSpec *spec) {
    static const char *const names[] = {"x", "gamma", "beta", "running_mean", "running_var"};
    const BatchNormAttr *attr = spec->attr;
    Err err = ERR_OK;
    TRY(infer_type(spec, X, names[X], DT_REAL));
    FAIL_IF(spec->x[X].rank < 1, ERR_SHAPE, "x is a scalar, expected at least one dimension");
    FAIL_IF(!(attr->epsilon >= 0.0) || !(attr->momentum >= 0.0 && attr->momentum <= 1.0), ERR_SHAPE,
            "epsilon %g and momentum %g, expected at least 0, and 0 to 1", attr->epsilon, attr->momentum);
    const Shape channels = SHAPE1(shape_last(&spec->x[X]));
    for (int i = GAMMA; i <= RUNNING_VAR; i++) TRY(infer_shape(spec, i, names[i], DT_REAL, channels));
    infer_output(spec, DT_REAL, spec->x[X]);
    infer_output(spec, DT_REAL, channels);
    infer_output(spec, DT_REAL, channels);
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) { return (backward ? 12 : 8) * shape_count(&spec->x[X]); }

/* ---- scratch: two sums for each shard and channel, then coefficients for each element of a period ---- */

/* Loops over elements run over whole periods: some rows of few channels are one long row. */
enum { MIN_PERIOD = 128, N_COEFFICIENTS = 5 };

static int64_t period_of(int64_t n_channels) {
    return n_channels >= MIN_PERIOD ? n_channels : MIN_PERIOD / n_channels * n_channels;
}

/* CUDA: partial sums where there is something to sum, and two coefficients of dx for each channel. */
static size_t cuda_bytes(const OpSpec *spec, bool backward, uint32_t wanted) {
    const BatchNormAttr *attr = spec->attr;
    const int64_t n = shape_last(&spec->x[X]);
    const bool centres = backward && attr->training && (wanted & OP_X(X)) != 0;
    const bool sums = backward ? centres || (wanted & (OP_X(GAMMA) | OP_X(BETA))) != 0 : attr->training != 0;
    const size_t parts = sums ? (size_t)cuda_sum_parts(shape_rows(&spec->x[X]), 2 * n) : 0;
    return parts * 2 * (size_t)n * sizeof(double) + (centres ? 2 * (size_t)n * sizeof(float) : 0);
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    const size_t n = (size_t)shape_last(&spec->x[X]), period = (size_t)period_of((int64_t)n);
    if (device == DEVICE_REF) return 0;
    if (device == DEVICE_CUDA) return cuda_bytes(spec, backward, wanted);
    return (size_t)shards * 2 * n * sizeof(double) + N_COEFFICIENTS * period * sizeof(float);
}

/* y = (x - mean) scale + shift;   dx = scale ((g - mean_g) - (x - mean) slope). */
typedef struct Coefficients {
    float *mean, *scale, *shift, *mean_g, *slope; /* [period] */
} Coefficients;

static double *sums_of(const OpCall *call, int shard) {
    return (double *)call->scratch + (int64_t)shard * 2 * shape_last(&call->spec->x[X]);
}

static Coefficients coefficients_of(const OpCall *call) {
    const int64_t period = period_of(shape_last(&call->spec->x[X]));
    float *at = (float *)sums_of(call, call->shards);
    return (Coefficients){at, at + period, at + 2 * period, at + 3 * period, at + 4 * period};
}

static void repeat(float *coefficient, int64_t n_channels) {
    for (int64_t k = n_channels; k < period_of(n_channels); k++) coefficient[k] = coefficient[k - n_channels];
}

static void shard_rows(const OpCall *call, int shard, int64_t *first, int64_t *last) {
    par_range(shape_rows(&call->spec->x[X]), call->shards, shard, first, last);
}

/* ---- forward ---- */

/* out[j] = sum of (x - mean[j])^2 over a block. */
KERNEL_INLINE void block_squares(float *out, const float *x, const float *mean, int64_t n_rows, int n, int64_t ld) {
    ColumnsLanes lane;
    columns_clear(lane);
    int64_t r = 0;
    for (; r + COLUMNS_LANES <= n_rows; r += COLUMNS_LANES, x += COLUMNS_LANES * ld)
        for (int l = 0; l < COLUMNS_LANES; l++)
            for (int j = 0; j < n; j++) lane[l][j] += (x[l * ld + j] - mean[j]) * (x[l * ld + j] - mean[j]);
    for (int l = 0; r < n_rows; r++, l++, x += ld)
        for (int j = 0; j < n; j++) lane[l][j] += (x[j] - mean[j]) * (x[j] - mean[j]);
    for (int j = 0; j < n; j++) out[j] = columns_fold(lane, j);
}

/* Merges n_b rows with mean and sum of squared deviations into n_a rows. */
KERNEL_INLINE void merge(double *mean, double *squares, double n_a, double n_b, double mean_b, double squares_b) {
    const double delta = mean_b - *mean;
    *mean += delta * (n_b / (n_a + n_b));
    *squares += squares_b + delta * delta * (n_a * n_b / (n_a + n_b));
}

KERNEL_INLINE void merge_block(double *mean, double *squares, int64_t n_before, const float *x, int64_t n_rows, int n,
                               int64_t ld) {
    float sum[COLUMNS_WIDTH], centre[COLUMNS_WIDTH], around[COLUMNS_WIDTH];
    columns_block(sum, x, n_rows, n, ld);
    for (int j = 0; j < n; j++) centre[j] = sum[j] / (float)n_rows;
    block_squares(around, x, centre, n_rows, n, ld);
    for (int j = 0; j < n; j++)
        merge(&mean[j], &squares[j], (double)n_before, (double)n_rows, (double)sum[j] / (double)n_rows,
              (double)around[j]);
}

/* mean[C] and squares[C] of a shard's rows. */
KERNEL static void moments(double *mean, double *squares, const float *x, int64_t n_rows, int64_t n_channels) {
    for (int64_t c = 0; c < n_channels; c++) mean[c] = squares[c] = 0.0;
    for (int64_t r = 0; r < n_rows; r += COLUMNS_ROWS, x += COLUMNS_ROWS * n_channels) {
        const int64_t rows = n_rows - r < COLUMNS_ROWS ? n_rows - r : COLUMNS_ROWS;
        int64_t c = 0;
        for (; c + COLUMNS_WIDTH <= n_channels; c += COLUMNS_WIDTH)
            merge_block(mean + c, squares + c, r, x + c, rows, COLUMNS_WIDTH, n_channels);
        if (c < n_channels) merge_block(mean + c, squares + c, r, x + c, rows, (int)(n_channels - c), n_channels);
    }
}

static void moments_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    int64_t first, last;
    shard_rows(call, i_task, &first, &last);
    double *mean = sums_of(call, i_task);
    moments(mean, mean + n_channels, (const float *)call->x[X] + first * n_channels, last - first, n_channels);
}

/* Shards in order into shard 0. */
static void merge_shards(const OpCall *call) {
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    double *mean = sums_of(call, 0), *squares = mean + n_channels;
    for (int s = 1; s < call->shards; s++) {
        const double *other = sums_of(call, s);
        int64_t first, last;
        shard_rows(call, s, &first, &last);
        for (int64_t c = 0; c < n_channels && last > first; c++)
            merge(&mean[c], &squares[c], (double)first, (double)(last - first), other[c], other[n_channels + c]);
    }
}

static void update_running(const OpCall *call, int64_t c, double mean, double squares) {
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_rows = shape_rows(&call->spec->x[X]);
    /* The state is an input that this op is declared to mutate. */
    float *running_mean = (float *)(uintptr_t)call->x[RUNNING_MEAN];
    float *running_var = (float *)(uintptr_t)call->x[RUNNING_VAR];
    const double unbiased = squares / (double)(n_rows > 1 ? n_rows - 1 : 1);
    running_mean[c] = (float)((1.0 - attr->momentum) * (double)running_mean[c] + attr->momentum * mean);
    running_var[c] = (float)((1.0 - attr->momentum) * (double)running_var[c] + attr->momentum * unbiased);
}

static void find_statistics(const OpCall *call) {
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]), n_rows = shape_rows(&call->spec->x[X]);
    const float *running_mean = call->x[RUNNING_MEAN], *running_var = call->x[RUNNING_VAR];
    const double *batch_mean = sums_of(call, 0), *squares = batch_mean + n_channels;
    float *mean = call->y[MEAN], *inv_std = call->y[INV_STD];
    for (int64_t c = 0; c < n_channels; c++) {
        const double var = attr->training ? squares[c] / (double)n_rows : (double)running_var[c];
        mean[c] = attr->training ? (float)batch_mean[c] : running_mean[c];
        inv_std[c] = (float)(1.0 / sqrt(var + attr->epsilon));
        if (attr->training) update_running(call, c, batch_mean[c], squares[c]);
    }
}

/* The coefficients of y, from the saved statistics: forward and backward must see the same bits. */
static Coefficients place_coefficients(const OpCall *call) {
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    const float *gamma = call->x[GAMMA], *beta = call->x[BETA], *mean = call->y[MEAN], *inv_std = call->y[INV_STD];
    const Coefficients k = coefficients_of(call);
    for (int64_t c = 0; c < n_channels; c++) {
        k.mean[c] = mean[c];
        k.scale[c] = gamma[c] * inv_std[c];
        k.shift[c] = beta[c];
    }
    repeat(k.mean, n_channels);
    repeat(k.scale, n_channels);
    repeat(k.shift, n_channels);
    return k;
}

/* y may be x. */
KERNEL static void normalise(float *y, const float *x, Coefficients k, int64_t n, int64_t period, bool relu) {
    for (; n > 0; n -= period, x += period, y += period) {
        const int64_t m = n < period ? n : period;
        if (relu) {
            KERNEL_LOOP
            for (int64_t i = 0; i < m; i++) {
                const float t = (x[i] - k.mean[i]) * k.scale[i] + k.shift[i];
                y[i] = t < 0.0f ? 0.0f : t;
            }
        } else {
            KERNEL_LOOP
            for (int64_t i = 0; i < m; i++) y[i] = (x[i] - k.mean[i]) * k.scale[i] + k.shift[i];
        }
    }
}

static void normalise_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    int64_t first, last;
    shard_rows(call, i_task, &first, &last);
    normalise((float *)call->y[Y] + first * n_channels, (const float *)call->x[X] + first * n_channels,
              coefficients_of(call), (last - first) * n_channels, period_of(n_channels), attr->relu != 0);
}

static Err fwd(const OpCall *call) {
    const BatchNormAttr *attr = call->spec->attr;
    if (attr->training) {
        par_run(call->par, call->shards, moments_task, (void *)call);
        merge_shards(call);
    }
    find_statistics(call);
    (void)place_coefficients(call);
    par_run(call->par, call->shards, normalise_task, (void *)call);
    return ERR_OK;
}

/* ---- backward ---- */

/* g of one element, from x - mean. */
KERNEL_INLINE float gradient(float dy, float centred, float scale, float shift, bool relu) {
    return relu && !(centred * scale + shift > 0.0f) ? 0.0f : dy;
}

/* sum_g[j] += sum of g, sum_gx[j] += sum of g (x - mean), over a block. */
KERNEL_INLINE void add_block(double *sum_g, double *sum_gx, const float *dy, const float *x, Coefficients k,
                             int64_t n_rows, int n, int64_t ld, bool relu) {
    ColumnsLanes g_lane, gx_lane;
    columns_clear(g_lane);
    columns_clear(gx_lane);
    for (int64_t r = 0; r < n_rows; r += COLUMNS_LANES)
        for (int l = 0; l < COLUMNS_LANES && r + l < n_rows; l++, x += ld, dy += ld)
            for (int j = 0; j < n; j++) {
                const float centred = x[j] - k.mean[j], g = gradient(dy[j], centred, k.scale[j], k.shift[j], relu);
                g_lane[l][j] += g;
                gx_lane[l][j] += g * centred;
            }
    for (int j = 0; j < n; j++) {
        sum_g[j] += (double)columns_fold(g_lane, j);
        sum_gx[j] += (double)columns_fold(gx_lane, j);
    }
}

KERNEL_INLINE void add_rows(double *sum_g, double *sum_gx, const float *dy, const float *x, Coefficients k,
                            int64_t n_rows, int64_t ld, bool relu) {
    int64_t c = 0;
    for (; c + COLUMNS_WIDTH <= ld; c += COLUMNS_WIDTH) {
        const Coefficients at = {k.mean + c, k.scale + c, k.shift + c, NULL, NULL};
        add_block(sum_g + c, sum_gx + c, dy + c, x + c, at, n_rows, COLUMNS_WIDTH, ld, relu);
    }
    const Coefficients at = {k.mean + c, k.scale + c, k.shift + c, NULL, NULL};
    if (c < ld) add_block(sum_g + c, sum_gx + c, dy + c, x + c, at, n_rows, (int)(ld - c), ld, relu);
}

KERNEL static void gradient_sums(double *sums, const float *dy, const float *x, Coefficients k, int64_t n_rows,
                                 int64_t n_channels, bool relu) {
    for (int64_t c = 0; c < 2 * n_channels; c++) sums[c] = 0.0;
    for (int64_t r = 0; r < n_rows; r += COLUMNS_ROWS) {
        const int64_t rows = n_rows - r < COLUMNS_ROWS ? n_rows - r : COLUMNS_ROWS, at = r * n_channels;
        if (relu)
            add_rows(sums, sums + n_channels, dy + at, x + at, k, rows, n_channels, true);
        else
            add_rows(sums, sums + n_channels, dy + at, x + at, k, rows, n_channels, false);
    }
}

static void sums_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    int64_t first, last;
    shard_rows(call, i_task, &first, &last);
    gradient_sums(sums_of(call, i_task), (const float *)call->dy[Y] + first * n_channels,
                  (const float *)call->x[X] + first * n_channels, coefficients_of(call), last - first, n_channels,
                  attr->relu != 0);
}

/* Sums shards in order, gives dgamma and dbeta, and finds the coefficients of dx. */
static void finish_sums(const OpCall *call, Coefficients k) {
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    const double n_rows = (double)shape_rows(&call->spec->x[X]);
    const float *inv_std = call->y[INV_STD];
    float *dgamma = call->dx[GAMMA], *dbeta = call->dx[BETA];
    for (int64_t c = 0; c < n_channels; c++) {
        double g = 0.0, gx = 0.0;
        for (int s = 0; s < call->shards; s++) g += sums_of(call, s)[c], gx += sums_of(call, s)[n_channels + c];
        const float to_gamma = (float)(gx * (double)inv_std[c]), to_beta = (float)g;
        if (dgamma != NULL) dgamma[c] = (call->accumulate & OP_X(GAMMA)) ? dgamma[c] + to_gamma : to_gamma;
        if (dbeta != NULL) dbeta[c] = (call->accumulate & OP_X(BETA)) ? dbeta[c] + to_beta : to_beta;
        k.mean_g[c] = attr->training ? (float)(g / n_rows) : 0.0f;
        k.slope[c] = attr->training ? (float)(gx * (double)inv_std[c] * (double)inv_std[c] / n_rows) : 0.0f;
    }
    repeat(k.mean_g, n_channels);
    repeat(k.slope, n_channels);
}

/* dx may be dy. */
KERNEL_INLINE void input_gradient(float *dx, const float *dy, const float *x, Coefficients k, int64_t n, bool relu,
                                  bool add) {
    KERNEL_LOOP
    for (int64_t i = 0; i < n; i++) {
        const float centred = x[i] - k.mean[i], g = gradient(dy[i], centred, k.scale[i], k.shift[i], relu);
        const float d = k.scale[i] * ((g - k.mean_g[i]) - centred * k.slope[i]);
        dx[i] = add ? dx[i] + d : d;
    }
}

KERNEL static void input_gradients(float *dx, const float *dy, const float *x, Coefficients k, int64_t n,
                                   int64_t period, bool relu, bool add) {
    for (; n > 0; n -= period, x += period, dy += period, dx += period) {
        const int64_t m = n < period ? n : period;
        if (relu && add)
            input_gradient(dx, dy, x, k, m, true, true);
        else if (relu)
            input_gradient(dx, dy, x, k, m, true, false);
        else
            input_gradient(dx, dy, x, k, m, false, add);
    }
}

static void dx_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]);
    int64_t first, last;
    shard_rows(call, i_task, &first, &last);
    const int64_t at = first * n_channels;
    input_gradients((float *)call->dx[X] + at, (const float *)call->dy[Y] + at, (const float *)call->x[X] + at,
                    coefficients_of(call), (last - first) * n_channels, period_of(n_channels), attr->relu != 0,
                    (call->accumulate & OP_X(X)) != 0);
}

static Err bwd(const OpCall *call) {
    const Coefficients k = place_coefficients(call);
    par_run(call->par, call->shards, sums_task, (void *)call);
    finish_sums(call, k);
    if (call->dx[X] != NULL) par_run(call->par, call->shards, dx_task, (void *)call);
    return ERR_OK;
}

/* ---- reference ---- */

static void ref_channel(const OpCall *call, int64_t c) {
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]), n_rows = shape_rows(&call->spec->x[X]);
    const double *x = call->x[X], *gamma = call->x[GAMMA], *beta = call->x[BETA];
    double *running_mean = (double *)(uintptr_t)call->x[RUNNING_MEAN];
    double *running_var = (double *)(uintptr_t)call->x[RUNNING_VAR];
    double *y = call->y[Y], *saved_mean = call->y[MEAN], *inv_std = call->y[INV_STD];
    double mean = running_mean[c], var = running_var[c];
    if (attr->training) {
        mean = var = 0.0;
        for (int64_t r = 0; r < n_rows; r++) mean += x[r * n_channels + c] / (double)n_rows;
        for (int64_t r = 0; r < n_rows; r++)
            var += (x[r * n_channels + c] - mean) * (x[r * n_channels + c] - mean) / (double)n_rows;
        const double unbiased = n_rows > 1 ? var * (double)n_rows / (double)(n_rows - 1) : var;
        running_mean[c] = (1.0 - attr->momentum) * running_mean[c] + attr->momentum * mean;
        running_var[c] = (1.0 - attr->momentum) * running_var[c] + attr->momentum * unbiased;
    }
    saved_mean[c] = mean;
    inv_std[c] = 1.0 / sqrt(var + attr->epsilon);
    for (int64_t r = 0; r < n_rows; r++) {
        const double t = gamma[c] * (x[r * n_channels + c] - mean) * inv_std[c] + beta[c];
        y[r * n_channels + c] = attr->relu && t < 0.0 ? 0.0 : t;
    }
}

static Err ref_fwd(const OpCall *call) {
    for (int64_t c = 0; c < shape_last(&call->spec->x[X]); c++) ref_channel(call, c);
    return ERR_OK;
}

static void ref_add(const OpCall *call, int i, int64_t at, double value) {
    double *dx = call->dx[i];
    if (dx != NULL) dx[at] = (call->accumulate & OP_X(i)) ? dx[at] + value : value;
}

static Err ref_bwd(const OpCall *call) {
    const BatchNormAttr *attr = call->spec->attr;
    const int64_t n_channels = shape_last(&call->spec->x[X]), n_rows = shape_rows(&call->spec->x[X]);
    const double *x = call->x[X], *gamma = call->x[GAMMA], *beta = call->x[BETA], *dy = call->dy[Y];
    const double *mean = call->y[MEAN], *inv_std = call->y[INV_STD];
    for (int64_t c = 0; c < n_channels; c++) {
        double sum_g = 0.0, sum_gx = 0.0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t i = c; i < n_rows * n_channels; i += n_channels) {
                const double xhat = (x[i] - mean[c]) * inv_std[c];
                const double g = attr->relu && gamma[c] * xhat + beta[c] <= 0.0 ? 0.0 : dy[i];
                if (pass == 0)
                    sum_g += g, sum_gx += g * xhat;
                else if (attr->training)
                    ref_add(call, X, i, gamma[c] * inv_std[c] * (g - (sum_g + xhat * sum_gx) / (double)n_rows));
                else
                    ref_add(call, X, i, gamma[c] * inv_std[c] * g);
            }
        ref_add(call, GAMMA, c, sum_gx);
        ref_add(call, BETA, c, sum_g);
    }
    return ERR_OK;
}

/* BatchNormAttr: epsilon, momentum, training, relu. With relu and many elements some lie so near to the kink that a
 * difference steps over it: those cases go without. */
#define CASE(text, training, relu, n, no_diff, ...)                                                                    \
    {                                                                                                                  \
        .name = text, .attr = &(BatchNormAttr){1e-5, 0.1, training, relu}, .n_x = 5, .no_differences = no_diff, .x = { \
            {.shape = __VA_ARGS__, .scale = 2.0},                                                                      \
            {.shape = {1, {n}}},                                                                                       \
            {.shape = {1, {n}}},                                                                                       \
            {.shape = {1, {n}}},                                                                                       \
            {.shape = {1, {n}}, .fill = FILL_POSITIVE}                                                                 \
        }                                                                                                              \
    }
static const OpCase cases[] = {
    CASE("prime", 1, 0, 7, false, {4, {3, 5, 3, 7}}),        CASE("relu", 1, 1, 3, false, {4, {2, 3, 5, 3}}),
    CASE("relu, sixteen", 1, 1, 16, true, {3, {5, 41, 16}}), CASE("relu, wide", 1, 1, 131, true, {2, {13, 131}}),
    CASE("blocks", 1, 0, 17, false, {3, {5, 41, 17}}),       CASE("one channel", 1, 0, 1, false, {3, {3, 71, 1}}),
    CASE("two rows", 1, 0, 3, false, {2, {2, 3}}),           CASE("evaluation", 0, 0, 5, false, {4, {2, 3, 3, 5}}),
    CASE("evaluation, relu", 0, 1, 33, true, {2, {11, 33}}), CASE("evaluation, one row", 0, 1, 17, false, {1, {17}}),
    CASE("hundreds of rows", 1, 1, 5, false, {2, {601, 5}}),
};
#undef CASE

const Op op_batch_norm = {
    .name = "batch_norm",
    .n_x_min = 5,
    .n_x_max = 5,
    .n_out = 1,
    .differentiable = OP_X(X) | OP_X(GAMMA) | OP_X(BETA),
    .bwd_needs = {[X] = OP_X(X) | OP_X(GAMMA) | OP_X(BETA) | OP_Y(MEAN) | OP_Y(INV_STD),
                  [GAMMA] = OP_X(X) | OP_X(GAMMA) | OP_X(BETA) | OP_Y(MEAN) | OP_Y(INV_STD),
                  [BETA] = OP_X(X) | OP_X(GAMMA) | OP_X(BETA) | OP_Y(MEAN) | OP_Y(INV_STD)},
    .mutates = OP_X(RUNNING_MEAN) | OP_X(RUNNING_VAR),
    .alias_fwd = OP_X(X),
    .alias_bwd = OP_X(X),
    .attr_bytes = sizeof(BatchNormAttr),
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

/* batch_norm on CUDA: see batch_norm.c. Two sums over rows for each channel, cut into parts and added in order; what is
 * summed lies around 0, so that floats may be added a few at a time before they become doubles: forward, deviations
 * from the batch's first row. */
#include "kernels/cuda_map.cuh"
#include "kernels/cuda_scratch.h"
#include "kernels/ops.h"

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR };
enum { Y, MEAN, INV_STD };
enum { RUN = 16, SIDE_BY_SIDE = 32 };

struct BatchNormSize {
    int64_t n_rows, n_channels, parts;
    int channels; /* of a block, a power of two; its other threads are lanes of rows */
};

/* What a row adds to the two sums of a channel. */
struct BatchNormDeviation {
    const float *x;

    __device__ void add(float *a, float *b, int64_t at, int64_t c) const {
        const float d = x[at] - x[c];
        *a += d;
        *b += d * d;
    }
};

struct BatchNormGradient {
    const float *dy, *x, *gamma, *beta, *mean, *inv_std;
    bool relu;

    /* g, by the forward pass's own formula for the sign of y. */
    __device__ float gradient(int64_t at, int64_t c) const {
        const float y = (x[at] - mean[c]) * (gamma[c] * inv_std[c]) + beta[c];
        return relu && !(y > 0.0f) ? 0.0f : dy[at];
    }
    __device__ void add(float *a, float *b, int64_t at, int64_t c) const {
        const float g = gradient(at, c);
        *a += g;
        *b += g * (x[at] - mean[c]);
    }
};

/* Adds up the lanes of each channel of a block, in a tree. Lane 0 has the sums. */
__device__ __forceinline__ void batch_norm_fold(double *sum, int channels, double *a, double *b) {
    const int t = (int)threadIdx.x;
    double *second = sum + CUDA_BLOCK;
    sum[t] = *a;
    second[t] = *b;
    for (int step = CUDA_BLOCK / 2; step >= channels; step /= 2) {
        __syncthreads();
        if (t < step) sum[t] += sum[t + step], second[t] += second[t + step];
    }
    *a = sum[t];
    *b = second[t];
}

/* part [parts][2][C] */
template <typename Term> __global__ void batch_norm_parts(Term term, BatchNormSize s, int64_t tiles, double *part) {
    SHARED(double, sum, [2 * CUDA_BLOCK]);
    const int64_t i_part = cuda_divide(blockIdx.x, tiles), tile = blockIdx.x - i_part * tiles;
    const int lane = (int)threadIdx.x / s.channels, lanes = CUDA_BLOCK / s.channels;
    const int64_t c = tile * s.channels + (int)threadIdx.x % s.channels;
    const int64_t first = s.n_rows * i_part / s.parts, last = s.n_rows * (i_part + 1) / s.parts;
    double a = 0.0, b = 0.0;
    for (int64_t start = first + lane; start < last && c < s.n_channels; start += RUN * lanes) {
        float run_a = 0.0f, run_b = 0.0f;
        for (int64_t r = start; r < last && r < start + RUN * lanes; r += lanes)
            term.add(&run_a, &run_b, r * s.n_channels + c, c);
        a += (double)run_a;
        b += (double)run_b;
    }
    batch_norm_fold(sum, s.channels, &a, &b);
    if (lane > 0 || c >= s.n_channels) return;
    part[(2 * i_part) * s.n_channels + c] = a;
    part[(2 * i_part + 1) * s.n_channels + c] = b;
}

/* Both sums of channel c over all parts; false for all threads but one of each channel. */
__device__ __forceinline__ bool batch_norm_sums(const BatchNormSize &s, const double *part, int64_t *c, double *a,
                                                double *b) {
    SHARED(double, sum, [2 * CUDA_BLOCK]);
    const int lane = (int)threadIdx.x / s.channels, lanes = CUDA_BLOCK / s.channels;
    *c = (int64_t)blockIdx.x * s.channels + (int)threadIdx.x % s.channels;
    *a = *b = 0.0;
    for (int64_t p = lane; p < s.parts && *c < s.n_channels; p += lanes) {
        *a += part[(2 * p) * s.n_channels + *c];
        *b += part[(2 * p + 1) * s.n_channels + *c];
    }
    batch_norm_fold(sum, s.channels, a, b);
    return lane == 0 && *c < s.n_channels;
}

/* ---- forward ---- */

struct BatchNormState {
    float *mean, *inv_std, *running_mean, *running_var;
    double epsilon, momentum;
};

__global__ void batch_norm_statistics(BatchNormSize s, BatchNormState to, const float *x, const double *part) {
    int64_t c = 0;
    double a = 0.0, b = 0.0;
    if (!batch_norm_sums(s, part, &c, &a, &b)) return;
    const double n = (double)s.n_rows, off = a / n, mean = (double)x[c] + off;
    const double squares = b - a * off > 0.0 ? b - a * off : 0.0, unbiased = squares / (n > 1.0 ? n - 1.0 : 1.0);
    to.mean[c] = (float)mean;
    to.inv_std[c] = (float)(1.0 / sqrt(squares / n + to.epsilon));
    to.running_mean[c] = (float)((1.0 - to.momentum) * (double)to.running_mean[c] + to.momentum * mean);
    to.running_var[c] = (float)((1.0 - to.momentum) * (double)to.running_var[c] + to.momentum * unbiased);
}

__global__ void batch_norm_running(int64_t n_channels, BatchNormState to) {
    const int64_t c = cuda_thread();
    if (c >= n_channels) return;
    to.mean[c] = to.running_mean[c];
    to.inv_std[c] = (float)(1.0 / sqrt((double)to.running_var[c] + to.epsilon));
}

/* A thread has one element or four neighbours of one row. y may be x. */
template <int WIDTH>
__global__ void batch_norm_forward(int64_t n, int64_t n_channels, bool relu, float *y, const float *x,
                                   const float *gamma, const float *beta, const float *mean, const float *inv_std) {
    const int64_t first = WIDTH * cuda_thread();
    if (first >= n) return;
    const int64_t c = first - cuda_divide(first, n_channels) * n_channels;
    alignas(float4) float v[WIDTH];
    if constexpr (WIDTH == CUDA_VECTOR)
        *reinterpret_cast<float4 *>(v) = cuda_load4(x + first);
    else
        v[0] = x[first];
    for (int i = 0; i < WIDTH; i++) {
        const float t = (v[i] - mean[c + i]) * (gamma[c + i] * inv_std[c + i]) + beta[c + i];
        v[i] = relu && t < 0.0f ? 0.0f : t;
    }
    if constexpr (WIDTH == CUDA_VECTOR)
        cuda_store4(y + first, *reinterpret_cast<float4 *>(v));
    else
        y[first] = v[0];
}

/* ---- backward ---- */

struct BatchNormSums {
    float *dgamma, *dbeta, *mean_g, *slope; /* NULL: not wanted */
    bool add_gamma, add_beta;
};

__global__ void batch_norm_coefficients(BatchNormSize s, BatchNormSums to, const float *inv_std, const double *part) {
    int64_t c = 0;
    double g = 0.0, gx = 0.0;
    if (!batch_norm_sums(s, part, &c, &g, &gx)) return;
    const double n = (double)s.n_rows, per_std = (double)inv_std[c];
    const float to_gamma = (float)(gx * per_std), to_beta = (float)g;
    if (to.dgamma != nullptr) to.dgamma[c] = to.add_gamma ? to.dgamma[c] + to_gamma : to_gamma;
    if (to.dbeta != nullptr) to.dbeta[c] = to.add_beta ? to.dbeta[c] + to_beta : to_beta;
    if (to.mean_g != nullptr) to.mean_g[c] = (float)(g / n);
    if (to.slope != nullptr) to.slope[c] = (float)(gx * per_std * per_std / n);
}

/* dx may be dy. mean_g NULL: statistics are constants. */
__global__ void batch_norm_backward(int64_t n, int64_t n_channels, BatchNormGradient in, bool add, float *dx,
                                    const float *mean_g, const float *slope) {
    const int64_t at = cuda_thread();
    if (at >= n) return;
    const int64_t c = at - cuda_divide(at, n_channels) * n_channels;
    float g = in.gradient(at, c);
    if (mean_g != nullptr) g = (g - mean_g[c]) - (in.x[at] - in.mean[c]) * slope[c];
    const float d = in.gamma[c] * in.inv_std[c] * g;
    dx[at] = add ? dx[at] + d : d;
}

/* ---- launching ---- */

static BatchNormSize size_of(const OpSpec *spec) {
    const int64_t n_rows = shape_rows(&spec->x[X]), n_channels = shape_last(&spec->x[X]);
    int channels = 1;
    while (channels < n_channels && channels < SIDE_BY_SIDE) channels *= 2;
    return {n_rows, n_channels, cuda_sum_parts(n_rows, 2 * n_channels), channels};
}

template <typename Term> static Err run_parts(const OpCall *call, const BatchNormSize &s, Term term) {
    const int64_t tiles = (s.n_channels + s.channels - 1) / s.channels;
    return cuda_run(call, batch_norm_parts<Term>, cuda_blocks(tiles * s.parts, 1), term, s, tiles,
                    static_cast<double *>(call->scratch));
}

static const float *input(const OpCall *call, int i) { return static_cast<const float *>(call->x[i]); }

static Err normalise(const OpCall *call) {
    const int64_t n = shape_count(&call->spec->x[X]), n_channels = shape_last(&call->spec->x[X]);
    const bool relu = static_cast<const BatchNormAttr *>(call->spec->attr)->relu != 0;
    const bool wide = n_channels % CUDA_VECTOR == 0 && cuda_is_aligned(call->x[X]) && cuda_is_aligned(call->y[Y]);
    const int width = wide ? CUDA_VECTOR : 1;
    return cuda_run(call, wide ? batch_norm_forward<CUDA_VECTOR> : batch_norm_forward<1>,
                    cuda_blocks(n, CUDA_BLOCK * width), n, n_channels, relu, static_cast<float *>(call->y[Y]),
                    input(call, X), input(call, GAMMA), input(call, BETA), static_cast<const float *>(call->y[MEAN]),
                    static_cast<const float *>(call->y[INV_STD]));
}

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const BatchNormAttr *attr = static_cast<const BatchNormAttr *>(call->spec->attr);
    const BatchNormSize s = size_of(call->spec);
    /* The running statistics are inputs that this op is declared to mutate. */
    const BatchNormState to = {static_cast<float *>(call->y[MEAN]),
                               static_cast<float *>(call->y[INV_STD]),
                               static_cast<float *>(const_cast<void *>(call->x[RUNNING_MEAN])),
                               static_cast<float *>(const_cast<void *>(call->x[RUNNING_VAR])),
                               attr->epsilon,
                               attr->momentum};
    if (attr->training) {
        TRY(run_parts(call, s, BatchNormDeviation{input(call, X)}));
        TRY(cuda_run(call, batch_norm_statistics, cuda_blocks(s.n_channels, s.channels), s, to, input(call, X),
                     static_cast<const double *>(call->scratch)));
    } else {
        TRY(cuda_run(call, batch_norm_running, cuda_blocks(s.n_channels, CUDA_BLOCK), s.n_channels, to));
    }
    TRY(normalise(call));
done:
    return err;
}

static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const BatchNormAttr *attr = static_cast<const BatchNormAttr *>(call->spec->attr);
    const BatchNormSize s = size_of(call->spec);
    const int64_t n = shape_count(&call->spec->x[X]);
    const bool centres = attr->training && call->dx[X] != nullptr;
    double *part = static_cast<double *>(call->scratch);
    float *mean_g = centres ? reinterpret_cast<float *>(part + 2 * s.parts * s.n_channels) : nullptr;
    float *slope = centres ? mean_g + s.n_channels : nullptr;
    const BatchNormGradient in = {static_cast<const float *>(call->dy[Y]),
                                  input(call, X),
                                  input(call, GAMMA),
                                  input(call, BETA),
                                  static_cast<const float *>(call->y[MEAN]),
                                  static_cast<const float *>(call->y[INV_STD]),
                                  attr->relu != 0};
    const BatchNormSums to = {
        static_cast<float *>(call->dx[GAMMA]), static_cast<float *>(call->dx[BETA]), mean_g, slope,
        (call->accumulate & OP_X(GAMMA)) != 0, (call->accumulate & OP_X(BETA)) != 0};
    if (centres || to.dgamma != nullptr || to.dbeta != nullptr) {
        TRY(run_parts(call, s, in));
        TRY(cuda_run(call, batch_norm_coefficients, cuda_blocks(s.n_channels, s.channels), s, to, in.inv_std,
                     static_cast<const double *>(part)));
    }
    if (call->dx[X] != nullptr)
        TRY(cuda_run(call, batch_norm_backward, cuda_blocks(n, CUDA_BLOCK), n, s.n_channels, in,
                     (call->accumulate & OP_X(X)) != 0, static_cast<float *>(call->dx[X]),
                     static_cast<const float *>(mean_g), static_cast<const float *>(slope)));
done:
    return err;
}

OP_CUDA(batch_norm, fwd, bwd);

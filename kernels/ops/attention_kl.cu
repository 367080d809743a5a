/* attention_kl on CUDA: see attention_kl.c. */
#include "kernels/attention_target.h"
#include "kernels/cuda_rows.cuh"
#include "kernels/ops.h"
#include "kernels/vmath.h"

struct AttentionKlInputs {
    const float *alpha, *box, *centre;
    float cell, epsilon, sigma, min_width;
    bool gaussian;
};

/* The target of one row: q_j = weight(j) norm; norm is 0 where the row has none. */
struct AttentionKlTarget {
    AttentionKlInputs in;
    const float *box;
    float middle, per_variance, shift, norm;

    __device__ float exponent(int64_t j) const {
        return -(in.centre[j] - middle) * (in.centre[j] - middle) * per_variance;
    }
    __device__ float weight(int64_t j) const {
        if (in.gaussian) return vmath_exp(exponent(j) - shift);
        return attention_target_overlap_of(in.centre[j], in.cell, 1.0f / in.cell, box);
    }
};

/* The largest exponent is taken off: a box far from every position must not give 0 / 0. All of a row's threads. */
template <int THREADS>
__device__ __forceinline__ AttentionKlTarget attention_kl_target(const AttentionKlInputs &in, int64_t row, int64_t n) {
    AttentionKlTarget t = {in, in.box + row * BOX_SIZE, 0.0f, 0.0f, -INFINITY, 0.0f};
    const float width = t.box[BOX_X1] - t.box[BOX_X0];
    const float spread = in.sigma * (width > in.min_width ? width : in.min_width);
    t.middle = 0.5f * (t.box[BOX_X0] + t.box[BOX_X1]);
    t.per_variance = 0.5f / (spread * spread);
    float largest = -INFINITY, sum = 0.0f;
    for (int64_t j = cuda_row_thread<THREADS>(); j < n && in.gaussian; j += THREADS)
        largest = fmaxf(largest, t.exponent(j));
    t.shift = cuda_reduce<THREADS>(CudaMax{}, largest);
    for (int64_t j = cuda_row_thread<THREADS>(); j < n; j += THREADS) sum += t.weight(j);
    sum = cuda_reduce<THREADS>(CudaAdd{}, sum);
    t.norm = attention_target_has_box(t.box) && sum > 0.0f ? 1.0f / sum : 0.0f;
    return t;
}

template <int THREADS>
__global__ void attention_kl_forward(int64_t n_rows, int64_t n, AttentionKlInputs in, double *term) {
    const int64_t row = cuda_row<THREADS>();
    if (row >= n_rows) return;
    const AttentionKlTarget t = attention_kl_target<THREADS>(in, row, n);
    float sum = 0.0f;
    for (int64_t j = cuda_row_thread<THREADS>(); j < n && t.norm > 0.0f; j += THREADS)
        sum += t.weight(j) * vmath_log(in.alpha[row * n + j] + in.epsilon);
    sum = cuda_reduce<THREADS>(CudaAdd{}, sum);
    if (cuda_row_thread<THREADS>() == 0) term[row] = t.norm > 0.0f ? -static_cast<double>(t.norm * sum) : 0.0;
}

template <int THREADS>
__global__ void attention_kl_backward(int64_t n_rows, int64_t n, AttentionKlInputs in, bool add, float *dalpha,
                                      const float *dloss, const float *inv_count) {
    const int64_t row = cuda_row<THREADS>();
    if (row >= n_rows) return;
    const AttentionKlTarget t = attention_kl_target<THREADS>(in, row, n);
    const float factor = -(*dloss * *inv_count) * t.norm;
    for (int64_t j = cuda_row_thread<THREADS>(); j < n; j += THREADS) {
        const int64_t at = row * n + j;
        const float d = t.norm > 0.0f ? factor * t.weight(j) / (in.alpha[at] + in.epsilon) : 0.0f;
        dalpha[at] = add ? dalpha[at] + d : d;
    }
}

static AttentionKlInputs inputs_of(const OpCall *call) {
    const AttentionKlAttr *attr = static_cast<const AttentionKlAttr *>(call->spec->attr);
    return {static_cast<const float *>(call->x[TARGET_ALPHA]),
            static_cast<const float *>(call->x[TARGET_BOX]),
            static_cast<const float *>(call->x[TARGET_CENTRE_X]),
            static_cast<float>(attr->cell),
            static_cast<float>(attr->epsilon),
            static_cast<float>(attr->sigma),
            static_cast<float>(attr->min_width),
            attr->gaussian != 0};
}

static Err fwd(const OpCall *call) {
    const Shape *alpha = &call->spec->x[TARGET_ALPHA];
    double *term = static_cast<double *>(call->scratch);
    const Err err = cuda_run_rows(call, attention_kl_forward<CUDA_WARP>, attention_kl_forward<CUDA_BLOCK>,
                                  shape_rows(alpha), shape_last(alpha), inputs_of(call), term);
    return err == ERR_OK ? cuda_total(call, call->y[0], term, shape_rows(alpha), call->x[TARGET_INV_COUNT]) : err;
}

static Err bwd(const OpCall *call) {
    const Shape *alpha = &call->spec->x[TARGET_ALPHA];
    return cuda_run_rows(call, attention_kl_backward<CUDA_WARP>, attention_kl_backward<CUDA_BLOCK>, shape_rows(alpha),
                         shape_last(alpha), inputs_of(call), (call->accumulate & OP_X(TARGET_ALPHA)) != 0,
                         static_cast<float *>(call->dx[TARGET_ALPHA]), static_cast<const float *>(call->dy[0]),
                         static_cast<const float *>(call->x[TARGET_INV_COUNT]));
}

OP_CUDA(attention_kl, fwd, bwd);

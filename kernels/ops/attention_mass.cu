/* attention_mass on CUDA: see attention_mass.c. */
#include "kernels/attention_target.h"
#include "kernels/cuda_rows.cuh"
#include "kernels/ops.h"
#include "kernels/vmath.h"

struct AttentionMassInputs {
    const float *alpha, *box, *centre;
    float cell, epsilon;
};

template <int THREADS>
__device__ __forceinline__ float attention_mass_of(const AttentionMassInputs &in, int64_t row, int64_t n) {
    const float *box = in.box + row * BOX_SIZE, per_cell = 1.0f / in.cell;
    float mass = 0.0f;
    for (int64_t j = cuda_row_thread<THREADS>(); j < n; j += THREADS)
        mass += in.alpha[row * n + j] * attention_target_overlap_of(in.centre[j], in.cell, per_cell, box);
    return cuda_reduce<THREADS>(CudaAdd{}, mass);
}

template <int THREADS>
__global__ void attention_mass_forward(int64_t n_rows, int64_t n, AttentionMassInputs in, double *term) {
    const int64_t row = cuda_row<THREADS>();
    if (row >= n_rows) return;
    const float mass = attention_mass_of<THREADS>(in, row, n);
    if (cuda_row_thread<THREADS>() > 0) return;
    const bool counts = attention_target_has_box(in.box + row * BOX_SIZE);
    term[row] = counts ? -static_cast<double>(vmath_log(mass + in.epsilon)) : 0.0;
}

template <int THREADS>
__global__ void attention_mass_backward(int64_t n_rows, int64_t n, AttentionMassInputs in, bool add, float *dalpha,
                                        const float *dloss, const float *inv_count) {
    const int64_t row = cuda_row<THREADS>();
    if (row >= n_rows) return;
    const float *box = in.box + row * BOX_SIZE, per_cell = 1.0f / in.cell, outer = *dloss * *inv_count;
    const bool counts = attention_target_has_box(box);
    const float factor = -outer / (attention_mass_of<THREADS>(in, row, n) + in.epsilon);
    for (int64_t j = cuda_row_thread<THREADS>(); j < n; j += THREADS) {
        float *at = &dalpha[row * n + j];
        const float d = counts ? factor * attention_target_overlap_of(in.centre[j], in.cell, per_cell, box) : 0.0f;
        *at = add ? *at + d : d;
    }
}

static AttentionMassInputs inputs_of(const OpCall *call) {
    const AttentionMassAttr *attr = static_cast<const AttentionMassAttr *>(call->spec->attr);
    return {static_cast<const float *>(call->x[TARGET_ALPHA]), static_cast<const float *>(call->x[TARGET_BOX]),
            static_cast<const float *>(call->x[TARGET_CENTRE_X]), static_cast<float>(attr->cell),
            static_cast<float>(attr->epsilon)};
}

static Err fwd(const OpCall *call) {
    const Shape *alpha = &call->spec->x[TARGET_ALPHA];
    double *term = static_cast<double *>(call->scratch);
    const Err err = cuda_run_rows(call, attention_mass_forward<CUDA_WARP>, attention_mass_forward<CUDA_BLOCK>,
                                  shape_rows(alpha), shape_last(alpha), inputs_of(call), term);
    return err == ERR_OK ? cuda_total(call, call->y[0], term, shape_rows(alpha), call->x[TARGET_INV_COUNT]) : err;
}

static Err bwd(const OpCall *call) {
    const Shape *alpha = &call->spec->x[TARGET_ALPHA];
    return cuda_run_rows(call, attention_mass_backward<CUDA_WARP>, attention_mass_backward<CUDA_BLOCK>,
                         shape_rows(alpha), shape_last(alpha), inputs_of(call),
                         (call->accumulate & OP_X(TARGET_ALPHA)) != 0, static_cast<float *>(call->dx[TARGET_ALPHA]),
                         static_cast<const float *>(call->dy[0]),
                         static_cast<const float *>(call->x[TARGET_INV_COUNT]));
}

OP_CUDA(attention_mass, fwd, bwd);

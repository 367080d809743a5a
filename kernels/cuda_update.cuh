/* What the optimisers share on CUDA: a rule made from hyper and scale by one thread of each block, then applied to the
 * elements. hyper and scale are read on the device, so that a captured step follows them. C++17. */
#ifndef KERNELS_CUDA_UPDATE_CUH
#define KERNELS_CUDA_UPDATE_CUH

#include "kernels/cuda_kernel.cuh"
#include "kernels/update.h"

constexpr int CUDA_UPDATE_ELEMENTS = 4; /* of each thread, a block apart */

/* Rule: `void read(const float *hyper, float scale)`, `void apply(float *param, float grad, float *s0, float *s1)`. */
template <typename Rule>
__global__ void cuda_update_elements(int64_t n, float *param, const float *grad, float *s0, float *s1,
                                     const float *hyper, const float *scale, float *done) {
    SHARED(Rule, shared_rule, [1]);
    if (threadIdx.x == 0) shared_rule[0].read(hyper, *scale);
    __syncthreads();
    const Rule rule = shared_rule[0];
    const int64_t first = static_cast<int64_t>(blockIdx.x) * CUDA_BLOCK * CUDA_UPDATE_ELEMENTS + threadIdx.x;
    for (int i = 0; i < CUDA_UPDATE_ELEMENTS; i++) {
        const int64_t k = first + i * CUDA_BLOCK;
        if (k < n) rule.apply(&param[k], grad[k], s0 + k, s1 == nullptr ? nullptr : s1 + k);
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) *done = 0.0f;
}

/* x: param, grad, n_states states, hyper, scale. */
template <typename Rule> Err cuda_update(const OpCall *call, int n_states) {
    const int64_t n = shape_count(&call->spec->x[0]);
    float *state[2] = {nullptr, nullptr};
    for (int i = 0; i < n_states; i++) state[i] = static_cast<float *>(const_cast<void *>(call->x[2 + i]));
    return cuda_run(call, cuda_update_elements<Rule>, cuda_blocks(n, CUDA_BLOCK * CUDA_UPDATE_ELEMENTS), n,
                    static_cast<float *>(const_cast<void *>(call->x[0])), static_cast<const float *>(call->x[1]),
                    state[0], state[1], static_cast<const float *>(call->x[2 + n_states]),
                    static_cast<const float *>(call->x[3 + n_states]), static_cast<float *>(call->y[0]));
}

#endif

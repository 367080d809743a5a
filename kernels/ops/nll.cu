/* nll on CUDA: see nll.c. The device cannot refuse a label: one beyond the classes gives NaN, which ends a training as
 * diverged, and no gradient. */
#include "kernels/cuda_kernel.cuh"
#include "kernels/infer.h"

enum { LOGP, LABEL, WEIGHT };

__global__ void nll_forward(int64_t n_rows, int64_t n, float *y, const float *logp, const int32_t *label,
                            const float *weight) {
    const int64_t r = cuda_thread();
    if (r >= n_rows) return;
    const int32_t k = label[r];
    const float w = weight == nullptr ? 1.0f : weight[r];
    y[r] = k < 0 ? 0.0f : k < n ? -w * logp[r * n + k] : NAN;
}

/* Element by element; an accumulating pass touches only the labels'. */
__global__ void nll_backward(int64_t n_elements, int64_t n, bool add, float *dlogp, const int32_t *label,
                             const float *weight, const float *dy) {
    const int64_t i = cuda_thread();
    if (i >= n_elements) return;
    const int64_t r = cuda_divide(i, n), k = i - r * n;
    if (label[r] == k) {
        const float v = -(weight == nullptr ? 1.0f : weight[r]) * dy[r];
        dlogp[i] = add ? dlogp[i] + v : v;
    } else if (!add) {
        dlogp[i] = 0.0f;
    }
}

static Err fwd(const OpCall *call) {
    const int64_t n_rows = shape_count(&call->spec->y[0]);
    return cuda_run(call, nll_forward, cuda_blocks(n_rows, CUDA_BLOCK), n_rows, shape_last(&call->spec->x[LOGP]),
                    static_cast<float *>(call->y[0]), static_cast<const float *>(call->x[LOGP]),
                    static_cast<const int32_t *>(call->x[LABEL]), static_cast<const float *>(call->x[WEIGHT]));
}

static Err bwd(const OpCall *call) {
    const int64_t n_elements = shape_count(&call->spec->x[LOGP]);
    const void *weight = infer_has(call->spec, WEIGHT) ? call->x[WEIGHT] : nullptr;
    return cuda_run(call, nll_backward, cuda_blocks(n_elements, CUDA_BLOCK), n_elements,
                    shape_last(&call->spec->x[LOGP]), (call->accumulate & OP_X(LOGP)) != 0,
                    static_cast<float *>(call->dx[LOGP]), static_cast<const int32_t *>(call->x[LABEL]),
                    static_cast<const float *>(weight), static_cast<const float *>(call->dy[0]));
}

OP_CUDA(nll, fwd, bwd);

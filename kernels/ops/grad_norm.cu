/* grad_norm on CUDA: see grad_norm.c. The same cuts: a partial sum for every PART elements of each tensor, then their
 * sum by one block. */
#include "kernels/cuda_kernel.cuh"
#include "kernels/infer.h"

enum { PART = 4096 };

struct GradNormTensors {
    int n;
    const float *x[OP_MAX_X];
    int64_t size[OP_MAX_X], first_part[OP_MAX_X];
};

__global__ void grad_norm_parts(GradNormTensors tensors, double *part) {
    int i = tensors.n - 1;
    while (tensors.first_part[i] > blockIdx.x) i--;
    const int64_t first = (blockIdx.x - tensors.first_part[i]) * PART;
    double sum = 0.0;
    for (int64_t k = first + threadIdx.x; k < first + PART && k < tensors.size[i]; k += CUDA_BLOCK) {
        const double x = tensors.x[i][k];
        sum += x * x;
    }
    sum = cuda_block_reduce(CudaAdd{}, sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

__global__ void grad_norm_total(int64_t n_parts, float *y, const double *part) {
    double sum = 0.0;
    for (int64_t p = threadIdx.x; p < n_parts; p += CUDA_BLOCK) sum += part[p];
    sum = cuda_block_reduce(CudaAdd{}, sum);
    if (threadIdx.x == 0) *y = static_cast<float>(sum);
}

static Err fwd(const OpCall *call) {
    const OpSpec *spec = call->spec;
    double *part = static_cast<double *>(call->scratch);
    GradNormTensors tensors = {};
    int64_t n_parts = 0;
    for (int i = 0; i < spec->n_x; i++) {
        if (!infer_has(spec, i)) continue;
        tensors.x[tensors.n] = static_cast<const float *>(call->x[i]);
        tensors.size[tensors.n] = shape_count(&spec->x[i]);
        tensors.first_part[tensors.n] = n_parts;
        n_parts += (tensors.size[tensors.n++] + PART - 1) / PART;
    }
    const Err err = cuda_run(call, grad_norm_parts, cuda_blocks(n_parts, 1), tensors, part);
    if (err != ERR_OK) return err;
    return cuda_run(call, grad_norm_total, dim3(1), n_parts, static_cast<float *>(call->y[0]), part);
}

OP_CUDA(grad_norm, fwd, nullptr);

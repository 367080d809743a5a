/* clip_scale on CUDA: see clip_scale.c. */
#include "kernels/cuda_kernel.cuh"

__global__ void clip_scale_one(float *scale, float *norm, const float *sum_sq, const float *limit) {
    const float length = sqrtf(*sum_sq);
    *scale = *limit > 0.0f && length > *limit ? *limit / length : 1.0f;
    *norm = length;
}

static Err fwd(const OpCall *call) {
    return cuda_launch(call, clip_scale_one, dim3(1), dim3(1), 0, static_cast<float *>(call->y[0]),
                       static_cast<float *>(call->y[1]), static_cast<const float *>(call->x[0]),
                       static_cast<const float *>(call->x[1]));
}

OP_CUDA(clip_scale, fwd, nullptr);

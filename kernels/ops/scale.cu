/* scale on CUDA: see scale.c. */
#include "kernels/cuda_map.cuh"
#include "kernels/ops.h"

struct ScaleShift {
    float a, b;
    __device__ float operator()(float x) const { return a * x + b; }
};
struct ScaleOnly {
    float a;
    __device__ float operator()(float dy) const { return a * dy; }
};

static Err fwd(const OpCall *call) {
    const ScaleAttr *attr = static_cast<const ScaleAttr *>(call->spec->attr);
    return cuda_map_y(call, ScaleShift{static_cast<float>(attr->a), static_cast<float>(attr->b)}, call->x[0]);
}

static Err bwd(const OpCall *call) {
    const ScaleAttr *attr = static_cast<const ScaleAttr *>(call->spec->attr);
    return cuda_map_dx(call, ScaleOnly{static_cast<float>(attr->a)}, call->dy[0]);
}

OP_CUDA(scale, fwd, bwd);

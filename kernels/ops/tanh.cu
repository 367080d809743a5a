/* tanh on CUDA: see tanh.c. */
#include "kernels/cuda_map.cuh"
#include "kernels/vmath.h"

struct TanhForward {
    __device__ float operator()(float x) const { return vmath_tanh(x); }
};
struct TanhBackward {
    __device__ float operator()(float dy, float y) const { return dy * (1.0f - y * y); }
};

static Err fwd(const OpCall *call) { return cuda_map_y(call, TanhForward{}, call->x[0]); }

static Err bwd(const OpCall *call) { return cuda_map_dx(call, TanhBackward{}, call->dy[0], call->y[0]); }

OP_CUDA(tanh, fwd, bwd);

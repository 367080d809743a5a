/* exp on CUDA: see exp.c. */
#include "kernels/cuda_map.cuh"
#include "kernels/vmath.h"

struct ExpForward {
    __device__ float operator()(float x) const { return vmath_exp(x); }
};
struct ExpBackward {
    __device__ float operator()(float dy, float y) const { return dy * y; }
};

static Err fwd(const OpCall *call) { return cuda_map_y(call, ExpForward{}, call->x[0]); }

static Err bwd(const OpCall *call) { return cuda_map_dx(call, ExpBackward{}, call->dy[0], call->y[0]); }

OP_CUDA(exp, fwd, bwd);

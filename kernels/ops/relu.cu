/* relu on CUDA: see relu.c. */
#include "kernels/cuda_map.cuh"

struct ReluForward {
    __device__ float operator()(float x) const { return x < 0.0f ? 0.0f : x; }
};
struct ReluBackward {
    __device__ float operator()(float dy, float y) const { return y > 0.0f ? dy : 0.0f; }
};

static Err fwd(const OpCall *call) { return cuda_map_y(call, ReluForward{}, call->x[0]); }

static Err bwd(const OpCall *call) { return cuda_map_dx(call, ReluBackward{}, call->dy[0], call->y[0]); }

OP_CUDA(relu, fwd, bwd);

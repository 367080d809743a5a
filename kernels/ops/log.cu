/* log on CUDA: see log.c. */
#include "kernels/cuda_map.cuh"
#include "kernels/ops.h"
#include "kernels/vmath.h"

struct LogForward {
    float epsilon;
    __device__ float operator()(float x) const { return vmath_log(x + epsilon); }
};
struct LogBackward {
    float epsilon;
    __device__ float operator()(float dy, float x) const { return dy / (x + epsilon); }
};

static float epsilon_of(const OpCall *call) {
    return static_cast<float>(static_cast<const LogAttr *>(call->spec->attr)->epsilon);
}

static Err fwd(const OpCall *call) { return cuda_map_y(call, LogForward{epsilon_of(call)}, call->x[0]); }

static Err bwd(const OpCall *call) { return cuda_map_dx(call, LogBackward{epsilon_of(call)}, call->dy[0], call->x[0]); }

OP_CUDA(log, fwd, bwd);

/* fill on CUDA: see fill.c. */
#include "kernels/cuda_map.cuh"
#include "kernels/ops.h"

struct FillValue {
    float value;
    __device__ float operator()() const { return value; }
};

static Err fwd(const OpCall *call) {
    const double value = static_cast<const FillAttr *>(call->spec->attr)->value;
    return cuda_map_y(call, FillValue{static_cast<float>(value)});
}

OP_CUDA(fill, fwd, nullptr);

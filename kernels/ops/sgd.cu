/* sgd on CUDA: see sgd.c. */
#include "kernels/cuda_update.cuh"

enum { MOMENTUM = HYPER_FIRST_OWN };

struct SgdRule {
    float lr, decay, momentum, scale;

    __device__ void read(const float *hyper, float scale_of_gradient) {
        lr = hyper[HYPER_LR];
        decay = hyper[HYPER_WEIGHT_DECAY];
        momentum = hyper[MOMENTUM];
        scale = scale_of_gradient;
    }
    __device__ void apply(float *param, float grad, float *velocity, float *) const {
        *velocity = momentum * *velocity + (scale * grad + decay * *param);
        *param -= lr * *velocity;
    }
};

static Err fwd(const OpCall *call) { return cuda_update<SgdRule>(call, 1); }

OP_CUDA(sgd, fwd, nullptr);

/* adadelta on CUDA: see adadelta.c. */
#include "kernels/cuda_update.cuh"

enum { RHO = HYPER_FIRST_OWN, EPSILON };

struct AdadeltaRule {
    float lr, decay, rho, epsilon, scale;

    __device__ void read(const float *hyper, float scale_of_gradient) {
        lr = hyper[HYPER_LR];
        decay = hyper[HYPER_WEIGHT_DECAY];
        rho = hyper[RHO];
        epsilon = hyper[EPSILON];
        scale = scale_of_gradient;
    }
    __device__ void apply(float *param, float grad, float *square, float *moved) const {
        const float g = scale * grad + decay * *param, rest = 1.0f - rho;
        *square = rho * *square + rest * (g * g);
        const float delta = g * (sqrtf(*moved + epsilon) / sqrtf(*square + epsilon));
        *moved = rho * *moved + rest * (delta * delta);
        *param -= lr * delta;
    }
};

static Err fwd(const OpCall *call) { return cuda_update<AdadeltaRule>(call, 2); }

OP_CUDA(adadelta, fwd, nullptr);

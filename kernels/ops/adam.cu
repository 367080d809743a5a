/* adam on CUDA: see adam.c. */
#include "kernels/cuda_update.cuh"

enum { BETA1 = HYPER_FIRST_OWN, BETA2, EPSILON };

struct AdamRule {
    float decay, epsilon, scale, beta1, beta2, rate, root;

    __device__ void read(const float *hyper, float scale_of_gradient) {
        decay = hyper[HYPER_WEIGHT_DECAY];
        epsilon = hyper[EPSILON];
        scale = scale_of_gradient;
        beta1 = hyper[BETA1];
        beta2 = hyper[BETA2];
        /* 1 - beta^step would lose half its digits in float at the first steps. */
        const double step = hyper[HYPER_STEP];
        rate = static_cast<float>(hyper[HYPER_LR] / (1.0 - pow(static_cast<double>(beta1), step)));
        root = static_cast<float>(1.0 / sqrt(1.0 - pow(static_cast<double>(beta2), step)));
    }
    __device__ void apply(float *param, float grad, float *m, float *v) const {
        const float g = scale * grad + decay * *param;
        *m = beta1 * *m + (1.0f - beta1) * g;
        *v = beta2 * *v + (1.0f - beta2) * (g * g);
        *param -= rate * *m / (sqrtf(*v) * root + epsilon);
    }
};

static Err fwd(const OpCall *call) { return cuda_update<AdamRule>(call, 2); }

OP_CUDA(adam, fwd, nullptr);

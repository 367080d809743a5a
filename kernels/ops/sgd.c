/* sgd with momentum: g = scale grad + weight_decay param; velocity = momentum velocity + g; param -= lr velocity. */
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/update.h"

enum { PARAM, GRAD, VELOCITY, HYPER, SCALE };
enum { MOMENTUM = HYPER_FIRST_OWN };

static Err infer(OpSpec *spec) { return update_infer(spec, 1); }

KERNEL static void update(const OpCall *call, int64_t first, int64_t last) {
    const float *hyper = call->x[HYPER], *grad = call->x[GRAD];
    const float lr = hyper[HYPER_LR], decay = hyper[HYPER_WEIGHT_DECAY], momentum = hyper[MOMENTUM];
    const float scale = *(const float *)call->x[SCALE];
    float *param = (float *)call->x[PARAM], *velocity = (float *)call->x[VELOCITY];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) {
        velocity[k] = momentum * velocity[k] + (scale * grad[k] + decay * param[k]);
        param[k] -= lr * velocity[k];
    }
}

static Err fwd(const OpCall *call) { return update_run(call, update); }

static Err ref_fwd(const OpCall *call) {
    const double *hyper = call->x[HYPER], *grad = call->x[GRAD], *scale = call->x[SCALE];
    double *param = (double *)call->x[PARAM], *velocity = (double *)call->x[VELOCITY];
    for (int64_t k = 0; k < shape_count(&call->spec->x[PARAM]); k++) {
        double g = scale[0] * grad[k] + hyper[HYPER_WEIGHT_DECAY] * param[k];
        velocity[k] = hyper[MOMENTUM] * velocity[k] + g;
        param[k] = param[k] - hyper[HYPER_LR] * velocity[k];
    }
    *(double *)call->y[0] = 0.0;
    return ERR_OK;
}

static const OpCase cases[] = {UPDATE_CASES_1(FILL_NORMAL)};

const Op op_sgd = {
    .name = "sgd",
    .n_x_min = 5,
    .n_x_max = 5,
    .n_out = 1,
    .mutates = OP_X(PARAM) | OP_X(VELOCITY),
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

/* Adadelta (Zeiler 2012, algorithm 1): g = scale grad + weight_decay param;
 * square_avg = rho square_avg + (1 - rho) g^2; delta = g sqrt(delta_avg + epsilon) / sqrt(square_avg + epsilon);
 * delta_avg = rho delta_avg + (1 - rho) delta^2; param -= lr delta. */
#include <math.h>

#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/update.h"

enum { PARAM, GRAD, SQUARE_AVG, DELTA_AVG, HYPER, SCALE };
enum { RHO = HYPER_FIRST_OWN, EPSILON };

static Err infer(OpSpec *spec) { return update_infer(spec, 2); }

KERNEL static void update(const OpCall *call, int64_t first, int64_t last) {
    const float *hyper = call->x[HYPER], *grad = call->x[GRAD];
    const float lr = hyper[HYPER_LR], decay = hyper[HYPER_WEIGHT_DECAY], rho = hyper[RHO], epsilon = hyper[EPSILON];
    const float scale = *(const float *)call->x[SCALE], rest = 1.0f - rho;
    float *param = (float *)call->x[PARAM];
    float *square = (float *)call->x[SQUARE_AVG], *moved = (float *)call->x[DELTA_AVG];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) {
        const float g = scale * grad[k] + decay * param[k];
        square[k] = rho * square[k] + rest * (g * g);
        const float delta = g * (sqrtf(moved[k] + epsilon) / sqrtf(square[k] + epsilon));
        moved[k] = rho * moved[k] + rest * (delta * delta);
        param[k] -= lr * delta;
    }
}

static Err fwd(const OpCall *call) { return update_run(call, update); }

static Err ref_fwd(const OpCall *call) {
    const double *hyper = call->x[HYPER], *grad = call->x[GRAD], *scale = call->x[SCALE];
    const double rho = hyper[RHO], epsilon = hyper[EPSILON];
    double *param = (double *)call->x[PARAM];
    double *square_avg = (double *)call->x[SQUARE_AVG], *delta_avg = (double *)call->x[DELTA_AVG];
    for (int64_t k = 0; k < shape_count(&call->spec->x[PARAM]); k++) {
        double g = scale[0] * grad[k] + hyper[HYPER_WEIGHT_DECAY] * param[k];
        square_avg[k] = rho * square_avg[k] + (1.0 - rho) * g * g;
        double delta = sqrt(delta_avg[k] + epsilon) / sqrt(square_avg[k] + epsilon) * g;
        delta_avg[k] = rho * delta_avg[k] + (1.0 - rho) * delta * delta;
        param[k] = param[k] - hyper[HYPER_LR] * delta;
    }
    *(double *)call->y[0] = 0.0;
    return ERR_OK;
}

static const OpCase cases[] = {UPDATE_CASES_2(FILL_POSITIVE, FILL_POSITIVE)};

const Op op_adadelta = {
    .name = "adadelta",
    .n_x_min = 6,
    .n_x_max = 6,
    .n_out = 1,
    .mutates = OP_X(PARAM) | OP_X(SQUARE_AVG) | OP_X(DELTA_AVG),
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

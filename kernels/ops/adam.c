/* Adam (Kingma & Ba 2015, algorithm 1): g = scale grad + weight_decay param; m = beta1 m + (1 - beta1) g;
 * v = beta2 v + (1 - beta2) g^2; param -= lr m' / (sqrt(v') + epsilon), m' = m / (1 - beta1^step), v' likewise. */
#include <math.h>

#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/update.h"

enum { PARAM, GRAD, M, V, HYPER, SCALE };
enum { BETA1 = HYPER_FIRST_OWN, BETA2, EPSILON };

static Err infer(OpSpec *spec) { return update_infer(spec, 2); }

KERNEL static void update(const OpCall *call, int64_t first, int64_t last) {
    const float *hyper = call->x[HYPER], *grad = call->x[GRAD];
    const float decay = hyper[HYPER_WEIGHT_DECAY], epsilon = hyper[EPSILON], scale = *(const float *)call->x[SCALE];
    const float beta1 = hyper[BETA1], beta2 = hyper[BETA2], rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
    /* 1 - beta^step would lose half its digits in float at the first steps. */
    const double step = (double)hyper[HYPER_STEP];
    const float rate = (float)((double)hyper[HYPER_LR] / (1.0 - pow((double)beta1, step)));
    const float root = (float)(1.0 / sqrt(1.0 - pow((double)beta2, step)));
    float *param = (float *)call->x[PARAM], *m = (float *)call->x[M], *v = (float *)call->x[V];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) {
        const float g = scale * grad[k] + decay * param[k];
        m[k] = beta1 * m[k] + rest1 * g;
        v[k] = beta2 * v[k] + rest2 * (g * g);
        param[k] -= rate * m[k] / (sqrtf(v[k]) * root + epsilon);
    }
}

static Err fwd(const OpCall *call) { return update_run(call, update); }

static Err ref_fwd(const OpCall *call) {
    const double *hyper = call->x[HYPER], *grad = call->x[GRAD], *scale = call->x[SCALE];
    const double beta1 = hyper[BETA1], beta2 = hyper[BETA2], step = hyper[HYPER_STEP];
    double *param = (double *)call->x[PARAM], *m = (double *)call->x[M], *v = (double *)call->x[V];
    for (int64_t k = 0; k < shape_count(&call->spec->x[PARAM]); k++) {
        double g = scale[0] * grad[k] + hyper[HYPER_WEIGHT_DECAY] * param[k];
        m[k] = beta1 * m[k] + (1.0 - beta1) * g;
        v[k] = beta2 * v[k] + (1.0 - beta2) * g * g;
        double m_hat = m[k] / (1.0 - pow(beta1, step)), v_hat = v[k] / (1.0 - pow(beta2, step));
        param[k] = param[k] - hyper[HYPER_LR] * m_hat / (sqrt(v_hat) + hyper[EPSILON]);
    }
    *(double *)call->y[0] = 0.0;
    return ERR_OK;
}

static const OpCase cases[] = {UPDATE_CASES_2(FILL_NORMAL, FILL_POSITIVE)};

const Op op_adam = {
    .name = "adam",
    .n_x_min = 6,
    .n_x_max = 6,
    .n_out = 1,
    .mutates = OP_X(PARAM) | OP_X(M) | OP_X(V),
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

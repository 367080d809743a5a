/* clip_scale: norm = sqrt(sum_sq); scale = limit / norm where limit > 0 and norm > limit, else 1. A norm that is not
 * finite gives 1 for NaN and 0 for infinity: whoever reads norm decides what becomes of such a step. */
#include <math.h>

#include "kernels/infer.h"
#include "kernels/op.h"

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    TRY(infer_rank(spec, 0, "sum_sq", DT_REAL, 0));
    TRY(infer_rank(spec, 1, "limit", DT_REAL, 0));
    infer_output(spec, DT_REAL, SHAPE0());
    infer_output(spec, DT_REAL, SHAPE0());
done:
    return err;
}

static Err fwd(const OpCall *call) {
    const float norm = sqrtf(*(const float *)call->x[0]), limit = *(const float *)call->x[1];
    *(float *)call->y[0] = limit > 0.0f && norm > limit ? limit / norm : 1.0f;
    *(float *)call->y[1] = norm;
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double norm = sqrt(*(const double *)call->x[0]), limit = *(const double *)call->x[1];
    *(double *)call->y[0] = limit > 0.0 && norm > limit ? limit / norm : 1.0;
    *(double *)call->y[1] = norm;
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "clipped",
     .n_x = 2,
     .x = {{.shape = {0}, .fill = FILL_POSITIVE, .scale = 1e3}, {.shape = {0}, .fill = FILL_POSITIVE}}},
    {.name = "small",
     .n_x = 2,
     .x = {{.shape = {0}, .fill = FILL_POSITIVE}, {.shape = {0}, .fill = FILL_POSITIVE, .scale = 1e3}}},
    {.name = "off", .n_x = 2, .x = {{.shape = {0}, .fill = FILL_POSITIVE}, {.shape = {0}, .fill = FILL_ZERO}}},
    {.name = "no gradient", .n_x = 2, .x = {{.shape = {0}, .fill = FILL_ZERO}, {.shape = {0}, .fill = FILL_ONE}}},
};

const Op op_clip_scale = {
    .name = "clip_scale",
    .n_x_min = 2,
    .n_x_max = 2,
    .n_out = 2,
    .infer = infer,
    .fwd = fwd,
    .ref_fwd = ref_fwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

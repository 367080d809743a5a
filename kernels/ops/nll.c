/* nll: y = -weight logp[label], 0 where label < 0.   dlogp = -weight dy at the label, 0 elsewhere. */
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/op.h"

enum { LOGP, LABEL, WEIGHT };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    Shape rows = spec->x[LOGP];
    char text[96];
    FAIL_IF(rows.rank < 1, ERR_SHAPE, "logp is %s, expected at least 1 dimension",
            shape_text(&rows, text, sizeof text));
    rows.rank--;
    TRY(infer_type(spec, LOGP, "logp", DT_REAL));
    TRY(infer_shape(spec, LABEL, "label", DT_INT, rows));
    TRY(infer_shape(spec, WEIGHT, "weight", DT_REAL, rows));
    infer_output(spec, DT_REAL, rows);
done:
    return err;
}

static void forward(const OpCall *call, int64_t first, int64_t last) {
    const float *logp = call->x[LOGP], *weight = call->x[WEIGHT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGP]);
    float *y = call->y[0];
    for (int64_t r = first; r < last; r++)
        y[r] = label[r] < 0 ? 0.0f : -(weight == NULL ? 1.0f : weight[r]) * logp[r * n + label[r]];
}

static Err fwd(const OpCall *call) {
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGP]), rows = shape_count(&call->spec->y[0]);
    for (int64_t r = 0; r < rows; r++)
        if (label[r] >= n)
            return err_set(ERR_DATA, "nll: label %lld is %d, expected less than %lld", (long long)r, (int)label[r],
                           (long long)n);
    elementwise_run(call, rows, forward);
    return ERR_OK;
}

static void backward(const OpCall *call, int64_t first, int64_t last) {
    const bool weighted = infer_has(call->spec, WEIGHT), add = (call->accumulate & OP_X(LOGP)) != 0;
    const float *dy = call->dy[0], *weight = call->x[WEIGHT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGP]);
    float *dlogp = call->dx[LOGP];
    if (!add) memset(dlogp + first * n, 0, (size_t)((last - first) * n) * sizeof *dlogp);
    for (int64_t r = first; r < last; r++)
        if (label[r] >= 0) dlogp[r * n + label[r]] += -(weighted ? weight[r] : 1.0f) * dy[r];
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, shape_count(&call->spec->y[0]), backward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *logp = call->x[LOGP], *weight = call->x[WEIGHT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGP]);
    double *y = call->y[0];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[LOGP]); r++) {
        y[r] = 0.0;
        for (int64_t k = 0; k < n; k++)
            if (k == label[r]) y[r] = -logp[r * n + k] * (weight == NULL ? 1.0 : weight[r]);
    }
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0], *weight = call->x[WEIGHT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGP]);
    double *dlogp = call->dx[LOGP];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[LOGP]); r++)
        for (int64_t k = 0; k < n; k++) {
            double g = k == label[r] ? -dy[r] * (infer_has(call->spec, WEIGHT) ? weight[r] : 1.0) : 0.0;
            dlogp[r * n + k] = g + ((call->accumulate & OP_X(LOGP)) ? dlogp[r * n + k] : 0.0);
        }
    return ERR_OK;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 2, .x = {{.shape = {3, {3, 7, 13}}}, {{2, {3, 7}}, DT_INT, FILL_LABEL, 13, false}}},
    {.name = "weighted",
     .n_x = 3,
     .x = {{.shape = {3, {2, 5, 11}}},
           {{2, {2, 5}}, DT_INT, FILL_LABEL, 11, false},
           {.shape = {2, {2, 5}}, .fill = FILL_POSITIVE}}},
    {.name = "weight absent",
     .n_x = 3,
     .x = {{.shape = {2, {5, 3}}}, {{1, {5}}, DT_INT, FILL_INDEX, 3, false}, {.absent = true}}},
    {.name = "one valid", .n_x = 2, .x = {{.shape = {3, {4, 5, 7}}}, {{2, {4, 5}}, DT_INT, FILL_LABEL_ONE, 7, false}}},
    {.name = "one row", .n_x = 2, .x = {{.shape = {1, {5}}}, {{0}, DT_INT, FILL_INDEX, 5, false}}},
};

const Op op_nll = {
    .name = "nll",
    .n_x_min = 2,
    .n_x_max = 3,
    .n_out = 1,
    .differentiable = OP_X(LOGP),
    .bwd_needs = {OP_X(LABEL) | OP_X(WEIGHT)},
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

/* cross_entropy: loss = inv_count sum_r (log_z[r] - logits[r, label[r]]), log_z = ln sum_v e^logits; rows with label <
 * 0 are masked and have log_z = 0.   dlogits[r,v] = dloss inv_count (e^(logits[r,v] - log_z[r]) - [v = label[r]]).
 * logits [...,V], label [...] INT, inv_count [] -> loss [] (log_z [...]). The loss is summed over rows in order. */
#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

enum { LOGITS, LABEL, INV_COUNT };
enum { LOSS, LOG_Z };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    Shape rows = spec->x[LOGITS];
    TRY(infer_type(spec, LOGITS, "logits", DT_REAL));
    FAIL_IF(rows.rank < 1, ERR_SHAPE, "logits is a scalar, expected at least one dimension");
    rows.rank--;
    TRY(infer_shape(spec, LABEL, "label", DT_INT, rows));
    TRY(infer_shape(spec, INV_COUNT, "inv_count", DT_REAL, SHAPE0()));
    infer_output(spec, DT_REAL, SHAPE0());
    infer_output(spec, DT_REAL, rows);
done:
    return err;
}

/* Forward: the loss of each row. */
static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)device, (void)wanted, (void)shards;
    return backward ? 0 : (size_t)shape_rows(&spec->x[LOGITS]) * sizeof(float);
}

static Err check_labels(const OpCall *call) {
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_count(&call->spec->x[LABEL]), n_classes = shape_last(&call->spec->x[LOGITS]);
    for (int64_t r = 0; r < n; r++)
        if (label[r] >= n_classes)
            return err_set(ERR_DATA, "label %d at %lld, but there are %lld classes", (int)label[r], (long long)r,
                           (long long)n_classes);
    return ERR_OK;
}

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const int64_t n = shape_last(&call->spec->x[LOGITS]);
    const int32_t *label = call->x[LABEL];
    float *loss = call->scratch, *log_z = call->y[LOG_Z];
    for (int64_t r = first; r < last; r++) {
        loss[r] = log_z[r] = 0.0f;
        if (label[r] < 0) continue;
        const float *x = (const float *)call->x[LOGITS] + r * n;
        const float m = lanes_max(x, n), log_sum = vmath_log(lanes_sum_exp(x, m, n));
        loss[r] = log_sum - (x[label[r]] - m);
        log_z[r] = m + log_sum;
    }
}

static Err fwd(const OpCall *call) {
    const int64_t n_rows = shape_rows(&call->spec->x[LOGITS]);
    const float *loss = call->scratch, *inv_count = call->x[INV_COUNT];
    double sum = 0.0;
    Err err = check_labels(call);
    if (err != ERR_OK) return err;
    elementwise_run(call, n_rows, forward);
    for (int64_t r = 0; r < n_rows; r++) sum += (double)loss[r];
    *(float *)call->y[LOSS] = (float)(sum * (double)*inv_count);
    return ERR_OK;
}

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const int64_t n = shape_last(&call->spec->x[LOGITS]);
    const int32_t *label = call->x[LABEL];
    const float *log_z = call->y[LOG_Z];
    const float scale = *(const float *)call->dy[LOSS] * *(const float *)call->x[INV_COUNT];
    const bool add = (call->accumulate & OP_X(LOGITS)) != 0;
    for (int64_t r = first; r < last; r++) {
        const float *restrict x = (const float *)call->x[LOGITS] + r * n;
        float *restrict dx = (float *)call->dx[LOGITS] + r * n;
        const float z = log_z[r];
        if (label[r] < 0) {
            if (!add) memset(dx, 0, (size_t)n * sizeof *dx);
            continue;
        }
        if (add)
            for (int64_t k = 0; k < n; k++) dx[k] += scale * vmath_exp(x[k] - z);
        else
            for (int64_t k = 0; k < n; k++) dx[k] = scale * vmath_exp(x[k] - z);
        dx[label[r]] -= scale;
    }
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, shape_rows(&call->spec->x[LOGITS]), backward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *x = call->x[LOGITS], *inv_count = call->x[INV_COUNT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGITS]);
    double *log_z = call->y[LOG_Z], *loss = call->y[LOSS];
    Err err = check_labels(call);
    *loss = 0.0;
    for (int64_t r = 0; err == ERR_OK && r < shape_rows(&call->spec->x[LOGITS]); r++, x += n) {
        double m = x[0], sum = 0.0;
        for (int64_t k = 1; k < n; k++) m = fmax(m, x[k]);
        for (int64_t k = 0; k < n; k++) sum += exp(x[k] - m);
        log_z[r] = label[r] < 0 ? 0.0 : m + log(sum);
        if (label[r] >= 0) *loss += *inv_count * (log_z[r] - x[label[r]]);
    }
    return err;
}

static Err ref_bwd(const OpCall *call) {
    const double *x = call->x[LOGITS], *log_z = call->y[LOG_Z];
    const double scale = *(const double *)call->dy[LOSS] * *(const double *)call->x[INV_COUNT];
    const int32_t *label = call->x[LABEL];
    const int64_t n = shape_last(&call->spec->x[LOGITS]);
    double *dx = call->dx[LOGITS];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[LOGITS]); r++, x += n, dx += n)
        for (int64_t k = 0; k < n; k++) {
            const double gradient = label[r] < 0 ? 0.0 : scale * (exp(x[k] - log_z[r]) - (k == label[r] ? 1.0 : 0.0));
            dx[k] = gradient + ((call->accumulate & OP_X(LOGITS)) ? dx[k] : 0.0);
        }
    return ERR_OK;
}

#define CASE(text, v, fill_label, logits_scale, logits_shape, label_shape)                                             \
    {                                                                                                                  \
        .name = text, .n_x = 3, .x = {                                                                                 \
            {.shape = UNPACK logits_shape, .scale = logits_scale},                                                     \
            {.shape = UNPACK label_shape, .type = DT_INT, .fill = fill_label, .scale = v},                             \
            {.fill = FILL_POSITIVE}                                                                                    \
        }                                                                                                              \
    }
#define UNPACK(...)                                                                                                    \
    { __VA_ARGS__ }
static const OpCase cases[] = {
    CASE("prime", 37, FILL_LABEL, 1, (3, {3, 7, 37}), (2, {3, 7})),
    CASE("two_classes", 2, FILL_LABEL, 1, (2, {13, 2}), (1, {13})),
    CASE("many_classes", 331, FILL_LABEL, 3, (2, {5, 331}), (1, {5})),
    CASE("thousand_classes", 1031, FILL_LABEL, 3, (2, {3, 1031}), (1, {3})),
    CASE("one_valid", 11, FILL_LABEL_ONE, 1, (3, {5, 3, 11}), (2, {5, 3})),
    CASE("one_row", 5, FILL_INDEX, 1, (1, {5}), (0)),
    CASE("far_apart", 13, FILL_LABEL, 60, (2, {7, 13}), (1, {7})),
    /* One class: the loss is 0, and so is its gradient. */
    CASE("one_class", 1, FILL_LABEL, 1, (2, {3, 1}), (1, {3})),
};
#undef UNPACK
#undef CASE

const Op op_cross_entropy = {
    .name = "cross_entropy",
    .n_x_min = 3,
    .n_x_max = 3,
    .n_out = 1,
    .differentiable = OP_X(LOGITS),
    .bwd_needs = {[LOGITS] = OP_X(LOGITS) | OP_X(LABEL) | OP_X(INV_COUNT) | OP_Y(LOG_Z)},
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

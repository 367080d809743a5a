#include "kernels/attention_target.h"

#include <math.h>

#include "kernels/infer.h"

Err attention_target_infer(OpSpec *spec) {
    Err err = ERR_OK;
    const Shape *alpha = &spec->x[TARGET_ALPHA];
    TRY(infer_rank(spec, TARGET_ALPHA, "alpha", DT_REAL, 3));
    TRY(infer_shape(spec, TARGET_BOX, "box", DT_REAL, SHAPE3(alpha->dim[0], alpha->dim[1], BOX_SIZE)));
    TRY(infer_shape(spec, TARGET_CENTRE_X, "centre_x", DT_REAL, SHAPE1(alpha->dim[2])));
    TRY(infer_shape(spec, TARGET_INV_COUNT, "inv_count", DT_REAL, SHAPE0()));
    infer_output(spec, DT_REAL, SHAPE0());
done:
    return err;
}

size_t attention_target_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)device;
    (void)wanted;
    (void)shards;
    return backward ? 0 : (size_t)attention_target_rows(spec) * sizeof(double);
}

Err attention_target_loss(const OpCall *call, ElementwiseFn fn) {
    const double *row = call->scratch;
    const float inv_count = *(const float *)call->x[TARGET_INV_COUNT];
    double sum = 0.0;
    elementwise_run(call, attention_target_rows(call->spec), fn);
    for (int64_t r = 0; r < attention_target_rows(call->spec); r++) sum += row[r];
    *(float *)call->y[0] = (float)(sum * (double)inv_count);
    return ERR_OK;
}

Err attention_target_gradient(const OpCall *call, ElementwiseFn fn) {
    elementwise_run(call, attention_target_rows(call->spec), fn);
    return ERR_OK;
}

double attention_target_ref_overlap(const OpCall *call, double cell, int64_t row, int64_t j) {
    const double *box = (const double *)call->x[TARGET_BOX] + row * BOX_SIZE, *centre = call->x[TARGET_CENTRE_X];
    double low = fmax(centre[j] - cell / 2.0, box[BOX_X0]), high = fmin(centre[j] + cell / 2.0, box[BOX_X1]);
    return box[BOX_X1] <= box[BOX_X0] ? 0.0 : fmax(high - low, 0.0) / cell;
}

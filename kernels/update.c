#include "kernels/update.h"

#include "kernels/infer.h"

Err update_infer(OpSpec *spec, int n_states) {
    Err err = ERR_OK;
    TRY(infer_type(spec, 0, "param", DT_REAL));
    TRY(infer_shape(spec, 1, "grad", DT_REAL, spec->x[0]));
    for (int i = 0; i < n_states; i++) TRY(infer_shape(spec, 2 + i, "state", DT_REAL, spec->x[0]));
    TRY(infer_shape(spec, 2 + n_states, "hyper", DT_REAL, SHAPE1(HYPER_COUNT)));
    TRY(infer_shape(spec, 3 + n_states, "scale", DT_REAL, SHAPE0()));
    infer_output(spec, DT_REAL, SHAPE0());
done:
    return err;
}

Err update_run(const OpCall *call, ElementwiseFn fn) {
    elementwise_run(call, shape_count(&call->spec->x[0]), fn);
    *(float *)call->y[0] = 0.0f;
    return ERR_OK;
}

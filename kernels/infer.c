#include "kernels/infer.h"

Err infer_type(const OpSpec *spec, int i, const char *name, DType type) {
    if (!infer_has(spec, i) || spec->x_type[i] == type) return ERR_OK;
    return err_set(ERR_SHAPE, "%s holds %s, expected %s", name, spec->x_type[i] == DT_INT ? "integers" : "reals",
                   type == DT_INT ? "integers" : "reals");
}

Err infer_rank(const OpSpec *spec, int i, const char *name, DType type, int rank) {
    char text[96];
    if (infer_has(spec, i) && spec->x[i].rank != rank)
        return err_set(ERR_SHAPE, "%s is %s, expected %d dimension%s", name, shape_text(&spec->x[i], text, sizeof text),
                       rank, rank == 1 ? "" : "s");
    return infer_type(spec, i, name, type);
}

Err infer_shape(const OpSpec *spec, int i, const char *name, DType type, Shape expected) {
    char got[96], want[96];
    if (infer_has(spec, i) && !shape_equal(&spec->x[i], &expected))
        return err_set(ERR_SHAPE, "%s is %s, expected %s", name, shape_text(&spec->x[i], got, sizeof got),
                       shape_text(&expected, want, sizeof want));
    return infer_type(spec, i, name, type);
}

void infer_output(OpSpec *spec, DType type, Shape shape) {
    spec->y[spec->n_y] = shape;
    spec->y_type[spec->n_y++] = type;
}

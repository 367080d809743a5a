/* The checks that infer functions are made of. Each returns ERR_SHAPE with a message that names the input.
 * Depends on op.h only. */
#ifndef KERNELS_INFER_H
#define KERNELS_INFER_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Is input i there? */
static inline bool infer_has(const OpSpec *spec, int i) { return i < spec->n_x && !shape_is_absent(&spec->x[i]); }

/* Input i, if it is there, has this element type. */
Err infer_type(const OpSpec *spec, int i, const char *name, DType type) MUST_CHECK;

/* ... and this number of dimensions. */
Err infer_rank(const OpSpec *spec, int i, const char *name, DType type, int rank) MUST_CHECK;

/* ... or exactly this shape. */
Err infer_shape(const OpSpec *spec, int i, const char *name, DType type, Shape expected) MUST_CHECK;

/* Adds y, with this shape and type, to the outputs. */
void infer_output(OpSpec *spec, DType type, Shape shape);

#ifdef __cplusplus
}
#endif
#endif

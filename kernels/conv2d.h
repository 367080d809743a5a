/* What the kernels of conv2d for the CPU and for CUDA have in common: its sizes, and how CUDA cuts its columns into
 * tiles. Depends on op, ops, conv, cuda_scratch. */
#ifndef KERNELS_CONV2D_H
#define KERNELS_CONV2D_H

#include "kernels/conv.h"
#include "kernels/cuda_scratch.h"
#include "kernels/op.h"
#include "kernels/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CONV2D_X, CONV2D_W, CONV2D_BIAS };

/* ho and wo are 0 while y is not known. */
static inline Conv conv2d_sizes(const OpSpec *spec) {
    const Conv2dAttr *a = (const Conv2dAttr *)spec->attr;
    const int64_t *x = spec->x[CONV2D_X].dim;
    const bool known = spec->n_y > 0;
    const Conv c = {x[1],
                    x[2],
                    x[3],
                    a->channels_out,
                    known ? spec->y[0].dim[1] : 0,
                    known ? spec->y[0].dim[2] : 0,
                    {a->kernel_h, a->stride_h, a->pad_top, a->pad_bottom},
                    {a->kernel_w, a->stride_w, a->pad_left, a->pad_right}};
    return c;
}

/* The terms of an element of y: KH KW C. */
static inline int64_t conv2d_window(const Conv *c) { return (int64_t)c->rows.kernel * c->columns.kernel * c->c; }

/* Are x's pixels, as they lie in memory, the windows already? */
static inline bool conv2d_is_product(const Conv *c) {
    return c->rows.kernel == 1 && c->columns.kernel == 1 && c->ho == c->h && c->wo == c->w;
}

/* Of y's N ho rows, those whose windows CUDA unrolls at a time; and the bytes of these columns. */
static inline int64_t conv2d_tile_rows(const Conv *c, int64_t n_images) {
    return cuda_tile_rows(n_images * c->ho, (size_t)(c->wo * conv2d_window(c)) * sizeof(float));
}
static inline size_t conv2d_tile_bytes(const Conv *c, int64_t n_images) {
    return (size_t)(conv2d_tile_rows(c, n_images) * c->wo * conv2d_window(c)) * sizeof(float);
}

#ifdef __cplusplus
}
#endif
#endif

/* The window around a step's attention centre: where it lies in the image, and the class of each of its pixels
 * (PatchCropAttr in kernels/ops.h says how). What patch_crop and patch_nll agree on. Depends on op.h, ops.h, infer. */
#ifndef KERNELS_PATCH_H
#define KERNELS_PATCH_H

#include <math.h>

#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/simd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Image (or feature map) [N,H,W,C], mask [N,Hm,Wm], patches of patch_h x patch_w elements for T steps. */
typedef struct PatchSize {
    int64_t t, n, h, w, c, mask_h, mask_w, patch_h, patch_w;
} PatchSize;

/* Which inputs of an op they are. */
typedef struct PatchInputs {
    int image, mask, box, centre_x, centre_y;
} PatchInputs;

/* Attribute and inputs fit together; else ERR_SHAPE. */
Err patch_infer(const OpSpec *spec, const PatchCropAttr *attr, PatchInputs in) MUST_CHECK;
PatchSize patch_size(const OpSpec *spec, const PatchCropAttr *attr, PatchInputs in);

/* First row or column of a patch of `length` elements, in elements of the image. NaN counts as 0. The quotient is taken
 * in double, where it is exact enough to be rounded down as the real quotient would be; far outside is far outside. */
KERNEL_INLINE int64_t patch_start(float centre, int32_t stride, int32_t length) {
    const double most = 1e12;
    double at = floor((double)centre / stride);
    if (isnan(at)) at = 0.0;
    at = at > most ? most : at < -most ? -most : at;
    return (int64_t)at - length / 2;
}

/* The elements [*first, *last) of a patch, along one axis, that lie inside an image of n elements. */
KERNEL_INLINE void patch_inside(int64_t start, int64_t length, int64_t n, int64_t *first, int64_t *last) {
    *first = start < 0 ? -start : 0;
    *last = n - start < length ? n - start : length;
    if (*first > length) *first = length;
    if (*last < *first) *last = *first;
}

/* box [4]: does the step have one? If not, all labels of its patch are -1. */
KERNEL_INLINE bool patch_has_box(const float *box) { return box[2] > box[0]; }

/* Class of image element (r, c), which is inside the image, in a step with a box. mask [Hm,Wm], box [4]. */
KERNEL_INLINE int32_t patch_label(const PatchCropAttr *attr, const PatchSize *s, const int32_t *mask, const float *box,
                                  int64_t r, int64_t c) {
    const int64_t y = (2 * r + 1) * attr->stride_y / 2, x = (2 * c + 1) * attr->stride_x / 2;
    if (y >= s->mask_h || x >= s->mask_w) return attr->outside;
    if (attr->own) {
        const float at_y = ((float)r + 0.5f) * (float)attr->stride_y, at_x = ((float)c + 0.5f) * (float)attr->stride_x;
        if (!(at_x >= box[0] && at_x < box[2] && at_y >= box[1] && at_y < box[3])) return attr->outside;
    }
    const int32_t found = mask[y * s->mask_w + x];
    return found >= 0 && found < attr->classes ? found : attr->outside;
}

#ifdef __cplusplus
}
#endif
#endif

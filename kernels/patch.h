/* The window around a step's attention centre: where it lies in the image, and the class of each of its pixels
 * (PatchCropAttr in kernels/ops.h says how). What patch_crop and patch_nll agree on. Depends on op.h, ops.h, infer. */
#ifndef KERNELS_PATCH_H
#define KERNELS_PATCH_H

#include "kernels/op.h"
#include "kernels/ops.h"

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

/* First row or column of a patch of `length` elements, in elements of the image. NaN counts as 0. */
int64_t patch_start(float centre, int32_t stride, int32_t length);

/* The elements [*first, *last) of a patch, along one axis, that lie inside an image of n elements. */
void patch_inside(int64_t start, int64_t length, int64_t n, int64_t *first, int64_t *last);

/* box [4]: does the step have one? If not, all labels of its patch are -1. */
static inline bool patch_has_box(const float *box) { return box[2] > box[0]; }

/* Class of image element (r, c), which is inside the image, in a step with a box. mask [Hm,Wm], box [4]. */
int32_t patch_label(const PatchCropAttr *attr, const PatchSize *s, const int32_t *mask, const float *box, int64_t r,
                    int64_t c);

#ifdef __cplusplus
}
#endif
#endif

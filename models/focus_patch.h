/* What the branches share that classify the pixels of a patch around the attention centre (PAPER 1.5): where the patch
 * lies, its pixels and their labels, and the loss over them. Depends on focus. */
#ifndef MODELS_FOCUS_PATCH_H
#define MODELS_FOCUS_PATCH_H

#include "models/focus.h"

typedef enum PatchSource { PATCH_OF_IMAGE, PATCH_OF_FEATURES } PatchSource;

/* T steps of N samples, P pixels (of the image, or elements of the encoder's map). */
typedef struct FocusPatch {
    PatchCropAttr attr;
    bool features;               /* source is the encoder's map, not the image */
    TensorId source;             /* [N,H,W,C] */
    TensorId centre_x, centre_y; /* [T,N] without gradient: the crop's position has none (PAPER 1.7.2) */
    int64_t n_pixels, n_labels;  /* P; classes of a pixel */
} FocusPatch;

/* Reads focus.patch and focus.labels. background: a class of its own, the last one; else such pixels are left out.
 * ERR_SPEC for features of an encoder that has no map. */
FocusPatch focus_patch(Graph *g, const Settings *settings, const FocusIn *in, PatchSource source, bool background);

/* out[0] = pixels [T,N,P,C], out[1] = label [T,N,P] INT, -1 where a pixel is left out. */
void focus_patch_crop(Graph *g, const FocusPatch *patch, const FocusIn *in, TensorId out[2]);

/* R g_t + S F_p + b, [T,N,P,width]; through tanh if `bounded`. */
TensorId focus_patch_energy(Graph *g, const FocusIn *in, TensorId pixels, int64_t width, bool bounded);

/* per_pixel [T,N,P] -> the branch's loss []: by focus.reduction the sum over a patch's pixels or their mean, and the
 * mean over boxes. */
TensorId focus_patch_loss(Graph *g, const Settings *settings, const FocusIn *in, const FocusPatch *patch,
                          TensorId per_pixel);

#endif

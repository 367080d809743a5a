/* Convolution of NHWC images on the register tile: forward, gradient of the image, gradient of the weights. All are
 * sums of products of rows that lie in memory as they are: a window's KW x C elements of one image row are contiguous
 * once the row has its padding, so that nothing is unrolled into columns; only a strip of rows at a time is copied with
 * its padding, and weights are packed once. Single-threaded pieces: the op cuts them into tasks.
 *
 * Bits: an output of forward or backward data depends on neither the other images nor the number of tasks. A weight's
 * gradient is summed over strips of rows, images in order. The same for any vector width (tile.h).
 * Depends on tile and window. */
#ifndef KERNELS_CONV_H
#define KERNELS_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/window.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x [N,h,w,c], weights [rows.kernel, columns.kernel, c, o] -> y [N,ho,wo,o]. */
typedef struct Conv {
    int64_t h, w, c, o, ho, wo;
    Window rows, columns;
} Conv;

/* Weights packed for the forward pass, or for backward data: floats, 64-byte aligned when `packed` is. Packing is cut
 * into n_tasks pieces that write separate parts. */
int64_t conv_packed_floats(const Conv *conv, bool backward);
void conv_pack_forward(const Conv *conv, const float *weights, float *packed, int n_tasks, int i_task);
void conv_pack_backward(const Conv *conv, const float *weights, float *packed, int n_tasks, int i_task);

/* Scratch of a call, floats; private to it. */
int64_t conv_forward_scratch(const Conv *conv);
int64_t conv_data_scratch(const Conv *conv);
int64_t conv_weights_scratch(const Conv *conv);

/* One image. bias [o] may be NULL. */
void conv_forward(const Conv *conv, const float *x, const float *packed, const float *bias, float *y, float *scratch);

/* dx (+)= the gradient of one image. */
void conv_backward_data(const Conv *conv, const float *dy, const float *packed, float *dx, bool add, float *scratch);

/* dw (+)= the gradient of the weights over n_images. */
void conv_backward_weights(const Conv *conv, const float *x, const float *dy, int64_t n_images, float *dw, bool add,
                           float *scratch);

#ifdef __cplusplus
}
#endif
#endif

/* Windows that slide over one dimension of an image: what convolution and pooling share. Depends on err. */
#ifndef KERNELS_WINDOW_H
#define KERNELS_WINDOW_H

#include <stdint.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Window o covers elements o stride - before + 0 .. kernel-1 of the dimension; those outside it are padding. */
typedef struct Window {
    int32_t kernel, stride, before, after;
} Window;

/* *n_out = (n_in + before + after - kernel) / stride + 1. ERR_SHAPE, naming the dimension ("height"), for sizes that
 * make no sense: padding may not reach the kernel's size, so that no window lies outside, and one window must fit. */
Err window_count(int64_t *n_out, const Window *window, int64_t n_in, const char *dimension) MUST_CHECK;

/* The offsets [*first, *last) inside window o that are elements and not padding. */
static inline void window_inside(const Window *w, int64_t n_in, int64_t o, int64_t *first, int64_t *last) {
    const int64_t start = o * w->stride - w->before;
    *first = start < 0 ? -start : 0;
    *last = start + w->kernel > n_in ? n_in - start : w->kernel;
}

#ifdef __cplusplus
}
#endif
#endif

#include "kernels/window.h"

Err window_count(int64_t *n_out, const Window *w, int64_t n_in, const char *dimension) {
    *n_out = 0;
    if (w->kernel < 1 || w->stride < 1)
        return err_set(ERR_SHAPE, "%s: kernel %d with stride %d, expected at least 1", dimension, w->kernel, w->stride);
    if (w->before < 0 || w->after < 0 || w->before >= w->kernel || w->after >= w->kernel)
        return err_set(ERR_SHAPE, "%s: padding %d and %d, expected 0 to %d (less than the kernel)", dimension,
                       w->before, w->after, w->kernel - 1);
    const int64_t padded = n_in + w->before + w->after;
    if (padded < w->kernel)
        return err_set(ERR_SHAPE, "%s: %lld elements and padding %d and %d hold no window of %d", dimension,
                       (long long)n_in, w->before, w->after, w->kernel);
    *n_out = (padded - w->kernel) / w->stride + 1;
    return ERR_OK;
}

/* Loss and gradient of the classification of a run of pixels, in one pass and without keeping anything per pixel and
 * class: what patch_nll is made of.
 *   z[p,k] = u[k] + q[p,k],  e = tanh(z) or z,  loss = sum over p of (ln sum_k exp(e[p,k]) - e[p,y(p)]),
 *   dz[p,k] = (exp(e[p,k]) / sum_j exp(e[p,j]) - [k = y(p)]) (1 - e[p,k]^2, with tanh)
 * du[k] += sum_p dz[p,k],  dq[p,k] += dz[p,k]. With tanh the energies lie in [-1, 1] and no maximum is subtracted.
 * Two layouts of q and dq: rows of classes, with vectors over classes; or columns, with vectors over pixels, for so few
 * classes that vectors over them would be half empty. Depends on simd, vmath, lanes. */
#ifndef KERNELS_PIXEL_NLL_H
#define KERNELS_PIXEL_NLL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PIXEL_LANES pixels make a vector of the columns, PIXEL_GROUP rows are added to du at once. */
enum { PIXEL_LANES = 16, PIXEL_GROUP = 4, PIXEL_COLUMNS_MAX = 64 };

/* Pixel p, class k of q and dq: [p * ld + k] in rows, [k * ld + p] in columns, where up to PIXEL_LANES - 1 elements
 * behind a row's last pixel are read, and have 0 added in dq: they must be there, and finite. */
typedef struct PixelRun {
    int64_t n, classes, ld;
    bool tanh;
    float weight;         /* how often each pixel counts */
    const int32_t *label; /* [n]: class, or -1: the pixel is left out */
    const float *u;       /* [classes] */
    const float *q;
    float *du, *dq;
    float *work; /* pixel_nll_work_floats(classes) floats */
} PixelRun;

/* Are columns the faster layout? */
static inline bool pixel_nll_in_columns(int64_t classes) { return classes <= PIXEL_COLUMNS_MAX; }

int64_t pixel_nll_work_floats(int64_t classes);

/* Adds to du and dq; returns the loss. The order of every sum depends on the run alone. */
double pixel_nll_rows(const PixelRun *run);
double pixel_nll_columns(const PixelRun *run);

#ifdef __cplusplus
}
#endif
#endif

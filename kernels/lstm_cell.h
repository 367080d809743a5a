/* One LSTM cell of one sample, without its matrix products: what lstm_step and blstm have in common.
 * Gates are stored i, f, g, o, each of n = H elements.
 *   i, f, o = sigmoid(.), g = tanh(.);  c = f c0 + i g;  h = o tanh c                    (Hochreiter & Schmidhuber
 * 1997) d = dc + dh o (1 - tanh^2 c);  di = d g, df = d c0, dg = d i, do = dh tanh c;  dc0 = d f;  then through the
 * gates: sigmoid' = s (1 - s), tanh' = 1 - g^2. For use inside KERNEL functions. */
#ifndef KERNELS_LSTM_CELL_H
#define KERNELS_LSTM_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/simd.h"
#include "kernels/vmath.h"

/* gates [4n]: the matrix products on entry, the gates on return. c and h may lie on c0. */
KERNEL_INLINE void lstm_cell_forward(float *gates, float *c, float *h, const float *c0, const float *b_x,
                                     const float *b_h, int64_t n) {
    const float *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
    KERNEL_LOOP
    for (int64_t k = 0; k < 2 * n; k++) gates[k] = vmath_sigmoid(gates[k] + (b_x[k] + b_h[k]));
    KERNEL_LOOP
    for (int64_t k = 2 * n; k < 3 * n; k++) gates[k] = vmath_tanh(gates[k] + (b_x[k] + b_h[k]));
    KERNEL_LOOP
    for (int64_t k = 3 * n; k < 4 * n; k++) gates[k] = vmath_sigmoid(gates[k] + (b_x[k] + b_h[k]));
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) {
        const float cell = f[k] * c0[k] + i[k] * g[k];
        c[k] = cell;
        h[k] = o[k] * vmath_tanh(cell);
    }
}

/* dgates [4n]: the gradient before the gates' nonlinearities. dc0 may lie on dc or dh. */
KERNEL_INLINE void lstm_cell_backward(float *dgates, float *dc0, const float *dh, const float *dc, const float *gates,
                                      const float *c0, const float *c, int64_t n) {
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) {
        const float i = gates[k], f = gates[n + k], g = gates[2 * n + k], o = gates[3 * n + k];
        const float t = vmath_tanh(c[k]), d = dc[k] + dh[k] * o * (1.0f - t * t);
        dgates[k] = d * g * (i * (1.0f - i));
        dgates[n + k] = d * c0[k] * (f * (1.0f - f));
        dgates[2 * n + k] = d * i * (1.0f - g * g);
        dgates[3 * n + k] = dh[k] * t * (o * (1.0f - o));
        dc0[k] = d * f;
    }
}

/* out [n] (+)= the sum of the rows of x [n_rows, ld], in order. */
KERNEL_INLINE void lstm_sum_rows(float *out, const float *x, int64_t n_rows, int64_t ld, int64_t n, bool add) {
    for (int64_t k = 0; k < n && !add; k++) out[k] = 0.0f;
    for (int64_t r = 0; r < n_rows; r++, x += ld) {
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) out[k] += x[k];
    }
}

#endif

/* Sums, dot products and maxima of one row of floats, in an order that vector units of any width can follow: element i
 * belongs to lane i % LANES, each lane runs in order, and the lanes are folded in halves. The result depends on the
 * row alone. For use inside KERNEL functions. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include <math.h>
#include <stdint.h>

#include "kernels/simd.h"
#include "kernels/vmath.h"

enum { LANES = 16 };

/* The last n < LANES elements, filled up with `pad`. */
KERNEL_INLINE void lanes_tail(float *tail, const float *x, int64_t n, float pad) {
    for (int k = 0; k < LANES; k++) tail[k] = pad;
    for (int64_t k = 0; k < n; k++) tail[k] = x[k];
}

KERNEL_INLINE float lanes_fold(float *lane) {
    for (int k = 0; k < 8; k++) lane[k] += lane[k + 8];
    for (int k = 0; k < 4; k++) lane[k] += lane[k + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

KERNEL_INLINE float lanes_sum(const float *x, int64_t n) {
    float lane[LANES] = {0}, tail[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += x[i + k];
    if (i < n) {
        lanes_tail(tail, x + i, n - i, 0.0f);
        for (int k = 0; k < LANES; k++) lane[k] += tail[k];
    }
    return lanes_fold(lane);
}

KERNEL_INLINE float lanes_dot(const float *a, const float *b, int64_t n) {
    float lane[LANES] = {0}, tail_a[LANES], tail_b[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
    if (i < n) {
        lanes_tail(tail_a, a + i, n - i, 0.0f);
        lanes_tail(tail_b, b + i, n - i, 0.0f);
        for (int k = 0; k < LANES; k++) lane[k] += tail_a[k] * tail_b[k];
    }
    return lanes_fold(lane);
}

/* The largest of n elements; NaNs are passed over, -infinity when nothing else is there. */
KERNEL_INLINE float lanes_max(const float *x, int64_t n) {
    float lane[LANES], tail[LANES];
    int64_t i = 0;
    for (int k = 0; k < LANES; k++) lane[k] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    lanes_tail(tail, x + i, n - i, -INFINITY);
    for (int k = 0; k < LANES; k++) lane[k] = tail[k] > lane[k] ? tail[k] : lane[k];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int k = 0; k < width; k++) lane[k] = lane[k + width] > lane[k] ? lane[k + width] : lane[k];
    return lane[0];
}

/* Sum of e^(x - shift). */
KERNEL_INLINE float lanes_sum_exp(const float *x, float shift, int64_t n) {
    float lane[LANES] = {0}, tail[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += vmath_exp(x[i + k] - shift);
    if (i < n) {
        lanes_tail(tail, x + i, n - i, -INFINITY);
        for (int k = 0; k < LANES; k++) lane[k] += vmath_exp(tail[k] - shift);
    }
    return lanes_fold(lane);
}

#endif

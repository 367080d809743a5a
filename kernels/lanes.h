/* Sums, dot products and maxima of one row of floats, in an order that vector units of any width can follow: blocks of
 * 16 elements are added lane by lane, the 16 sums are folded to 4, to which blocks of 4 are added, these are folded to
 * one, to which the last elements are added. The result depends on the row alone. For use inside KERNEL functions.
 * A sum that the compiler would have to reorder is not vectorised by it: hence the vector types. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include <math.h>
#include <stdint.h>

#include "kernels/simd.h"
#include "kernels/vmath.h"

typedef float Lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Lanes4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef double WideLanes4 __attribute__((vector_size(32), aligned(8), may_alias));

typedef union Lanes {
    Lanes8 all;
    Lanes4 half[2];
} Lanes;

enum { LANES_CHUNK = 256 }; /* floats of a buffer on the stack, for sums of functions */

/* The sums of lanes 0, 8, .., of lanes 1, 9, .. and so on down to four. */
KERNEL_INLINE void lanes_fold(Lanes4 *out, const Lanes8 *low, const Lanes8 *high) {
    const Lanes sum = {*low + *high};
    *out = sum.half[0] + sum.half[1];
}

KERNEL_INLINE float lanes_sum(const float *x, int64_t n) {
    Lanes8 low = {0}, high = {0};
    Lanes4 b;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        low += *(const Lanes8 *)(x + i);
        high += *(const Lanes8 *)(x + i + 8);
    }
    lanes_fold(&b, &low, &high);
    for (; i + 4 <= n; i += 4) b += *(const Lanes4 *)(x + i);
    float sum = (b[0] + b[2]) + (b[1] + b[3]);
    for (; i < n; i++) sum += x[i];
    return sum;
}

KERNEL_INLINE float lanes_dot(const float *x, const float *y, int64_t n) {
    Lanes8 low = {0}, high = {0};
    Lanes4 b;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        low += *(const Lanes8 *)(x + i) * *(const Lanes8 *)(y + i);
        high += *(const Lanes8 *)(x + i + 8) * *(const Lanes8 *)(y + i + 8);
    }
    lanes_fold(&b, &low, &high);
    for (; i + 4 <= n; i += 4) b += *(const Lanes4 *)(x + i) * *(const Lanes4 *)(y + i);
    float sum = (b[0] + b[2]) + (b[1] + b[3]);
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* The same in double precision, where what is left of the sum after another one was taken away matters. Products of
 * floats are exact in it. */
KERNEL_INLINE double lanes_dot_wide(const float *x, const float *y, int64_t n) {
    WideLanes4 a = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        a += __builtin_convertvector(*(const Lanes4 *)(x + i), WideLanes4) *
             __builtin_convertvector(*(const Lanes4 *)(y + i), WideLanes4);
    double sum = (a[0] + a[2]) + (a[1] + a[3]);
    for (; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

/* The largest of n elements; NaNs are passed over, -infinity when nothing else is there. Floats are compared as whole
 * numbers in the same order (sign and magnitude made two's complement), whose maximum may be taken in any order. */
KERNEL_INLINE float lanes_max(const float *x, int64_t n) {
    int32_t best = (int32_t)0x807fffff; /* -infinity */
    for (int64_t k = 0; k < n; k++) {
        const int32_t bits = (int32_t)vmath_bits(x[k]);
        const int32_t nan = -(int32_t)((bits & 0x7fffffff) > 0x7f800000); /* all bits set, or none */
        const int32_t key = ((bits ^ ((bits >> 31) & 0x7fffffff)) & ~nan) | (INT32_MIN & nan);
        best = key > best ? key : best;
    }
    return vmath_float((uint32_t)(best ^ ((best >> 31) & 0x7fffffff)));
}

/* Sum of e^(x - shift). */
KERNEL_INLINE float lanes_sum_exp(const float *x, float shift, int64_t n) {
    float power[LANES_CHUNK], sum = 0.0f;
    for (int64_t i = 0; i < n; i += LANES_CHUNK) {
        const int64_t n_chunk = n - i < LANES_CHUNK ? n - i : (int64_t)LANES_CHUNK;
        for (int64_t k = 0; k < n_chunk; k++) power[k] = vmath_exp(x[i + k] - shift);
        sum += lanes_sum(power, n_chunk);
    }
    return sum;
}

#endif

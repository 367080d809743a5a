/* exp, tanh, sigmoid and log of one float, written so that a loop over them in a KERNEL function becomes vector code:
 * no branch, no call, no table, IEEE additions, multiplications and divisions only. With contraction off every
 * instruction set, vector or scalar, computes the same bits; libm promises no such thing.
 * NaN in, NaN out. Largest errors over all floats (tests/test_vmath.c): exp 1.6 ulp, exp_unit 2.2 ulp, log 0.9 ulp,
 * sigmoid 2.6 ulp down to results of 1e-38 (0 below), tanh 2.6 ulp. */
#ifndef KERNELS_VMATH_H
#define KERNELS_VMATH_H

#include <stdint.h>
#include <string.h>

#include "kernels/simd.h"

KERNEL_INLINE uint32_t vmath_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

KERNEL_INLINE float vmath_float(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* x = n ln 2 + r with n whole and |r| <= ln(2) / 2; exact to far below the last bit of r. Both |x| and n are small
 * enough (|x| < 2^21) for the sum with 1.5 * 2^23 to round x / ln 2 to a whole number and leave it in the low bits. */
KERNEL_INLINE float vmath_reduce(float x, int32_t *n) {
    const float magic = 12582912.0f; /* 1.5 * 2^23 */
    const float rounded = x * 1.44269504f + magic;
    const float whole = rounded - magic;
    *n = (int32_t)(vmath_bits(rounded) - 0x4b400000u);
    /* ln 2 in two parts: whole * 0.693359375 is exact. */
    return (x - whole * 0.693359375f) + whole * 2.1219444170e-4f;
}

/* e^r - 1 for |r| <= ln(2) / 2: a minimax polynomial, off by less than 4e-9. */
KERNEL_INLINE float vmath_expm1_reduced(float r) {
    const float r2 = r * r;
    const float low = 0.5f + r * 1.6666533e-1f;
    const float high = (4.1667242e-2f + r * 8.3676092e-3f) + r2 * 1.3863670e-3f;
    return r + r2 * (low + r2 * high);
}

/* 2^n for -127 <= n <= 128, where the ends stand for 0 and infinity. */
KERNEL_INLINE float vmath_power2(int32_t n) { return vmath_float((uint32_t)(n + 127) << 23); }

/* e^x. Subnormal results are right too: the scaling is done in two steps, of which only the second rounds. */
KERNEL_INLINE float vmath_exp(float x) {
    int32_t n;
    x = x < -104.0f ? -104.0f : x; /* e^-104 rounds to 0 */
    x = x > 89.0f ? 89.0f : x;     /* e^89 to infinity */
    const float r = vmath_reduce(x, &n);
    const int32_t half = n >> 1;
    return (1.0f + vmath_expm1_reduced(r)) * vmath_power2(half) * vmath_power2(n - half);
}

/* e^x for |x| <= 1, such as a tanh: a minimax polynomial, off by less than 1.5e-8 of the result, half of whose
 * operations can run side by side. */
KERNEL_INLINE float vmath_exp_unit(float x) {
    const float x2 = x * x;
    const float low = (5.0000019e-1f + x * 1.6666727e-1f) + x2 * (4.1665439e-2f + x * 8.3299563e-3f);
    const float high = (1.3909060e-3f + x * 2.0394163e-4f) + x2 * 2.4081577e-5f;
    return (1.0f + x) + x2 * (low + (x2 * x2) * high);
}

/* 1 / (1 + e^-x). */
KERNEL_INLINE float vmath_sigmoid(float x) {
    int32_t n;
    float z = -x;
    z = z < -88.0f ? -88.0f : z; /* n = -127: e^z counts as 0 */
    z = z > 89.0f ? 89.0f : z;   /* n = 128: as infinity */
    const float r = vmath_reduce(z, &n);
    return 1.0f / (1.0f + (1.0f + vmath_expm1_reduced(r)) * vmath_power2(n));
}

/* tanh |x| = -u / (u + 2) with u = e^(-2 |x|) - 1, which loses nothing near 0; the sign is put back at the end. */
KERNEL_INLINE float vmath_tanh(float x) {
    int32_t n;
    const uint32_t sign = vmath_bits(x) & 0x80000000u;
    float z = -2.0f * vmath_float(vmath_bits(x) ^ sign);
    z = z < -40.0f ? -40.0f : z; /* there u is -1 already */
    const float r = vmath_reduce(z, &n);
    const float scale = vmath_power2(n);
    const float u = scale * vmath_expm1_reduced(r) + (scale - 1.0f);
    const float t = u / (u + 2.0f); /* -tanh |x| */
    return vmath_float((vmath_bits(t) & 0x7fffffffu) | sign);
}

/* Natural logarithm: -infinity at 0, NaN below. x = 2^e m with sqrt(1/2) <= m < sqrt(2), f = m - 1, s = f / (2 + f);
 * log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with R minimax. */
KERNEL_INLINE float vmath_log(float x) {
    const float tiny = 1.17549435e-38f, infinity = vmath_float(0x7f800000u);
    const float scaled = x < tiny ? x * 8388608.0f : x; /* subnormals times 2^23 */
    const float offset = x < tiny ? -23.0f : 0.0f;
    const uint32_t u = vmath_bits(scaled) - 0x3f3504f3u; /* sqrt(1/2) */
    const float e = (float)((int32_t)u >> 23) + offset;
    const float f = vmath_float((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    const float series = z * (6.6666776e-1f + z * (3.9977449e-1f + z * 2.9874396e-1f));
    float y = ((s * (half + series) - e * 2.1219444e-4f) - half) + f + e * 0.693359375f;
    y = x < infinity ? y : x; /* infinity and NaN */
    y = x == 0.0f ? -infinity : y;
    y = x < 0.0f ? vmath_float(0x7fc00000u) : y;
    return y;
}

#endif

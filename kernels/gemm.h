/* Matrix product in float: C = op(A) op(B), or C += op(A) op(B). Single-threaded; call it from inside tasks, each with
 * its own scratch. All state is in the arguments: nothing is prepared, nothing is allocated, no call can fail.
 *
 * Bits: an element of C is a sum over k in order, in blocks of GEMM_K_BLOCK that are added in order, each product fused
 * with its addition. It depends on neither m, n, the leading dimensions, addresses nor the vector width: cutting rows
 * or columns of C into tasks in any way gives the same bits. (A CPU without FMA gives others.)
 * Cutting k into tasks does change the bits. Depends on tile. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { GEMM_K_BLOCK = 256 };

/* Row-major: A is stored [m,k], or [k,m] if trans_a; B is [k,n], or [n,k] if trans_b; C is [m,n]. ld* is the distance
 * in floats between stored rows, at least the row's length. m, n, k >= 0 (k == 0: C = 0, or is left as it is). */
typedef struct Gemm {
    int64_t m, n, k;
    bool trans_a, trans_b;
    bool add; /* C += instead of C =; without it C is never read */
    int64_t lda, ldb, ldc;
} Gemm;

/* Dense operands: leading dimensions are the row lengths. */
static inline Gemm gemm_nn(int64_t m, int64_t n, int64_t k, bool add) {
    Gemm g = {m, n, k, false, false, add, k, n, n};
    return g;
}
static inline Gemm gemm_tn(int64_t m, int64_t n, int64_t k, bool add) {
    Gemm g = {m, n, k, true, false, add, m, n, n};
    return g;
}
static inline Gemm gemm_nt(int64_t m, int64_t n, int64_t k, bool add) {
    Gemm g = {m, n, k, false, true, add, k, k, n};
    return g;
}

/* Scratch of one gemm_run, bytes: the same on every CPU, not less when m, n or k grow, at most 768 KiB. */
size_t gemm_scratch_bytes(const Gemm *g);

/* a, b, c: float arrays as described by g; c overlaps neither. scratch: gemm_scratch_bytes(g) bytes, 64-byte aligned,
 * private to this call. */
void gemm_run(const Gemm *g, const float *a, const float *b, float *c, void *scratch);

#ifdef __cplusplus
}
#endif
#endif

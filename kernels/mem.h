/* Counted allocation with overflow checks and fault injection. All of the program's own heap memory comes from here,
 * so that a test can fail the k-th allocation and assert that nothing leaks, and that a training step allocates
 * nothing. Thread-safe. */
#ifndef KERNELS_MEM_H
#define KERNELS_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* *out = zeroed storage for n elements of size bytes each, aligned to 64 bytes. n == 0 gives a valid block to free.
 * The caller owns it (mem_free). ERR_NOMEM, with *out = NULL, when memory is short or n * size overflows. */
Err mem_alloc(void *out, size_t n, size_t size) MUST_CHECK;

/* Grows *block (NULL or from here) to n elements; the new part is zero. On ERR_NOMEM *block is unchanged. */
Err mem_grow(void *block, size_t n_old, size_t n, size_t size) MUST_CHECK;

/* *out = a copy of text, or of its first len bytes. The caller owns it. */
Err mem_strdup(char **out, const char *text) MUST_CHECK;
Err mem_strndup(char **out, const char *text, size_t len) MUST_CHECK;

/* *out = printf into a new string that the caller owns. */
Err mem_printf(char **out, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* Accepts NULL. */
void mem_free(void *block);

typedef struct MemStats {
    uint64_t n_allocs;    /* allocations since the start */
    uint64_t live_blocks; /* not yet freed */
    uint64_t live_bytes;
    uint64_t peak_bytes;
} MemStats;
MemStats mem_stats(void);

/* The k-th allocation from now on fails (k >= 1), once; 0 switches it off. */
void mem_fail_at(uint64_t k);

/* *out = a * b * c; ERR_ARG when it does not fit. */
Err size_mul3(size_t *out, size_t a, size_t b, size_t c) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

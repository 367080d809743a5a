/* Counted allocation. Each block is preceded by a 64-byte header that holds its size, so that the user's part
 * stays aligned for vector loads. */
#include "kernels/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/libmem.h"

enum { ALIGN = 64 };

static atomic_uint_fast64_t n_allocs, live_blocks, live_bytes, peak_bytes, fail_countdown;

static bool injected_failure(void) {
    uint_fast64_t left = atomic_load(&fail_countdown);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) return left == 1;
    }
    return false;
}

static void raise_peak(uint64_t now) {
    uint_fast64_t seen = atomic_load(&peak_bytes);
    while (now > seen && !atomic_compare_exchange_weak(&peak_bytes, &seen, now)) {
    }
}

Err size_mul3(size_t *out, size_t a, size_t b, size_t c) {
    size_t ab = 0;
    *out = 0;
    if (__builtin_mul_overflow(a, b, &ab) || __builtin_mul_overflow(ab, c, out)) {
        *out = 0;
        return err_set(ERR_ARG, "size %zu x %zu x %zu overflows", a, b, c);
    }
    return ERR_OK;
}

Err mem_alloc(void *out, size_t n, size_t size) {
    void *none = NULL;
    memcpy(out, &none, sizeof none);
    size_t bytes = 0, total = 0;
    if (size_mul3(&bytes, n, size, 1) != ERR_OK || __builtin_add_overflow(bytes, (size_t)(2 * ALIGN - 1), &total))
        return err_set(ERR_NOMEM, "out of memory: %zu x %zu bytes asked for", n, size);
    total = total / ALIGN * ALIGN; /* a multiple is wanted */
    char *raw = injected_failure() ? NULL : libmem_own_alloc(ALIGN, total);
    if (raw == NULL) return err_set(ERR_NOMEM, "out of memory: %zu bytes asked for", bytes);
    memcpy(raw, &bytes, sizeof bytes);
    memset(raw + ALIGN, 0, total - ALIGN);
    atomic_fetch_add(&n_allocs, 1);
    atomic_fetch_add(&live_blocks, 1);
    raise_peak(atomic_fetch_add(&live_bytes, bytes) + bytes);
    char *user = raw + ALIGN;
    memcpy(out, &user, sizeof user);
    return ERR_OK;
}

void mem_free(void *block) {
    if (block == NULL) return;
    char *raw = (char *)block - ALIGN;
    size_t bytes = 0;
    memcpy(&bytes, raw, sizeof bytes);
    atomic_fetch_sub(&live_blocks, 1);
    atomic_fetch_sub(&live_bytes, bytes);
    libmem_own_free(raw);
}

Err mem_grow(void *block, size_t n_old, size_t n, size_t size) {
    char *old = NULL, *grown = NULL;
    memcpy(&old, block, sizeof old);
    Err err = mem_alloc(&grown, n, size);
    if (err != ERR_OK) return err;
    if (old != NULL) memcpy(grown, old, (n_old < n ? n_old : n) * size);
    mem_free(old);
    memcpy(block, &grown, sizeof grown);
    return ERR_OK;
}

Err mem_strndup(char **out, const char *text, size_t len) {
    Err err = mem_alloc(out, len + 1, 1);
    if (err == ERR_OK) memcpy(*out, text, len);
    return err;
}

Err mem_strdup(char **out, const char *text) { return mem_strndup(out, text, strlen(text)); }

Err mem_printf(char **out, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    *out = NULL;
    Err err = len < 0 ? err_set(ERR_ARG, "text cannot be formatted") : mem_alloc(out, (size_t)len + 1, 1);
    if (err == ERR_OK) (void)vsnprintf(*out, (size_t)len + 1, fmt, again);
    va_end(again);
    return err;
}

MemStats mem_stats(void) {
    return (MemStats){atomic_load(&n_allocs), atomic_load(&live_blocks), atomic_load(&live_bytes),
                      atomic_load(&peak_bytes)};
}

void mem_fail_at(uint64_t k) { atomic_store(&fail_countdown, k); }

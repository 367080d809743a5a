/* Chunks in a list; the last one is handed out from its end. */
#include "harness/grid/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"

enum { ALIGN = 16, CHUNK_BYTES = 16 << 10 };

struct PoolChunk {
    PoolChunk *before;
    char *at; /* first byte not handed out */
};

Err pool_alloc(Pool *pool, void *out, size_t n, size_t size) {
    size_t bytes = 0;
    char *block = NULL;
    memcpy(out, &block, sizeof block);
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
        return err_set(ERR_NOMEM, "out of memory: %zu x %zu bytes asked for", n, size);
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (pool->last == NULL || bytes > pool->left) {
        size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        PoolChunk *chunk = NULL;
        Err err = mem_alloc(&chunk, 1, ALIGN + room);
        if (err != ERR_OK) return err;
        chunk->before = pool->last;
        chunk->at = (char *)chunk + ALIGN;
        pool->last = chunk;
        pool->left = room;
    }
    block = pool->last->at;
    pool->last->at += bytes;
    pool->left -= bytes;
    memcpy(out, &block, sizeof block);
    return ERR_OK;
}
_Static_assert(sizeof(PoolChunk) <= ALIGN, "a chunk's head fits before its first block");

Err pool_text(Pool *pool, const char **out, const char *text) {
    char *copy = NULL;
    Err err = pool_alloc(pool, &copy, strlen(text) + 1, 1);
    if (err == ERR_OK) memcpy(copy, text, strlen(text));
    *out = copy;
    return err;
}

Err pool_printf(Pool *pool, const char **out, const char *fmt, ...) {
    va_list args, again;
    char *text = NULL;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    Err err = len < 0 ? err_set(ERR_ARG, "text cannot be formatted") : pool_alloc(pool, &text, (size_t)len + 1, 1);
    if (err == ERR_OK) (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    *out = text;
    return err;
}

Err pool_grow(Pool *pool, void *array, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) return ERR_OK;
    char *old = NULL, *grown = NULL;
    size_t larger = *capacity < 8 ? 16 : 2 * *capacity;
    memcpy(&old, array, sizeof old);
    Err err = pool_alloc(pool, &grown, larger, size);
    if (err != ERR_OK) return err;
    if (n > 0) memcpy(grown, old, n * size);
    memcpy(array, &grown, sizeof grown);
    *capacity = larger;
    return ERR_OK;
}

void pool_clear(Pool *pool) {
    while (pool->last != NULL) {
        PoolChunk *before = pool->last->before;
        mem_free(pool->last);
        pool->last = before;
    }
    pool->left = 0;
}

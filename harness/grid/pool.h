/* Memory that is freed all at once: what a document, or a grid, points to. Starts as {0}. Not thread-safe. */
#ifndef HARNESS_GRID_POOL_H
#define HARNESS_GRID_POOL_H

#include <stddef.h>

#include "kernels/err.h"

typedef struct PoolChunk PoolChunk;

typedef struct Pool {
    PoolChunk *last;
    size_t left; /* bytes not handed out in last */
} Pool;

/* *out = zeroed storage, aligned to 16 bytes, that lives until pool_clear. */
Err pool_alloc(Pool *pool, void *out, size_t n, size_t size) MUST_CHECK;

Err pool_text(Pool *pool, const char **out, const char *text) MUST_CHECK;
Err pool_printf(Pool *pool, const char **out, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(3, 4);

/* Makes room for element n of *array, a pointer to elements of size bytes of which *capacity fit. */
Err pool_grow(Pool *pool, void *array, size_t n, size_t *capacity, size_t size) MUST_CHECK;

void pool_clear(Pool *pool);

#endif

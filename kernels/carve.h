/* Cutting an op's scratch into arrays. The same function of an op, run on a NULL base, tells its scratch_bytes:
 * what is asked for and what is used cannot differ. Depends on libc only. */
#ifndef KERNELS_CARVE_H
#define KERNELS_CARVE_H

#include <stddef.h>
#include <stdint.h>

enum { CARVE_ALIGN = 64 };

typedef struct Carve {
    char *base;   /* CARVE_ALIGN aligned; NULL = only count */
    size_t bytes; /* cut off so far */
} Carve;

/* The next n elements of `size` bytes, aligned; NULL while counting. */
static inline void *carve(Carve *c, int64_t n, size_t size) {
    void *at = c->base == NULL ? NULL : c->base + c->bytes;
    c->bytes += ((size_t)n * size + CARVE_ALIGN - 1) / CARVE_ALIGN * CARVE_ALIGN;
    return at;
}

#endif

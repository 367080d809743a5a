/* A backend: where tensors live and which kernels run. `cpu` is here; `ref` computes in double precision and serial
 * loops and is the oracle for every other one; `cuda` is opened at run time from a shared object.
 * Host data is always float and int32_t; a backend converts to its own REAL. Depends on op, mem. */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include "kernels/op.h"

typedef struct Backend Backend;

struct Backend {
    const char *name;
    Device device;
    size_t real_bytes; /* size of one REAL: 4, or 8 on ref */

    /* *out = bytes of zeroed, 64-byte aligned storage (bytes a multiple of 64). On the CPU it ends at a protected page,
     * so that a write past its end stops the program at once. ERR_NOMEM names the size. */
    Err (*alloc)(const Backend *backend, void **out, size_t bytes);
    void (*free)(const Backend *backend, void *block, size_t bytes); /* accepts NULL */

    /* Copies n elements between the host's float or int32_t and the backend's storage. */
    Err (*upload)(const Backend *backend, void *dst, const void *src, int64_t n, DType type);
    Err (*download)(const Backend *backend, void *dst, const void *src, int64_t n, DType type);

    /* Fills bytes with the pattern of a NaN: what the checked modes put where nothing may be read. */
    void (*poison)(const Backend *backend, void *dst, size_t bytes);

    /* The kernel of one pass of op; NULL if the backend has none. */
    OpFn (*kernel)(const Backend *backend, const Op *op, bool backward);

    bool prepares; /* op->prepare belongs to this backend's kernels */
};

const Backend *backend_cpu(void);
const Backend *backend_ref(void);

/* "cpu" or "ref" for now; ERR_DEVICE says what is missing. */
Err backend_find(const Backend **out, const char *name) MUST_CHECK;

/* Bytes of n elements of a type on this backend. */
static inline size_t backend_bytes(const Backend *b, int64_t n, DType type) {
    return (size_t)n * (type == DT_REAL ? b->real_bytes : sizeof(int32_t));
}

#endif

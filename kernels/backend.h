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
    bool on_host;      /* the host may read and write its storage */
    const char *model; /* of the device, a part of the bit class: "NVIDIA H100 80GB HBM3, 9.0"; NULL on the host */
    void *context;     /* what its kernels find in OpCall.context */

    /* *out = bytes of zeroed, 64-byte aligned storage (bytes a multiple of 64). On the CPU it ends at a protected page,
     * so that a write past its end stops the program at once. ERR_NOMEM, or ERR_DEVICE_FULL, names the size. */
    Err (*alloc)(const Backend *backend, void **out, size_t bytes);
    void (*free)(const Backend *backend, void *block, size_t bytes); /* accepts NULL */

    /* Copies n elements between the host's float or int32_t and the backend's storage. Errors of kernels that ran
     * before may show here: on cuda they only begin when they are called. */
    Err (*upload)(const Backend *backend, void *dst, const void *src, int64_t n, DType type);
    Err (*download)(const Backend *backend, void *dst, const void *src, int64_t n, DType type);

    /* As memset. An error of the device shows at the next call that waits. */
    void (*set)(const Backend *backend, void *dst, int byte, size_t bytes);

    /* The kernel of one pass of op; NULL if the backend has none. */
    OpFn (*kernel)(const Backend *backend, const Op *op, bool backward);

    bool prepares; /* op->prepare belongs to this backend's kernels */

    /* All NULL where a run is nothing but its calls. Between capture_begin and capture_end kernels are noted down and
     * not run; replay runs them, at the addresses that they were called with. Each must have run once before.
     * capture_end is called whatever happened in between; graph NULL: nothing of it is kept, and no error is set. */
    Err (*capture_begin)(const Backend *backend);
    Err (*capture_end)(const Backend *backend, void **graph);
    Err (*replay)(const Backend *backend, void *graph);
    void (*graph_free)(const Backend *backend, void *graph); /* accepts NULL */

    /* Bytes of the whole device that are free, and all that it has; NULL on the host. */
    Err (*memory)(const Backend *backend, size_t *free_bytes, size_t *total);

    void (*close)(const Backend *backend); /* NULL: nothing to close */
};

const Backend *backend_cpu(void);
const Backend *backend_ref(void);

/* What a stored byte is where nothing may be read: a quiet NaN as float and as double, -1 as an integer. */
enum { BACKEND_POISON = 0xff };

typedef struct BackendSpec {
    Device device;
    int ordinal; /* of a device of CUDA: cuda:1 is 1 */
    bool tf32;   /* CUDA: products may round their factors to TF32 */
} BackendSpec;

/* The backend of a device. CUDA's takes hold of it: only the process that computes opens it (to ask for it: cuda_check
 * in kernels/cuda_open.h). The caller closes it. ERR_DEVICE says what is missing, ERR_DEVICE_FULL that its memory does
 * not suffice. */
Err backend_open(const Backend **out, const BackendSpec *spec) MUST_CHECK;
void backend_close(const Backend *backend); /* accepts NULL */

/* Bytes of n elements of a type on this backend. */
static inline size_t backend_bytes(const Backend *b, int64_t n, DType type) {
    return (size_t)n * (type == DT_REAL ? b->real_bytes : sizeof(int32_t));
}

#endif

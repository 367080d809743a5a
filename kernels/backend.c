/* The cpu and ref backends. */
#include "kernels/backend.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/cuda_open.h"
#include "kernels/mem.h"

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/* The block ends exactly where the protected page begins. */
static Err alloc_guarded(const Backend *backend, void **out, size_t bytes) {
    (void)backend;
    *out = NULL;
    ASSERT(bytes % 64 == 0);
    size_t page = page_bytes(), body = round_up(bytes, page);
    char *map = mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return err_set(ERR_NOMEM, "out of memory: %zu bytes asked for", bytes);
    if (mprotect(map + body, page, PROT_NONE) != 0) {
        (void)munmap(map, body + page);
        return err_set(ERR_NOMEM, "cannot protect the page behind %zu bytes", bytes);
    }
    *out = map + (body - bytes);
    return ERR_OK;
}

static void free_guarded(const Backend *backend, void *block, size_t bytes) {
    (void)backend;
    if (block == NULL) return;
    size_t page = page_bytes(), body = round_up(bytes, page);
    (void)munmap((char *)block - (body - bytes), body + page);
}

static Err copy_same(const Backend *backend, void *dst, const void *src, int64_t n, DType type) {
    memcpy(dst, src, backend_bytes(backend, n, type));
    return ERR_OK;
}

static void set_bytes(const Backend *backend, void *dst, int byte, size_t bytes) {
    (void)backend;
    memset(dst, byte, bytes);
}

static OpFn kernel_cpu(const Backend *backend, const Op *op, bool backward) {
    (void)backend;
    return backward ? op->bwd : op->fwd;
}

static OpFn kernel_ref(const Backend *backend, const Op *op, bool backward) {
    (void)backend;
    return backward ? op->ref_bwd : op->ref_fwd;
}

static Err upload_ref(const Backend *backend, void *dst, const void *src, int64_t n, DType type) {
    if (type == DT_INT) return copy_same(backend, dst, src, n, type);
    const float *from = src;
    double *to = dst;
    for (int64_t i = 0; i < n; i++) to[i] = from[i];
    return ERR_OK;
}

static Err download_ref(const Backend *backend, void *dst, const void *src, int64_t n, DType type) {
    if (type == DT_INT) return copy_same(backend, dst, src, n, type);
    const double *from = src;
    float *to = dst;
    for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
    return ERR_OK;
}

const Backend *backend_cpu(void) {
    static const Backend cpu = {.name = "cpu",
                                .device = DEVICE_CPU,
                                .real_bytes = sizeof(float),
                                .on_host = true,
                                .alloc = alloc_guarded,
                                .free = free_guarded,
                                .upload = copy_same,
                                .download = copy_same,
                                .set = set_bytes,
                                .kernel = kernel_cpu,
                                .prepares = true};
    return &cpu;
}

const Backend *backend_ref(void) {
    static const Backend ref = {.name = "ref",
                                .device = DEVICE_REF,
                                .real_bytes = sizeof(double),
                                .on_host = true,
                                .alloc = alloc_guarded,
                                .free = free_guarded,
                                .upload = upload_ref,
                                .download = download_ref,
                                .set = set_bytes,
                                .kernel = kernel_ref};
    return &ref;
}

Err backend_open(const Backend **out, const BackendSpec *spec) {
    *out = NULL;
    if (spec->device == DEVICE_CUDA) return cuda_open(out, &(CudaSettings){spec->ordinal, spec->tf32});
    *out = spec->device == DEVICE_REF ? backend_ref() : backend_cpu();
    return ERR_OK;
}

void backend_close(const Backend *backend) {
    if (backend != NULL && backend->close != NULL) backend->close(backend);
}

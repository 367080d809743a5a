/* The CUDA backend: a device, its stream, cuBLAS, memory, and the table of ops that have kernels. */
#include "kernels/cuda_context.cuh"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gen/kernel_headers.inc"
#include "kernels/cuda_plugin.h"
#include "kernels/device.h"
#include "kernels/mem.h"

#define X(op) extern "C" const OpCuda op_cuda_##op;
#include "gen/cuda_ops.inc"
#undef X

struct Entry {
    const char *name;
    const OpCuda *op;
};

static const Entry table[] = {
#define X(op) {#op, &op_cuda_##op},
#include "gen/cuda_ops.inc"
#undef X
    {nullptr, nullptr}};

/* What a caller holds is the first member. */
struct CudaBackend {
    Backend backend;
    Cuda cuda;
    char model[320];
};

static const Cuda *cuda_in(const Backend *backend) { return static_cast<const Cuda *>(backend->context); }

/* ---- errors ---- */

enum { LEFT_TEXT = 80 };

/* "cudaMalloc(&block, bytes)" -> "cudaMalloc" */
static int name_length(const char *call) { return static_cast<int>(strcspn(call, "(")); }

/* ", 10 of 1000 bytes are free": what an error for want of memory ends with. */
static const char *left_text(char *out, size_t len) {
    size_t free_bytes = 0, total = 0;
    (void)cudaGetLastError(); /* it has been seen */
    out[0] = '\0';
    if (cudaMemGetInfo(&free_bytes, &total) == cudaSuccess)
        (void)snprintf(out, len, ", %zu of %zu bytes are free", free_bytes, total);
    return out;
}

Err cuda_error(const Cuda *cuda, cudaError_t code, const char *call) {
    char left[LEFT_TEXT] = "";
    const bool full = code == cudaErrorMemoryAllocation;
    (void)cudaGetLastError();
    return err_set(full ? ERR_DEVICE_FULL : ERR_DEVICE, "cuda:%d: %.*s failed: %s (%s)%s", cuda->ordinal,
                   name_length(call), call, cudaGetErrorString(code), cudaGetErrorName(code),
                   full ? left_text(left, sizeof left) : "");
}

Err cuda_blas_error(const Cuda *cuda, cublasStatus_t status, const char *call) {
    char left[LEFT_TEXT] = "";
    const bool full = status == CUBLAS_STATUS_ALLOC_FAILED;
    return err_set(full ? ERR_DEVICE_FULL : ERR_DEVICE, "cuda:%d: %.*s failed: %s%s", cuda->ordinal, name_length(call),
                   call, cublasGetStatusString(status), full ? left_text(left, sizeof left) : "");
}

/* ---- memory ---- */

static Err no_memory(const Cuda *cuda, size_t bytes) {
    char left[LEFT_TEXT];
    return err_set(ERR_DEVICE_FULL, "out of memory on cuda:%d: %zu bytes asked for%s", cuda->ordinal, bytes,
                   left_text(left, sizeof left));
}

/* Exactly as many bytes as the plan says, in one piece. */
static Err alloc_device(const Backend *backend, void **out, size_t bytes) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    *out = nullptr;
    const cudaError_t code = cudaMalloc(out, bytes);
    if (code == cudaErrorMemoryAllocation) return no_memory(cuda, bytes);
    CUDA_TRY(code);
    CUDA_TRY(cudaMemsetAsync(*out, 0, bytes, cuda->stream));
    CUDA_TRY(cudaStreamSynchronize(cuda->stream));
done:
    if (err != ERR_OK && *out != nullptr) {
        (void)cudaFree(*out);
        *out = nullptr;
    }
    return err;
}

static void free_device(const Backend *, void *block, size_t) { (void)cudaFree(block); }

/* The host may change src as soon as this returns, and dst is complete: both wait for the stream. */
static Err copy(const Backend *backend, void *dst, const void *src, int64_t n, DType type, cudaMemcpyKind kind) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    CUDA_TRY(cudaMemcpyAsync(dst, src, backend_bytes(backend, n, type), kind, cuda->stream));
    CUDA_TRY(cudaStreamSynchronize(cuda->stream));
done:
    return err;
}

static Err upload(const Backend *backend, void *dst, const void *src, int64_t n, DType type) {
    return copy(backend, dst, src, n, type, cudaMemcpyHostToDevice);
}

static Err download(const Backend *backend, void *dst, const void *src, int64_t n, DType type) {
    return copy(backend, dst, src, n, type, cudaMemcpyDeviceToHost);
}

static void set(const Backend *backend, void *dst, int byte, size_t bytes) {
    (void)cudaMemsetAsync(dst, byte, bytes, cuda_in(backend)->stream);
}

static Err memory(const Backend *backend, size_t *free_bytes, size_t *total) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    CUDA_TRY(cudaMemGetInfo(free_bytes, total));
done:
    return err;
}

/* ---- kernels ---- */

static OpFn kernel(const Backend *, const Op *op, bool backward) {
    for (const Entry *entry = table; entry->name != nullptr; entry++)
        if (strcmp(entry->name, op->name) == 0) return backward ? entry->op->bwd : entry->op->fwd;
    return nullptr;
}

static Err capture_begin(const Backend *backend) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    CUDA_TRY(cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal));
done:
    return err;
}

static Err capture_end(const Backend *backend, void **out) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    if (out == nullptr) {
        if (cudaStreamEndCapture(cuda->stream, &graph) == cudaSuccess) (void)cudaGraphDestroy(graph);
        (void)cudaGetLastError();
        return ERR_OK;
    }
    *out = nullptr;
    CUDA_TRY(cudaStreamEndCapture(cuda->stream, &graph));
    CUDA_TRY(cudaGraphInstantiate(&exec, graph));
    *out = exec;
done:
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    return err;
}

static Err replay(const Backend *backend, void *graph) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_in(backend);
    CUDA_TRY(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), cuda->stream));
done:
    return err;
}

static void graph_free(const Backend *, void *graph) {
    if (graph != nullptr) (void)cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

/* ---- opening ---- */

static void close_backend(const Backend *backend) {
    if (backend == nullptr) return;
    const Cuda *cuda = cuda_in(backend);
    if (cuda->blas != nullptr) (void)cublasDestroy(cuda->blas);
    (void)cudaFree(cuda->workspace);
    if (cuda->stream != nullptr) (void)cudaStreamDestroy(cuda->stream);
    mem_free(const_cast<Backend *>(backend));
}

static void fill_vtable(CudaBackend *made) {
    Backend *b = &made->backend;
    b->name = "cuda";
    b->device = DEVICE_CUDA;
    b->real_bytes = sizeof(float);
    b->model = made->model;
    b->context = &made->cuda;
    b->alloc = alloc_device;
    b->free = free_device;
    b->upload = upload;
    b->download = download;
    b->set = set;
    b->kernel = kernel;
    b->memory = memory;
    b->close = close_backend;
    if (made->cuda.waits) return; /* which cannot be captured */
    b->capture_begin = capture_begin;
    b->capture_end = capture_end;
    b->replay = replay;
    b->graph_free = graph_free;
}

enum { OLDEST_MAJOR = 7, OLDEST_MINOR = 5 };

static Err open_device(CudaBackend *made, bool tf32) {
    Err err = ERR_OK;
    Cuda *cuda = &made->cuda;
    cudaDeviceProp device;
    int n = 0;
    CUDA_TRY(cudaGetDeviceCount(&n));
    FAIL_IF(cuda->ordinal < 0 || cuda->ordinal >= n, ERR_DEVICE,
            "there is no cuda:%d, this machine has %d CUDA devices", cuda->ordinal, n);
    CUDA_TRY(cudaGetDeviceProperties(&device, cuda->ordinal));
    FAIL_IF(device.major * 10 + device.minor < OLDEST_MAJOR * 10 + OLDEST_MINOR, ERR_DEVICE,
            "cuda:%d, %s, has compute capability %d.%d, expected at least %d.%d", cuda->ordinal, device.name,
            device.major, device.minor, static_cast<int>(OLDEST_MAJOR), static_cast<int>(OLDEST_MINOR));
    FAIL_IF(tf32 && device.major < CUDA_TF32_MAJOR, ERR_DEVICE,
            "cuda:%d, %s, has compute capability %d.%d, train.precision tf32 needs %d.0", cuda->ordinal, device.name,
            device.major, device.minor, static_cast<int>(CUDA_TF32_MAJOR));
    (void)snprintf(made->model, sizeof made->model, "%s, %d.%d", device.name, device.major, device.minor);
    CUDA_TRY(cudaSetDevice(cuda->ordinal));
    CUDA_TRY(cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking));
done:
    return err;
}

/* All that decides cuBLAS's bits is pinned: one stream, a workspace of fixed size, the arithmetic, no atomics. */
static Err open_blas(Cuda *cuda, bool tf32) {
    Err err = ERR_OK;
    const size_t bytes = device_workspace_bytes(DEVICE_CUDA);
    const cudaError_t code = cudaMalloc(&cuda->workspace, bytes);
    if (code == cudaErrorMemoryAllocation) return no_memory(cuda, bytes);
    CUDA_TRY(code);
    CUDA_BLAS_TRY(cublasCreate(&cuda->blas));
    CUDA_BLAS_TRY(cublasSetStream(cuda->blas, cuda->stream)); /* before the workspace, which it takes away */
    CUDA_BLAS_TRY(cublasSetWorkspace(cuda->blas, cuda->workspace, bytes));
    CUDA_BLAS_TRY(cublasSetMathMode(cuda->blas, tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH));
    CUDA_BLAS_TRY(cublasSetAtomicsMode(cuda->blas, CUBLAS_ATOMICS_NOT_ALLOWED));
done:
    return err;
}

extern "C" __attribute__((visibility("default"))) Err cuda_backend_open(const Backend **out,
                                                                        const CudaSettings *settings) {
    Err err = ERR_OK;
    CudaBackend *made = nullptr;
    const char *sync = getenv("REFOCUS_CUDA_SYNC");
    *out = nullptr;
    TRY(mem_alloc(&made, 1, sizeof *made));
    made->cuda.ordinal = settings->ordinal;
    made->cuda.waits = sync != nullptr && strcmp(sync, "1") == 0;
    fill_vtable(made);
    TRY(open_device(made, settings->tf32));
    TRY(open_blas(&made->cuda, settings->tf32));
    *out = &made->backend;
    made = nullptr;
done:
    if (made != nullptr) close_backend(&made->backend);
    return err;
}

extern "C" __attribute__((visibility("default"))) const char *cuda_backend_headers(void) { return KERNEL_HEADERS; }

/* What a driver compiles is its own: of which version it is, is a part of how the bits come about. */
extern "C" __attribute__((visibility("default"))) const char *cuda_backend_libraries(void) {
    static char text[160];
    static const libraryPropertyType parts[] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
    int driver = 0, runtime = 0, blas[3] = {0};
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    for (int i = 0; i < 3; i++) (void)cublasGetProperty(parts[i], &blas[i]);
    (void)snprintf(text, sizeof text, "driver for CUDA %d.%d, CUDA runtime %d.%d, cuBLAS %d.%d.%d", driver / 1000,
                   driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10, blas[0], blas[1], blas[2]);
    return text;
}

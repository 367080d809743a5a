/* What the host's side of CUDA sources shares: the context that a call carries, errors, and launching a kernel.
 * An op's .cu ends with OP_CUDA(name, fwd, bwd); its functions have the contract of kernels/op.h, launch on the call's
 * stream, never wait for it, and allocate nothing, so that a run of them can be captured and replayed. C++17. */
#ifndef KERNELS_CUDA_CONTEXT_CUH
#define KERNELS_CUDA_CONTEXT_CUH

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "kernels/op.h"

struct Cuda {
    int ordinal;
    cudaStream_t stream; /* the only one */
    cublasHandle_t blas; /* on that stream, with the workspace below */
    void *workspace;     /* device_workspace_bytes(DEVICE_CUDA) */
    bool waits;          /* after each launch, so that an error names its kernel: REFOCUS_CUDA_SYNC=1 */
};

static inline const Cuda *cuda_of(const OpCall *call) { return static_cast<const Cuda *>(call->context); }

/* ---- ops ---- */

struct OpCuda {
    OpFn fwd, bwd; /* bwd NULL where nothing is differentiable */
};

/* The one thing that an op's .cu exports. */
#define OP_CUDA(name, fwd, bwd)                                                                                        \
    extern "C" const OpCuda op_cuda_##name;                                                                            \
    const OpCuda op_cuda_##name = {fwd, bwd}

/* ---- errors ---- */

/* err_set with the device and what failed; ERR_DEVICE_FULL, with the figures, for want of memory, else ERR_DEVICE.
 * call: its text, of which the name is used. */
Err cuda_error(const Cuda *cuda, cudaError_t code, const char *call);
Err cuda_blas_error(const Cuda *cuda, cublasStatus_t status, const char *call);

/* TRY for calls of the runtime and of cuBLAS, in functions that know `cuda`. */
#define CUDA_TRY(call)                                                                                                 \
    do {                                                                                                               \
        const cudaError_t cuda_code = (call);                                                                          \
        if (cuda_code != cudaSuccess) {                                                                                \
            err = cuda_error(cuda, cuda_code, #call);                                                                  \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)
#define CUDA_BLAS_TRY(call)                                                                                            \
    do {                                                                                                               \
        const cublasStatus_t cuda_status = (call);                                                                     \
        if (cuda_status != CUBLAS_STATUS_SUCCESS) {                                                                    \
            err = cuda_blas_error(cuda, cuda_status, #call);                                                           \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* ---- launching ---- */

/* The threads of a block, everywhere: a block's shape decides the order of sums, so it depends on no device. */
constexpr int CUDA_BLOCK = 256, CUDA_WARP = 32;

/* Blocks for n things, per_block to each. What no grid can hold is refused by the launch. */
static inline dim3 cuda_blocks(int64_t n, int64_t per_block) {
    const int64_t blocks = (n + per_block - 1) / per_block, most = INT64_C(1) << 31;
    return dim3(static_cast<unsigned>(blocks < most ? blocks : most));
}

/* kernel<<<grid, block, shared_bytes>>>(args...) on the call's stream. */
template <typename... P, typename... A>
Err cuda_launch(const OpCall *call, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, A... args) {
    const Cuda *cuda = cuda_of(call);
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = cuda->stream;
    cudaError_t code = cudaLaunchKernelEx(&config, kernel, args...);
    if (code == cudaSuccess && cuda->waits) code = cudaStreamSynchronize(cuda->stream);
    return code == cudaSuccess ? ERR_OK : cuda_error(cuda, code, "a kernel");
}

/* The usual shape: blocks of CUDA_BLOCK threads, no dynamic shared memory. */
template <typename... P, typename... A> Err cuda_run(const OpCall *call, void (*kernel)(P...), dim3 grid, A... args) {
    return cuda_launch(call, kernel, grid, dim3(CUDA_BLOCK), 0, args...);
}

#endif

/* Ops over the last dimension on CUDA: a row of up to CUDA_WARP_ROW elements belongs to a warp, a longer one to a
 * block. Which of both decides the order of a row's sums, and is decided by the row's length alone. C++17. */
#ifndef KERNELS_CUDA_ROWS_CUH
#define KERNELS_CUDA_ROWS_CUH

#include "kernels/cuda_kernel.cuh"

enum { CUDA_WARP_ROW = 1024 };

/* The row of this thread, and its number among the threads of the row. */
template <int THREADS> __device__ __forceinline__ int64_t cuda_row() {
    return static_cast<int64_t>(blockIdx.x) * (CUDA_BLOCK / THREADS) + threadIdx.x / THREADS;
}
template <int THREADS> __device__ __forceinline__ int cuda_row_thread() {
    return static_cast<int>(threadIdx.x) % THREADS;
}

/* Runs one of both versions of a kernel over n_rows rows. */
template <typename... P, typename... A>
Err cuda_run_rows(const OpCall *call, void (*by_warp)(P...), void (*by_block)(P...), int64_t n_rows, int64_t length,
                  A... args) {
    if (length <= CUDA_WARP_ROW)
        return cuda_run(call, by_warp, cuda_blocks(n_rows, CUDA_BLOCK / CUDA_WARP), n_rows, length, args...);
    return cuda_run(call, by_block, cuda_blocks(n_rows, 1), n_rows, length, args...);
}

#endif

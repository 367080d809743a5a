/* Ops over the last dimension on CUDA: a row of up to CUDA_WARP_ROW elements belongs to a warp, a longer one to a
 * block. Which of both decides the order of a row's sums, and is decided by the row's length alone. C++17. */
#ifndef KERNELS_CUDA_ROWS_CUH
#define KERNELS_CUDA_ROWS_CUH

#include "kernels/cuda_kernel.cuh"

constexpr int CUDA_WARP_ROW = 1024;

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

/* ---- the rows' terms, added up ---- */

template <typename T> __global__ void cuda_add_terms(int64_t n, float *out, const T *term, const float *scale) {
    double sum = 0.0;
    for (int64_t k = threadIdx.x; k < n; k += CUDA_BLOCK) sum += static_cast<double>(term[k]);
    sum = cuda_block_reduce(CudaAdd{}, sum);
    if (threadIdx.x == 0) *out = static_cast<float>(sum * static_cast<double>(*scale));
}

/* *out = scale [] times the sum of n terms, by one block: for as many as a batch has rows, not elements. */
template <typename T> Err cuda_total(const OpCall *call, void *out, const T *term, int64_t n, const void *scale) {
    return cuda_run(call, cuda_add_terms<T>, dim3(1), n, static_cast<float *>(out), term,
                    static_cast<const float *>(scale));
}

#endif

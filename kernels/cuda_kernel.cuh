/* What the device's side of CUDA sources shares: shared memory, and sums and maxima of warps and blocks in an order
 * that is fixed by the number of a thread alone. No float atomics anywhere. Blocks have CUDA_BLOCK threads in one
 * dimension. C++17. */
#ifndef KERNELS_CUDA_KERNEL_CUH
#define KERNELS_CUDA_KERNEL_CUH

#include <cuda_runtime.h>

#include "kernels/cuda_context.cuh"

/* A block's own memory: SHARED(float, tile, [32][33]); SHARED(double, sum). SHARED_DYNAMIC: as many bytes as the launch
 * said, once per kernel. The emulation of tests/emu has its own. */
#ifndef SHARED
#define SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#define SHARED_DYNAMIC(type, name)                                                                                     \
    extern __shared__ double2 cuda_shared_memory[];                                                                    \
    type *const name = reinterpret_cast<type *>(cuda_shared_memory)
#endif

enum : unsigned { CUDA_ALL_LANES = 0xffffffffu };

/* The number of this thread in its grid. */
__device__ __forceinline__ int64_t cuda_thread() { return static_cast<int64_t>(blockIdx.x) * CUDA_BLOCK + threadIdx.x; }

/* a / b for a >= 0, b > 0, in 32 bits where both fit: the long division costs an order of magnitude more. */
__host__ __device__ __forceinline__ int64_t cuda_divide(int64_t a, int64_t b) {
    if (static_cast<uint64_t>(a | b) >> 32 == 0) return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
    return a / b;
}

/* ---- warps and blocks: every lane, every thread of a block gets the result ---- */

struct CudaAdd {
    template <typename T> __device__ T operator()(T a, T b) const { return a + b; }
    template <typename T> static __device__ T neutral() { return T(0); }
};

/* NaNs are passed over. */
struct CudaMax {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
    template <typename T> static __device__ T neutral() { return -INFINITY; }
};

/* A butterfly: both of a pair add the same two numbers. */
template <typename Fn, typename T> __device__ __forceinline__ T cuda_warp_reduce(Fn fn, T value) {
    for (int step = CUDA_WARP / 2; step > 0; step /= 2) value = fn(value, __shfl_xor_sync(CUDA_ALL_LANES, value, step));
    return value;
}

/* Warps in order of their numbers. All threads of the block must come here. */
template <typename Fn, typename T> __device__ __forceinline__ T cuda_block_reduce(Fn fn, T value) {
    SHARED(T, part, [CUDA_BLOCK / CUDA_WARP]);
    value = cuda_warp_reduce(fn, value);
    if (threadIdx.x % CUDA_WARP == 0) part[threadIdx.x / CUDA_WARP] = value;
    __syncthreads();
    value = part[0];
    for (int w = 1; w < CUDA_BLOCK / CUDA_WARP; w++) value = fn(value, part[w]);
    __syncthreads(); /* before part is written again */
    return value;
}

/* Of a row's threads: a warp or a block (kernels/cuda_rows.cuh). */
template <int THREADS, typename Fn, typename T> __device__ __forceinline__ T cuda_reduce(Fn fn, T value) {
    static_assert(THREADS == CUDA_WARP || THREADS == CUDA_BLOCK, "a row has a warp or a block");
    if constexpr (THREADS == CUDA_WARP)
        return cuda_warp_reduce(fn, value);
    else
        return cuda_block_reduce(fn, value);
}

#endif

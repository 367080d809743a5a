/* Ops without structure on CUDA: y[k] = f(a[k], b[k], ...), or added to y[k]. A thread computes four neighbouring
 * elements, as one vector where all operands are aligned to it; the bits of an element depend on neither. y may be any
 * of the inputs. C++17. */
#ifndef KERNELS_CUDA_MAP_CUH
#define KERNELS_CUDA_MAP_CUH

#include "kernels/cuda_kernel.cuh"

constexpr int CUDA_VECTOR = 4;

static inline bool cuda_is_aligned(const void *at) { return reinterpret_cast<uintptr_t>(at) % sizeof(float4) == 0; }

__device__ __forceinline__ float4 cuda_load4(const float *at) { return *reinterpret_cast<const float4 *>(at); }
__device__ __forceinline__ void cuda_store4(float *at, float4 v) { *reinterpret_cast<float4 *>(at) = v; }
__device__ __forceinline__ float4 cuda_add4(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

template <typename F, typename... V> __device__ __forceinline__ float4 cuda_apply4(F f, V... v) {
    return make_float4(f(v.x...), f(v.y...), f(v.z...), f(v.w...));
}

template <typename F, typename... In>
__global__ void cuda_map_elements(F f, int64_t n, bool add, bool aligned, float *y, const In *...x) {
    const int64_t first = CUDA_VECTOR * cuda_thread();
    if (aligned && first + CUDA_VECTOR <= n) {
        const float4 v = cuda_apply4(f, cuda_load4(x + first)...);
        cuda_store4(y + first, add ? cuda_add4(cuda_load4(y + first), v) : v);
    } else {
        for (int64_t k = first; k < n && k < first + CUDA_VECTOR; k++) {
            const float v = f(x[k]...);
            y[k] = add ? y[k] + v : v;
        }
    }
}

/* f is a struct with `__device__ float operator()(float, ...) const`; x: float arrays of n elements. */
template <typename F, typename... In> Err cuda_map(const OpCall *call, F f, int64_t n, bool add, void *y, In... x) {
    const bool aligned = (cuda_is_aligned(y) && ... && cuda_is_aligned(x));
    return cuda_run(call, cuda_map_elements<F, decltype(x, float())...>, cuda_blocks(n, CUDA_BLOCK * CUDA_VECTOR), f, n,
                    add, aligned, static_cast<float *>(y), static_cast<const float *>(x)...);
}

/* y[0] of the call, and dx[0] or an addition to it, over the elements of x[0]. */
template <typename F, typename... In> Err cuda_map_y(const OpCall *call, F f, In... x) {
    return cuda_map(call, f, shape_count(&call->spec->y[0]), false, call->y[0], x...);
}
template <typename F, typename... In> Err cuda_map_dx(const OpCall *call, F f, In... x) {
    return cuda_map(call, f, shape_count(&call->spec->x[0]), (call->accumulate & OP_X(0)) != 0, call->dx[0], x...);
}

#endif

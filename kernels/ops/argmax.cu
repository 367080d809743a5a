/* argmax on CUDA: see argmax.c. */
#include "kernels/cuda_rows.cuh"

/* The better of two: NaNs lose against all, of equals the first wins. */
struct ArgmaxBest {
    float value;
    int index; /* -1: a NaN, or nothing */

    __device__ void take(float v, int i) {
        if (i >= 0 && v == v && (index < 0 || v > value || (v == value && i < index))) value = v, index = i;
    }
};

template <int THREADS> __global__ void argmax_rows(int64_t n_rows, int64_t n, int32_t *y, const float *x) {
    const int64_t row = cuda_row<THREADS>();
    if (row >= n_rows) return;
    ArgmaxBest best = {0.0f, -1};
    for (int64_t k = cuda_row_thread<THREADS>(); k < n; k += THREADS) best.take(x[row * n + k], static_cast<int>(k));
    for (int step = CUDA_WARP / 2; step > 0; step /= 2) {
        const float value = __shfl_xor_sync(CUDA_ALL_LANES, best.value, step);
        const int index = __shfl_xor_sync(CUDA_ALL_LANES, best.index, step);
        best.take(value, index);
    }
    if constexpr (THREADS == CUDA_BLOCK) {
        SHARED(ArgmaxBest, part, [CUDA_BLOCK / CUDA_WARP]);
        if (threadIdx.x % CUDA_WARP == 0) part[threadIdx.x / CUDA_WARP] = best;
        __syncthreads();
        for (int w = 0; w < CUDA_BLOCK / CUDA_WARP; w++) best.take(part[w].value, part[w].index);
    }
    if (cuda_row_thread<THREADS>() == 0) y[row] = best.index < 0 ? 0 : best.index;
}

static Err fwd(const OpCall *call) {
    const Shape *x = &call->spec->x[0];
    return cuda_run_rows(call, argmax_rows<CUDA_WARP>, argmax_rows<CUDA_BLOCK>, shape_rows(x), shape_last(x),
                         static_cast<int32_t *>(call->y[0]), static_cast<const float *>(call->x[0]));
}

OP_CUDA(argmax, fwd, nullptr);

/* log_softmax on CUDA: see log_softmax.c. A row is read three times, of which the first comes from memory. */
#include "kernels/cuda_rows.cuh"
#include "kernels/vmath.h"

/* y may be x: a thread writes the elements that it alone reads after the sum. */
template <int THREADS> __global__ void log_softmax_forward(int64_t n_rows, int64_t n, float *y, const float *x) {
    const int64_t row = cuda_row<THREADS>(), first = cuda_row_thread<THREADS>();
    if (row >= n_rows) return;
    x += row * n;
    y += row * n;
    float largest = -INFINITY, sum = 0.0f;
    for (int64_t k = first; k < n; k += THREADS) largest = fmaxf(largest, x[k]);
    largest = cuda_reduce<THREADS>(CudaMax{}, largest);
    for (int64_t k = first; k < n; k += THREADS) sum += vmath_exp(x[k] - largest);
    const float log_sum = vmath_log(cuda_reduce<THREADS>(CudaAdd{}, sum));
    for (int64_t k = first; k < n; k += THREADS) y[k] = (x[k] - largest) - log_sum;
}

/* dx may be dy. */
template <int THREADS>
__global__ void log_softmax_backward(int64_t n_rows, int64_t n, bool add, float *dx, const float *dy, const float *y) {
    const int64_t row = cuda_row<THREADS>(), first = cuda_row_thread<THREADS>();
    if (row >= n_rows) return;
    dx += row * n;
    dy += row * n;
    y += row * n;
    float sum = 0.0f;
    for (int64_t k = first; k < n; k += THREADS) sum += dy[k];
    sum = cuda_reduce<THREADS>(CudaAdd{}, sum);
    for (int64_t k = first; k < n; k += THREADS) {
        const float v = dy[k] - vmath_exp(y[k]) * sum;
        dx[k] = add ? dx[k] + v : v;
    }
}

static Err fwd(const OpCall *call) {
    const Shape *x = &call->spec->x[0];
    return cuda_run_rows(call, log_softmax_forward<CUDA_WARP>, log_softmax_forward<CUDA_BLOCK>, shape_rows(x),
                         shape_last(x), static_cast<float *>(call->y[0]), static_cast<const float *>(call->x[0]));
}

static Err bwd(const OpCall *call) {
    const Shape *x = &call->spec->x[0];
    return cuda_run_rows(call, log_softmax_backward<CUDA_WARP>, log_softmax_backward<CUDA_BLOCK>, shape_rows(x),
                         shape_last(x), (call->accumulate & OP_X(0)) != 0, static_cast<float *>(call->dx[0]),
                         static_cast<const float *>(call->dy[0]), static_cast<const float *>(call->y[0]));
}

OP_CUDA(log_softmax, fwd, bwd);

/* cross_entropy on CUDA: see cross_entropy.c. The device cannot refuse a label: one beyond the classes gives a loss of
 * NaN, which ends a training as diverged. */
#include "kernels/cuda_rows.cuh"
#include "kernels/vmath.h"

enum { LOGITS, LABEL, INV_COUNT };
enum { LOSS, LOG_Z };

template <int THREADS>
__global__ void cross_entropy_forward(int64_t n_rows, int64_t n, float *loss, float *log_z, const float *x,
                                      const int32_t *label) {
    const int64_t row = cuda_row<THREADS>(), first = cuda_row_thread<THREADS>();
    if (row >= n_rows) return;
    const int32_t right = label[row];
    x += row * n;
    float largest = -INFINITY, sum = 0.0f;
    for (int64_t k = first; k < n && right >= 0; k += THREADS) largest = fmaxf(largest, x[k]);
    largest = cuda_reduce<THREADS>(CudaMax{}, largest);
    for (int64_t k = first; k < n && right >= 0; k += THREADS) sum += vmath_exp(x[k] - largest);
    sum = cuda_reduce<THREADS>(CudaAdd{}, sum);
    if (first > 0) return;
    const float log_sum = vmath_log(sum);
    loss[row] = right < 0 ? 0.0f : right < n ? log_sum - (x[right] - largest) : NAN;
    log_z[row] = right < 0 ? 0.0f : largest + log_sum;
}

/* Element by element. */
__global__ void cross_entropy_backward(int64_t n_elements, int64_t n, bool add, float *dx, const float *x,
                                       const float *log_z, const int32_t *label, const float *dloss,
                                       const float *inv_count) {
    const int64_t i = cuda_thread();
    if (i >= n_elements) return;
    const int64_t row = cuda_divide(i, n), k = i - row * n;
    const int32_t right = label[row];
    const float scale = *dloss * *inv_count;
    float d = right < 0 ? 0.0f : scale * vmath_exp(x[i] - log_z[row]);
    if (right == k) d -= scale;
    dx[i] = add ? dx[i] + d : d;
}

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const Shape *x = &call->spec->x[LOGITS];
    float *loss = static_cast<float *>(call->scratch);
    TRY(cuda_run_rows(call, cross_entropy_forward<CUDA_WARP>, cross_entropy_forward<CUDA_BLOCK>, shape_rows(x),
                      shape_last(x), loss, static_cast<float *>(call->y[LOG_Z]),
                      static_cast<const float *>(call->x[LOGITS]), static_cast<const int32_t *>(call->x[LABEL])));
    TRY(cuda_total(call, call->y[LOSS], loss, shape_rows(x), call->x[INV_COUNT]));
done:
    return err;
}

static Err bwd(const OpCall *call) {
    const int64_t n = shape_count(&call->spec->x[LOGITS]);
    return cuda_run(call, cross_entropy_backward, cuda_blocks(n, CUDA_BLOCK), n, shape_last(&call->spec->x[LOGITS]),
                    (call->accumulate & OP_X(LOGITS)) != 0, static_cast<float *>(call->dx[LOGITS]),
                    static_cast<const float *>(call->x[LOGITS]), static_cast<const float *>(call->y[LOG_Z]),
                    static_cast<const int32_t *>(call->x[LABEL]), static_cast<const float *>(call->dy[LOSS]),
                    static_cast<const float *>(call->x[INV_COUNT]));
}

OP_CUDA(cross_entropy, fwd, bwd);

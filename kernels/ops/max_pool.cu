/* max_pool on CUDA: see max_pool.c. A thread has one element of y, or one of dx, for which it looks at all windows that
 * hold it, in order. */
#include "kernels/cuda_kernel.cuh"
#include "kernels/ops.h"

enum { Y, INDEX };

struct MaxPoolSize {
    PoolAttr a;
    int64_t h, w, c, ho, wo;
};

/* Element k of a tensor [N,H,W,C]. */
struct MaxPoolPlace {
    int64_t n, h, w, c;
};

__device__ __forceinline__ MaxPoolPlace max_pool_place(int64_t k, int64_t h, int64_t w, int64_t c) {
    const int64_t pixel = cuda_divide(k, c), row = cuda_divide(pixel, w), n = cuda_divide(row, h);
    return {n, row - n * h, pixel - row * w, k - pixel * c};
}

__global__ void max_pool_forward(MaxPoolSize s, int64_t n_elements, float *y, int32_t *index, const float *x) {
    const int64_t k = cuda_thread();
    if (k >= n_elements) return;
    const MaxPoolPlace at = max_pool_place(k, s.ho, s.wo, s.c);
    const int64_t h0 = at.h * s.a.stride_h - s.a.pad_top, w0 = at.w * s.a.stride_w - s.a.pad_left;
    float best = 0.0f;
    int32_t from = -1;
    for (int32_t kh = 0; kh < s.a.kernel_h; kh++)
        for (int32_t kw = 0; kw < s.a.kernel_w; kw++) {
            const int64_t h = h0 + kh, w = w0 + kw;
            if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
            const float v = x[((at.n * s.h + h) * s.w + w) * s.c + at.c];
            if (from < 0 || v > best) best = v, from = kh * s.a.kernel_w + kw;
        }
    y[k] = best;
    index[k] = from;
}

/* The first window, along one axis, that reaches place i of the padded image. */
__device__ __forceinline__ int64_t max_pool_first(int64_t i, int32_t kernel, int32_t stride) {
    return i < kernel ? 0 : cuda_divide(i - kernel, stride) + 1;
}

__global__ void max_pool_backward(MaxPoolSize s, int64_t n_elements, bool add, float *dx, const float *dy,
                                  const int32_t *index) {
    const int64_t k = cuda_thread();
    if (k >= n_elements) return;
    const MaxPoolPlace at = max_pool_place(k, s.h, s.w, s.c);
    const int64_t h = at.h + s.a.pad_top, w = at.w + s.a.pad_left;
    float sum = add ? dx[k] : 0.0f;
    for (int64_t ho = max_pool_first(h, s.a.kernel_h, s.a.stride_h); ho < s.ho && ho * s.a.stride_h <= h; ho++)
        for (int64_t wo = max_pool_first(w, s.a.kernel_w, s.a.stride_w); wo < s.wo && wo * s.a.stride_w <= w; wo++) {
            const int64_t from = ((at.n * s.ho + ho) * s.wo + wo) * s.c + at.c;
            const int64_t place = (h - ho * s.a.stride_h) * s.a.kernel_w + (w - wo * s.a.stride_w);
            sum += index[from] == place ? dy[from] : 0.0f;
        }
    dx[k] = sum;
}

static MaxPoolSize size_of(const OpSpec *spec) {
    const int64_t *in = spec->x[0].dim, *out = spec->y[Y].dim;
    return {*static_cast<const PoolAttr *>(spec->attr), in[1], in[2], in[3], out[1], out[2]};
}

static Err fwd(const OpCall *call) {
    const int64_t n = shape_count(&call->spec->y[Y]);
    return cuda_run(call, max_pool_forward, cuda_blocks(n, CUDA_BLOCK), size_of(call->spec), n,
                    static_cast<float *>(call->y[Y]), static_cast<int32_t *>(call->y[INDEX]),
                    static_cast<const float *>(call->x[0]));
}

static Err bwd(const OpCall *call) {
    const int64_t n = shape_count(&call->spec->x[0]);
    return cuda_run(call, max_pool_backward, cuda_blocks(n, CUDA_BLOCK), size_of(call->spec), n,
                    (call->accumulate & OP_X(0)) != 0, static_cast<float *>(call->dx[0]),
                    static_cast<const float *>(call->dy[Y]), static_cast<const int32_t *>(call->y[INDEX]));
}

OP_CUDA(max_pool, fwd, bwd);

/* cuBLAS, as far as this project calls it. */
#include <cublas_v2.h>

#include <set>

#include "tests/emu/emu.hpp"

struct cublasContext {
    cudaStream_t stream;
    void *workspace;
    size_t workspace_bytes;
    cublasMath_t mode;
};

namespace emu {

void plugin_ends();
static std::set<cublasHandle_t> handles;

/* One product, or several at fixed distances. */
struct Product {
    bool trans_a, trans_b;
    int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, count;
    float alpha, beta;
    const float *a, *b;
    float *c;
    bool tf32;
};

/* As tensor cores take a factor: ten bits of its mantissa, the nearest. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000u) == 0x7f800000u) return x;
    bits = (bits + 0xfffu + (bits >> 13 & 1)) & 0xffffe000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Floats from the first to the last element of a matrix of rows x cols, columns ld apart. */
static int64_t extent(int64_t rows, int64_t cols, int64_t ld) {
    return rows == 0 || cols == 0 ? 0 : (cols - 1) * ld + rows;
}

static bool is_inside(const float *matrix, int64_t rows, int64_t cols, int64_t ld, int64_t stride, int64_t count) {
    const int64_t floats = extent(rows, cols, ld);
    return floats == 0 || count == 0 || on_device(matrix, (size_t)(stride * (count - 1) + floats) * sizeof(float));
}

static cublasStatus_t check(const Product &p) {
    const int64_t rows_a = p.trans_a ? p.k : p.m, rows_b = p.trans_b ? p.n : p.k;
    if (p.m < 0 || p.n < 0 || p.k < 0 || p.count < 0) return CUBLAS_STATUS_INVALID_VALUE;
    if (p.lda < (rows_a > 1 ? rows_a : 1) || p.ldb < (rows_b > 1 ? rows_b : 1) || p.ldc < (p.m > 1 ? p.m : 1))
        return CUBLAS_STATUS_INVALID_VALUE;
    /* Products that overlap each other's results are cuBLAS's undefined behaviour. */
    if (p.count > 1 && (p.stride_c < extent(p.m, p.n, p.ldc) || p.stride_a < 0 || p.stride_b < 0))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (p.m == 0 || p.n == 0 || p.count == 0) return CUBLAS_STATUS_SUCCESS;
    if (!is_inside(p.a, rows_a, p.trans_a ? p.m : p.k, p.lda, p.stride_a, p.count) ||
        !is_inside(p.b, rows_b, p.trans_b ? p.k : p.n, p.ldb, p.stride_b, p.count) ||
        !is_inside(p.c, p.m, p.n, p.ldc, p.stride_c, p.count))
        die("a product of cuBLAS, %lld x %lld x %lld, reaches outside an allocation", (long long)p.m, (long long)p.n,
            (long long)p.k);
    return CUBLAS_STATUS_SUCCESS;
}

/* Column by column of C, in order of k, each column of op(A) times one number. */
static void multiply(const Product &p, const float *a, const float *b, float *c) {
    std::vector<float> columns, sum((size_t)p.m);
    if (p.trans_a) { /* so that the innermost loop runs along memory */
        columns.resize((size_t)(p.m * p.k));
        for (int64_t i = 0; i < p.m; i++)
            for (int64_t l = 0; l < p.k; l++) columns[(size_t)(l * p.m + i)] = a[i * p.lda + l];
        a = columns.data();
    }
    const int64_t lda = p.trans_a ? p.m : p.lda;
    for (int64_t j = 0; j < p.n; j++) {
        for (int64_t i = 0; i < p.m; i++) sum[(size_t)i] = 0.0f;
        for (int64_t l = 0; l < p.k; l++) {
            const float factor = p.trans_b ? b[l * p.ldb + j] : b[j * p.ldb + l];
            if (p.tf32)
                for (int64_t i = 0; i < p.m; i++) sum[(size_t)i] += to_tf32(a[l * lda + i]) * to_tf32(factor);
            else
                for (int64_t i = 0; i < p.m; i++) sum[(size_t)i] += a[l * lda + i] * factor;
        }
        for (int64_t i = 0; i < p.m; i++) {
            float *at = &c[j * p.ldc + i];
            *at = p.alpha * sum[(size_t)i] + (p.beta == 0.0f ? 0.0f : p.beta * *at);
        }
    }
}

static cublasStatus_t run(cublasHandle_t handle, Product p) {
    if (int code = injected()) return static_cast<cublasStatus_t>(code);
    if (handles.count(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
    const cublasStatus_t status = check(p);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    if (handle->workspace_bytes == 0) stats.n_hidden++;
    p.tf32 = handle->mode == CUBLAS_TF32_TENSOR_OP_MATH;
    tell({nullptr, {}, {}, 0, p.n, p.m, p.k, p.count}); /* in rows */
    const cudaError_t code = submit(handle->stream, [p] {
        stats.n_gemms++;
        for (int64_t i = 0; i < p.count; i++)
            multiply(p, p.a + i * p.stride_a, p.b + i * p.stride_b, p.c + i * p.stride_c);
    });
    return code == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

} // namespace emu

using namespace emu;

#define BLAS_CALL(handle)                                                                                              \
    do {                                                                                                               \
        if (int emu_code = emu::injected()) return static_cast<cublasStatus_t>(emu_code);                              \
        if (handles.count(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;                                          \
    } while (0)

cublasStatus_t cublasCreate(cublasHandle_t *out) {
    *out = nullptr;
    if (int code = injected()) return static_cast<cublasStatus_t>(code);
    *out = new cublasContext{};
    handles.insert(*out);
    stats.n_live++;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    BLAS_CALL(handle);
    plugin_ends();
    handles.erase(handle);
    delete handle;
    stats.n_live--;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int *value) {
    *value = type == MAJOR_VERSION ? 13 : 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion(cublasHandle_t handle, int *version) {
    BLAS_CALL(handle);
    *version = 130000;
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status) {
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
    return "an unknown status";
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    BLAS_CALL(handle);
    if (!is_stream(stream)) return CUBLAS_STATUS_INVALID_VALUE;
    *handle = {stream, nullptr, 0, handle->mode};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes) {
    BLAS_CALL(handle);
    if (reinterpret_cast<uintptr_t>(workspace) % 256 != 0 || !on_device(workspace, bytes))
        return CUBLAS_STATUS_INVALID_VALUE;
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    BLAS_CALL(handle);
    if (mode != CUBLAS_DEFAULT_MATH && mode != CUBLAS_PEDANTIC_MATH && mode != CUBLAS_TF32_TENSOR_OP_MATH)
        return CUBLAS_STATUS_INVALID_VALUE;
    handle->mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t) {
    BLAS_CALL(handle);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSgemm_64(cublasHandle_t handle, cublasOperation_t trans_a, cublasOperation_t trans_b, int64_t m,
                              int64_t n, int64_t k, const float *alpha, const float *a, int64_t lda, const float *b,
                              int64_t ldb, const float *beta, float *c, int64_t ldc) {
    return run(handle, {trans_a != CUBLAS_OP_N, trans_b != CUBLAS_OP_N, m, n, k, lda, ldb, ldc, 0, 0, 0, 1, *alpha,
                        *beta, a, b, c, false});
}

cublasStatus_t cublasSgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t trans_a, cublasOperation_t trans_b,
                                            int64_t m, int64_t n, int64_t k, const float *alpha, const float *a,
                                            int64_t lda, long long stride_a, const float *b, int64_t ldb,
                                            long long stride_b, const float *beta, float *c, int64_t ldc,
                                            long long stride_c, int64_t batch_count) {
    return run(handle, {trans_a != CUBLAS_OP_N, trans_b != CUBLAS_OP_N, m, n, k, lda, ldb, ldc, stride_a, stride_b,
                        stride_c, batch_count, *alpha, *beta, a, b, c, false});
}

/* A row-major matrix is the column-major one's transpose: C = A B is cuBLAS's C' = B' A'. */
#include "kernels/cuda_gemm.cuh"

static cublasOperation_t operation(bool trans) { return trans ? CUBLAS_OP_T : CUBLAS_OP_N; }

Err cuda_gemm(const OpCall *call, const Gemm *g, const void *a, const void *b, void *c) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_of(call);
    const float one = 1.0f, beta = g->add ? 1.0f : 0.0f;
    CUDA_BLAS_TRY(cublasSgemm_64(cuda->blas, operation(g->trans_b), operation(g->trans_a), g->n, g->m, g->k, &one,
                                 static_cast<const float *>(b), g->ldb, static_cast<const float *>(a), g->lda, &beta,
                                 static_cast<float *>(c), g->ldc));
done:
    return err;
}

Err cuda_gemm_batch(const OpCall *call, const Gemm *g, int64_t n, const void *a, int64_t stride_a, const void *b,
                    int64_t stride_b, void *c, int64_t stride_c) {
    Err err = ERR_OK;
    const Cuda *cuda = cuda_of(call);
    const float one = 1.0f, beta = g->add ? 1.0f : 0.0f;
    CUDA_BLAS_TRY(cublasSgemmStridedBatched_64(cuda->blas, operation(g->trans_b), operation(g->trans_a), g->n, g->m,
                                               g->k, &one, static_cast<const float *>(b), g->ldb, stride_b,
                                               static_cast<const float *>(a), g->lda, stride_a, &beta,
                                               static_cast<float *>(c), g->ldc, stride_c, n));
done:
    return err;
}

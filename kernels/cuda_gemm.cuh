/* Matrix products on CUDA: kernels/gemm.h's row-major convention over cuBLAS, which is column-major. cuBLAS's workspace
 * is the context's; no scratch is needed. The bits depend on the device's model and on cuBLAS's version. C++17. */
#ifndef KERNELS_CUDA_GEMM_CUH
#define KERNELS_CUDA_GEMM_CUH

#include "kernels/cuda_context.cuh"
#include "kernels/gemm.h"

/* C = op(A) op(B), or C += with g->add, as gemm_run. k == 0 gives zeros. */
Err cuda_gemm(const OpCall *call, const Gemm *g, const void *a, const void *b, void *c);

/* n such products, the operands of each at these distances (in floats) from those of the one before; a distance of 0
 * repeats a factor. */
Err cuda_gemm_batch(const OpCall *call, const Gemm *g, int64_t n, const void *a, int64_t stride_a, const void *b,
                    int64_t stride_b, void *c, int64_t stride_c);

#endif

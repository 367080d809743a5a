/* Functions of CUDA's own headers, which are C++, for tests in C. */
#ifndef TESTS_EMU_CALLS_H
#define TESTS_EMU_CALLS_H

#include "kernels/gemm.h"
#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cuda_gemm and cuda_gemm_batch. */
Err call_gemm(const OpCall *call, const Gemm *g, const void *a, const void *b, void *c) MUST_CHECK;
Err call_gemm_batch(const OpCall *call, const Gemm *g, int64_t n, const void *a, int64_t stride_a, const void *b,
                    int64_t stride_b, void *c, int64_t stride_c) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

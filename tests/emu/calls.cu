#include "tests/emu/calls.h"

#include "kernels/cuda_gemm.cuh"

Err call_gemm(const OpCall *call, const Gemm *g, const void *a, const void *b, void *c) {
    return cuda_gemm(call, g, a, b, c);
}

Err call_gemm_batch(const OpCall *call, const Gemm *g, int64_t n, const void *a, int64_t stride_a, const void *b,
                    int64_t stride_b, void *c, int64_t stride_c) {
    return cuda_gemm_batch(call, g, n, a, stride_a, b, stride_b, c, stride_c);
}

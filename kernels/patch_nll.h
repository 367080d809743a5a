/* The CPU kernels of patch_nll (kernels/ops/patch_nll.c says what it computes). Depends on op.h, patch. */
#ifndef KERNELS_PATCH_NLL_H
#define KERNELS_PATCH_NLL_H

#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/patch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs, outputs and saved tensors. */
enum {
    NLL_MASK,
    NLL_BOX,
    NLL_CENTRE_X,
    NLL_CENTRE_Y,
    NLL_GLIMPSE,
    NLL_W_GLIMPSE,
    NLL_W_PIXEL,
    NLL_BIAS,
    NLL_INV_COUNT,
    NLL_IMAGE,
    NLL_MAP,
    NLL_N_X
};
enum { NLL_LOSS, NLL_DU, NLL_DW_PIXEL, NLL_DMAP };

/* Where the pixels come from, map or image, and what says where to look. */
static inline PatchInputs patch_nll_inputs(const OpSpec *spec) {
    return (PatchInputs){infer_has(spec, NLL_MAP) ? NLL_MAP : NLL_IMAGE, NLL_MASK, NLL_BOX, NLL_CENTRE_X, NLL_CENTRE_Y};
}

/* As in struct Op, for the CPU and for CUDA. */
size_t patch_nll_scratch_bytes(const OpSpec *spec, bool backward, uint32_t wanted, int shards);
size_t patch_nll_cuda_bytes(const OpSpec *spec, bool backward, uint32_t wanted);
int64_t patch_nll_flops(const OpSpec *spec, bool backward);
Err patch_nll_fwd(const OpCall *call) MUST_CHECK;
Err patch_nll_bwd(const OpCall *call) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

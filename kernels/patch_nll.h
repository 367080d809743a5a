/* The CPU kernels of patch_nll (kernels/ops/patch_nll.c says what it computes), and what its CUDA kernels take as
 * scratch. Depends on op.h, patch. */
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

/* As in struct Op, for the CPU. */
size_t patch_nll_scratch_bytes(const OpSpec *spec, bool backward, uint32_t wanted, int shards);
int64_t patch_nll_flops(const OpSpec *spec, bool backward);
Err patch_nll_fwd(const OpCall *call) MUST_CHECK;
Err patch_nll_bwd(const OpCall *call) MUST_CHECK;

/* ---- CUDA ---- */

/* A step's gradients are made for so many classes at a time, by at most so many blocks where each keeps a dw_pixel;
 * pixels of so many channels are multiplied as they come. */
enum { PATCH_NLL_SLAB = 256, PATCH_NLL_BLOCKS = 2048, PATCH_NLL_CHANNELS = 3 };

/* What is kept of a pixel of a step where its energies are computed more than once: exp(e - shift) scale is the
 * softmax, times the number of pixels that this one stands for. */
typedef struct PatchNllPixel {
    float shift, scale;
    int32_t label; /* -1: left out */
} PatchNllPixel;

/* NULL where there is no need, and everywhere where base is NULL: then only sizes are told. */
typedef struct PatchNllScratch {
    float *u;              /* [T,N,K] */
    double *loss;          /* [T,N] */
    int64_t parts;         /* of all steps; one is a block's, or of more classes than a slab, several blocks' */
    float *dw_pixel;       /* [parts,C,K], of few channels */
    int64_t tile_rows;     /* of many channels: elements of the maps, all images', that are worked on at a time, */
    float *q, *dq;         /* [tile_rows,K] */
    PatchNllPixel *pixels; /* [T,N,P + 1], the last one for all that lie outside the image */
    float *du;             /* [T,N,K]: backward, scaled */
    void *sums;            /* of columns */
    size_t bytes;
} PatchNllScratch;
PatchNllScratch patch_nll_cuda_scratch(const OpSpec *spec, bool backward, uint32_t wanted, void *base);

#ifdef __cplusplus
}
#endif
#endif

/* patch_crop on CUDA: see patch_crop.c. Forward, a block has a part of one patch; backward, a part of one image, whose
 * elements look at all steps in order. */
#include "kernels/cuda_kernel.cuh"
#include "kernels/patch.h"

enum { IMAGE, MASK, BOX, CENTRE_X, CENTRE_Y };
enum { PATCH, LABEL };

struct PatchCropInputs {
    PatchCropAttr attr;
    PatchSize s;
    const float *image, *box, *centre_x, *centre_y;
    const int32_t *mask;
};

__device__ __forceinline__ void patch_crop_start(const PatchCropInputs &in, int64_t k, int64_t *start) {
    start[0] = patch_start(in.centre_y[k], in.attr.stride_y, in.attr.height);
    start[1] = patch_start(in.centre_x[k], in.attr.stride_x, in.attr.width);
}

__global__ void patch_crop_forward(PatchCropInputs in, int64_t chunks, float *patch, int32_t *label) {
    SHARED(int64_t, start, [2]);
    const PatchSize &s = in.s;
    const int64_t k = cuda_divide(blockIdx.x, chunks), n = k % s.n, pixels = s.patch_h * s.patch_w;
    const int64_t e = (blockIdx.x - k * chunks) * CUDA_BLOCK + threadIdx.x;
    if (threadIdx.x == 0) patch_crop_start(in, k, start);
    __syncthreads();
    if (e >= pixels * s.c) return;
    const int64_t pixel = cuda_divide(e, s.c), c = e - pixel * s.c, i = cuda_divide(pixel, s.patch_w);
    const int64_t row = start[0] + i, column = start[1] + (pixel - i * s.patch_w);
    const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
    patch[k * pixels * s.c + e] = inside ? in.image[((n * s.h + row) * s.w + column) * s.c + c] : 0.0f;
    if (c > 0) return;
    const float *box = in.box + 4 * k;
    int32_t found = -1;
    if (patch_has_box(box)) {
        const int32_t *mask = in.mask + n * s.mask_h * s.mask_w;
        found = inside ? patch_label(&in.attr, &s, mask, box, row, column) : in.attr.outside;
    }
    label[k * pixels + pixel] = found;
}

__global__ void patch_crop_backward(PatchCropInputs in, int64_t chunks, bool add, float *dimage, const float *dpatch) {
    SHARED(int64_t, start, [CUDA_BLOCK][2]);
    const PatchSize &s = in.s;
    const int64_t n = cuda_divide(blockIdx.x, chunks), size = s.h * s.w * s.c, pixels = s.patch_h * s.patch_w;
    const int64_t e = (blockIdx.x - n * chunks) * CUDA_BLOCK + threadIdx.x;
    const int64_t pixel = cuda_divide(e, s.c), c = e - pixel * s.c, h = cuda_divide(pixel, s.w), w = pixel - h * s.w;
    float sum = add && e < size ? dimage[n * size + e] : 0.0f;
    for (int64_t first = 0; first < s.t; first += CUDA_BLOCK) {
        const int64_t mine = first + threadIdx.x, steps = s.t - first < CUDA_BLOCK ? s.t - first : CUDA_BLOCK;
        if (mine < s.t) patch_crop_start(in, mine * s.n + n, start[threadIdx.x]);
        __syncthreads();
        for (int64_t t = 0; t < steps && e < size; t++) {
            const int64_t i = h - start[t][0], j = w - start[t][1], k = (first + t) * s.n + n;
            if (i < 0 || i >= s.patch_h || j < 0 || j >= s.patch_w) continue;
            sum += dpatch[(k * pixels + i * s.patch_w + j) * s.c + c];
        }
        __syncthreads(); /* before the next steps' starts are written */
    }
    if (e < size) dimage[n * size + e] = sum;
}

static PatchCropInputs inputs_of(const OpCall *call) {
    const PatchCropAttr *attr = static_cast<const PatchCropAttr *>(call->spec->attr);
    const PatchInputs inputs = {IMAGE, MASK, BOX, CENTRE_X, CENTRE_Y};
    return {*attr,
            patch_size(call->spec, attr, inputs),
            static_cast<const float *>(call->x[IMAGE]),
            static_cast<const float *>(call->x[BOX]),
            static_cast<const float *>(call->x[CENTRE_X]),
            static_cast<const float *>(call->x[CENTRE_Y]),
            static_cast<const int32_t *>(call->x[MASK])};
}

static Err fwd(const OpCall *call) {
    const PatchCropInputs in = inputs_of(call);
    const int64_t chunks = (in.s.patch_h * in.s.patch_w * in.s.c + CUDA_BLOCK - 1) / CUDA_BLOCK;
    return cuda_run(call, patch_crop_forward, cuda_blocks(in.s.t * in.s.n * chunks, 1), in, chunks,
                    static_cast<float *>(call->y[PATCH]), static_cast<int32_t *>(call->y[LABEL]));
}

static Err bwd(const OpCall *call) {
    const PatchCropInputs in = inputs_of(call);
    const int64_t chunks = (in.s.h * in.s.w * in.s.c + CUDA_BLOCK - 1) / CUDA_BLOCK;
    return cuda_run(call, patch_crop_backward, cuda_blocks(in.s.n * chunks, 1), in, chunks,
                    (call->accumulate & OP_X(IMAGE)) != 0, static_cast<float *>(call->dx[IMAGE]),
                    static_cast<const float *>(call->dy[PATCH]));
}

OP_CUDA(patch_crop, fwd, bwd);

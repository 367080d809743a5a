/* patch_nll on CUDA: see patch_nll.c. A block has one step, or one after the other: its pixels pass through shared
 * memory, a tile of CUDA_BLOCK at a time; a pixel's energies lie in the registers of 8 or 32 lanes, side by side, which
 * keep what their classes have added up of du and dw_pixel. An image's few channels are multiplied as they come, and
 * each block leaves a dw_pixel of its own, to be added up. Of many channels, q is a product, tile by tile of the map,
 * and dq is added up by threads that each have one element of it and look at all steps in order: they compute the
 * energies once more, but no sum of them. More classes than PATCH_NLL_SLAB are cut into slabs, a block for each, once a
 * first pass has made the sums. */
#include "kernels/cuda_broadcast.cuh"
#include "kernels/cuda_gemm.cuh"
#include "kernels/cuda_map.cuh"
#include "kernels/cuda_rows.cuh"
#include "kernels/patch_nll.h"
#include "kernels/vmath.h"

/* A lane has ROWS classes, as many as there are lanes apart. */
enum { SLAB = PATCH_NLL_SLAB, ROWS = SLAB / CUDA_WARP, NARROW = 8, WARPS = CUDA_BLOCK / CUDA_WARP };

struct PatchNllIn {
    PatchCropAttr crop;
    PatchSize s;
    int64_t classes;
    int64_t first,
        last; /* elements of the map, all images', that belong to this launch; first 0: all that lie outside */
    const int32_t *mask;
    const float *box, *centre_x, *centre_y;
    const float *u;              /* [T,N,K] */
    const float *image, *factor; /* few channels: w_pixel [C,K]; else q [last - first,K] */
};

struct PatchNllOut {
    float *du, *dw_pixel; /* [T,N,K], [parts,C,K]; dw_pixel NULL: of many channels */
    double *loss;         /* [T,N] */
    double scale;
    PatchNllPixel *pixels; /* [T,N,P + 1], NULL: nobody needs them */
};

/* ---- pixels ---- */

/* The pixels of a step's patch: n_rows x n_columns inside the image, from (top, left) on, and how many outside, if they
 * count. None, if there is no box. */
struct PatchNllWindow {
    int64_t row, column; /* of the patch */
    int64_t top, left, n_rows, n_columns, outside;

    __device__ int64_t inside() const { return n_rows * n_columns; }
    /* All outside are one. */
    __device__ int64_t n() const { return inside() + (outside > 0); }
};

__device__ __forceinline__ PatchNllWindow patch_nll_window(const PatchNllIn &in, int64_t step) {
    const PatchSize &s = in.s;
    PatchNllWindow w = {};
    int64_t first, last;
    if (!patch_has_box(in.box + 4 * step)) return w;
    w.row = patch_start(in.centre_y[step], in.crop.stride_y, in.crop.height);
    w.column = patch_start(in.centre_x[step], in.crop.stride_x, in.crop.width);
    patch_inside(w.row, s.patch_h, s.h, &first, &last);
    w.top = w.row + first;
    w.n_rows = last - first;
    patch_inside(w.column, s.patch_w, s.w, &first, &last);
    w.left = w.column + first;
    w.n_columns = last - first;
    if (in.first == 0 && in.crop.outside >= 0) w.outside = s.patch_h * s.patch_w - w.inside();
    return w;
}

/* A thread for each. CHANNELS 0: of many channels. */
template <int CHANNELS> struct PatchNllTile {
    int32_t label[CUDA_BLOCK]; /* -1: left out */
    float weight[CUDA_BLOCK];  /* how often it counts */
    int64_t at[CUDA_BLOCK];    /* row of q, -1 outside the image: zeros */
    float value[CHANNELS == 0 ? 1 : CHANNELS][CUDA_BLOCK];
    float shift[CUDA_BLOCK], sum[CUDA_BLOCK], scale[CUDA_BLOCK]; /* softmax: exp(e - shift) / sum, or times scale */
    float energy[CUDA_BLOCK];                                    /* of the label, shifted */
};

/* Puts pixel i of a step in this thread's place. Returns its number in the patch, or -1 if there is none. */
template <int CHANNELS>
__device__ __forceinline__ int64_t patch_nll_load(const PatchNllIn &in, const PatchNllWindow &w, int64_t step,
                                                  int64_t i, PatchNllTile<CHANNELS> &tile) {
    const PatchSize &s = in.s;
    const int64_t n = step % s.n;
    int64_t number = -1, at = -1;
    int32_t label = -1;
    float weight = 1.0f;
    if (i < w.inside()) {
        const int64_t below = cuda_divide(i, w.n_columns);
        const int64_t row = w.top + below, column = w.left + (i - below * w.n_columns);
        const int64_t position = (n * s.h + row) * s.w + column;
        if (position >= in.first && position < in.last) {
            at = position - in.first;
            number = (row - w.row) * s.patch_w + (column - w.column);
            label = patch_label(&in.crop, &s, in.mask + n * s.mask_h * s.mask_w, in.box + 4 * step, row, column);
        }
    } else if (i < w.n()) {
        number = s.patch_h * s.patch_w;
        label = in.crop.outside;
        weight = static_cast<float>(w.outside);
    }
    tile.label[threadIdx.x] = label;
    tile.weight[threadIdx.x] = weight;
    if constexpr (CHANNELS == 0) tile.at[threadIdx.x] = at;
    for (int c = 0; c < CHANNELS; c++) tile.value[c][threadIdx.x] = at >= 0 && c < s.c ? in.image[at * s.c + c] : 0.0f;
    return number;
}

/* u + q of pixel i of the tile. factor: this class's column of w_pixel or q, whose rows lie ld apart. */
template <int CHANNELS>
__device__ __forceinline__ float patch_nll_energy(const PatchNllIn &in, const PatchNllTile<CHANNELS> &tile, int i,
                                                  float u, const float *factor, int64_t ld) {
    float q = 0.0f;
    if constexpr (CHANNELS == 0)
        q = tile.at[i] < 0 ? 0.0f : factor[tile.at[i] * ld];
    else
        for (int c = 0; c < CHANNELS; c++)
            if (c < in.s.c) q = fmaf(tile.value[c][i], factor[c * ld], q);
    return u + q;
}

/* What this thread's pixel adds to the loss; keeps what was found out about it. */
template <int CHANNELS>
__device__ __forceinline__ double patch_nll_finish(const PatchNllTile<CHANNELS> &tile, PatchNllPixel *pixel) {
    const int t = static_cast<int>(threadIdx.x);
    const bool counts = tile.label[t] >= 0;
    const float weight = counts ? tile.weight[t] : 0.0f, sum = counts ? tile.sum[t] : 1.0f;
    if (pixel != nullptr) *pixel = {counts ? tile.shift[t] : 0.0f, weight / sum, tile.label[t]};
    return counts ? static_cast<double>(weight) * (vmath_log(sum) - static_cast<double>(tile.energy[t])) : 0.0;
}

__device__ __forceinline__ PatchNllPixel *patch_nll_pixel(const PatchNllIn &in, PatchNllPixel *pixels, int64_t step,
                                                          int64_t number) {
    return pixels == nullptr || number < 0 ? nullptr : pixels + step * (in.s.patch_h * in.s.patch_w + 1) + number;
}

__device__ __forceinline__ void patch_nll_put_loss(const PatchNllIn &in, const PatchNllOut &out, int64_t step,
                                                   double loss) {
    loss = cuda_block_reduce(CudaAdd{}, loss);
    if (threadIdx.x == 0) out.loss[step] = (in.first == 0 ? 0.0 : out.loss[step]) + out.scale * loss;
}

/* ---- the gradients of a step ---- */

/* What a lane has: class lane + r LANES of the slab in row r. */
template <int LANES, int CHANNELS> struct PatchNllLane {
    int lane, n_classes; /* of the slab */
    float u[ROWS], du[ROWS], dw[CHANNELS == 0 ? 1 : CHANNELS][ROWS];

    __device__ int class_of(int r) const { return lane + r * LANES; }
    __device__ bool has(int r) const { return class_of(r) < n_classes; }
};

template <int LANES, typename Fn> __device__ __forceinline__ float patch_nll_reduce(Fn fn, float value) {
    for (int step = LANES / 2; step > 0; step /= 2) value = fn(value, __shfl_xor_sync(CUDA_ALL_LANES, value, step));
    return value;
}

/* Pixel i of the tile. All lanes of the warp must come here, each group of LANES with a pixel of its own. GIVEN: its
 * shift and scale are known. factor: of the slab. */
template <int LANES, int CHANNELS, bool TANH, bool GIVEN>
__device__ __forceinline__ void patch_nll_add(const PatchNllIn &in, PatchNllTile<CHANNELS> &tile, int i, int64_t first,
                                              const float *factor, int64_t ld, PatchNllLane<LANES, CHANNELS> &my) {
    const bool counts = tile.label[i] >= 0;
    const int64_t label = tile.label[i] - first;
    const float weight = counts ? tile.weight[i] : 0.0f;
    float e[ROWS], shift = GIVEN && counts ? tile.shift[i] : TANH ? 0.0f : -INFINITY, sum = 0.0f, slope = 1.0f;
    if (!__any_sync(CUDA_ALL_LANES, counts)) return;
    for (int r = 0; r < ROWS; r++) {
        e[r] = 0.0f;
        if (!my.has(r)) continue;
        e[r] = patch_nll_energy(in, tile, i, my.u[r], factor + my.class_of(r), ld);
        if (TANH) e[r] = vmath_tanh(e[r]);
        if (!TANH && !GIVEN) shift = fmaxf(shift, e[r]);
    }
    if (!TANH && !GIVEN) shift = patch_nll_reduce<LANES>(CudaMax{}, shift);
    for (int r = 0; r < ROWS; r++) {
        if (!my.has(r)) continue;
        const float power = TANH ? vmath_exp_unit(e[r]) : vmath_exp(e[r] - shift), d = TANH ? 1.0f - e[r] * e[r] : 1.0f;
        if (my.class_of(r) == label) {
            slope = d;
            if (!GIVEN) tile.energy[i] = e[r] - shift;
        }
        sum += power;
        e[r] = power * d;
    }
    if (!GIVEN) sum = patch_nll_reduce<LANES>(CudaAdd{}, sum);
    const float scale = GIVEN ? tile.scale[i] : weight / sum;
    if (!GIVEN && my.lane == 0) tile.sum[i] = sum, tile.shift[i] = shift;
    for (int r = 0; r < ROWS; r++) {
        if (!counts || !my.has(r)) continue;
        const float d = e[r] * scale - (my.class_of(r) == label ? slope * weight : 0.0f);
        my.du[r] += d;
        for (int c = 0; c < CHANNELS; c++)
            if (c < in.s.c) my.dw[c][r] = fmaf(tile.value[c][i], d, my.dw[c][r]);
    }
}

/* The sum over the block's groups of lanes of class threadIdx.x, for as many threads as a group has classes: groups of
 * a warp in a tree, warps in order. All threads of the block must come here. */
template <int LANES> __device__ __forceinline__ float patch_nll_sum(const float *value) {
    SHARED(float, part, [WARPS][SLAB]);
    const int t = static_cast<int>(threadIdx.x), lane = t % CUDA_WARP;
    for (int r = 0; r < ROWS; r++) {
        float v = value[r];
        for (int step = LANES; step < CUDA_WARP; step *= 2) v += __shfl_xor_sync(CUDA_ALL_LANES, v, step);
        if (lane < LANES) part[t / CUDA_WARP][r * LANES + lane] = v;
    }
    __syncthreads();
    float sum = 0.0f;
    for (int w = 0; w < WARPS && t < LANES * ROWS; w++) sum += part[w][t];
    __syncthreads(); /* before part is written again */
    return sum;
}

/* w_pixel's slab, in shared memory; q's where it is. */
template <int CHANNELS>
__device__ __forceinline__ const float *patch_nll_factor(const PatchNllIn &in, int64_t first, int n_classes,
                                                         int64_t *ld) {
    if constexpr (CHANNELS == 0) {
        *ld = in.classes;
        return in.factor + first;
    } else {
        SHARED(float, w, [CHANNELS * SLAB]);
        const int k = static_cast<int>(threadIdx.x);
        for (int c = 0; c < CHANNELS; c++)
            if (c < in.s.c && k < n_classes) w[c * SLAB + k] = in.factor[c * in.classes + first + k];
        *ld = SLAB;
        return w;
    }
}

/* One step: du, and unless GIVEN the loss; adds to the lanes' dw. */
template <int LANES, int CHANNELS, bool TANH, bool GIVEN>
__device__ __forceinline__ void patch_nll_do_step(const PatchNllIn &in, const PatchNllOut &out, int64_t step,
                                                  int64_t first, const float *factor, int64_t ld,
                                                  PatchNllLane<LANES, CHANNELS> &my) {
    using Tile = PatchNllTile<CHANNELS>;
    SHARED(Tile, tile);
    const int t = static_cast<int>(threadIdx.x), group = t / LANES, groups = CUDA_BLOCK / LANES;
    const PatchNllWindow window = patch_nll_window(in, step);
    double loss = 0.0;
    for (int r = 0; r < ROWS; r++) {
        my.u[r] = my.has(r) ? in.u[step * in.classes + first + my.class_of(r)] : 0.0f;
        my.du[r] = 0.0f;
    }
    for (int64_t start = 0; start < window.n(); start += CUDA_BLOCK) {
        const int64_t number = patch_nll_load(in, window, step, start + t, tile);
        PatchNllPixel *const pixel = patch_nll_pixel(in, out.pixels, step, number);
        if (GIVEN && pixel != nullptr) tile.shift[t] = pixel->shift, tile.scale[t] = pixel->scale;
        __syncthreads();
        for (int i = group; i - group < window.n() - start && i < CUDA_BLOCK; i += groups)
            patch_nll_add<LANES, CHANNELS, TANH, GIVEN>(in, tile, i, first, factor, ld, my);
        __syncthreads();
        if (!GIVEN) loss += patch_nll_finish(tile, pixel);
    }
    if (!GIVEN) patch_nll_put_loss(in, out, step, loss);
    const float du = patch_nll_sum<LANES>(my.du);
    float *const to = out.du + step * in.classes + first + t;
    if (t < my.n_classes) *to = in.first == 0 ? du : *to + du;
}

/* A block for each slab of each part of the steps. */
template <int LANES, int CHANNELS, bool TANH, bool GIVEN>
__global__ void patch_nll_steps(PatchNllIn in, int64_t n_steps, int64_t parts, int64_t slabs, PatchNllOut out) {
    const int64_t part = cuda_divide(blockIdx.x, slabs), first = (blockIdx.x - part * slabs) * SLAB;
    const int t = static_cast<int>(threadIdx.x);
    PatchNllLane<LANES, CHANNELS> my = {
        t % LANES, static_cast<int>(min(in.classes - first, (int64_t)SLAB)), {}, {}, {}};
    int64_t ld;
    const float *const factor = patch_nll_factor<CHANNELS>(in, first, my.n_classes, &ld);
    const int64_t begin = cuda_divide(n_steps * part, parts), end = cuda_divide(n_steps * (part + 1), parts);
    for (int64_t step = begin; step < end; step++)
        patch_nll_do_step<LANES, CHANNELS, TANH, GIVEN>(in, out, step, first, factor, ld, my);
    for (int c = 0; c < CHANNELS; c++) {
        if (c >= in.s.c) break;
        const float dw = patch_nll_sum<LANES>(my.dw[c]);
        if (t < my.n_classes) out.dw_pixel[(part * in.s.c + c) * in.classes + first + t] = dw;
    }
}

/* ---- the sums of more classes than a slab has ---- */

/* Pixel i of the tile, by one warp. */
template <int CHANNELS, bool TANH>
__device__ __forceinline__ void patch_nll_add_powers(const PatchNllIn &in, PatchNllTile<CHANNELS> &tile, int i,
                                                     const float *u) {
    const int lane = static_cast<int>(threadIdx.x) % CUDA_WARP;
    float shift = TANH ? 0.0f : -INFINITY, sum = 0.0f;
    for (int64_t k = lane; k < in.classes && !TANH; k += CUDA_WARP)
        shift = fmaxf(shift, patch_nll_energy(in, tile, i, u[k], in.factor + k, in.classes));
    if (!TANH) shift = cuda_warp_reduce(CudaMax{}, shift);
    for (int64_t k = lane; k < in.classes; k += CUDA_WARP) {
        float e = patch_nll_energy(in, tile, i, u[k], in.factor + k, in.classes);
        e = TANH ? vmath_tanh(e) : e - shift;
        if (k == tile.label[i]) tile.energy[i] = e;
        sum += TANH ? vmath_exp_unit(e) : vmath_exp(e);
    }
    sum = cuda_warp_reduce(CudaAdd{}, sum);
    if (lane == 0) tile.sum[i] = sum, tile.shift[i] = shift;
}

/* A block for each step: its pixels and its loss. */
template <int CHANNELS, bool TANH> __global__ void patch_nll_powers(PatchNllIn in, PatchNllOut out) {
    using Tile = PatchNllTile<CHANNELS>;
    SHARED(Tile, tile);
    const int64_t step = blockIdx.x;
    const int t = static_cast<int>(threadIdx.x);
    const PatchNllWindow window = patch_nll_window(in, step);
    double loss = 0.0;
    for (int64_t start = 0; start < window.n(); start += CUDA_BLOCK) {
        const int64_t number = patch_nll_load(in, window, step, start + t, tile);
        __syncthreads();
        for (int i = t / CUDA_WARP; i < CUDA_BLOCK; i += WARPS)
            if (tile.label[i] >= 0) patch_nll_add_powers<CHANNELS, TANH>(in, tile, i, in.u + step * in.classes);
        __syncthreads();
        loss += patch_nll_finish(tile, patch_nll_pixel(in, out.pixels, step, number));
    }
    patch_nll_put_loss(in, out, step, loss);
}

/* ---- the gradient of q ---- */

/* A block has a part of one image's [H,W,K], of which the launch's elements count. */
template <bool TANH>
__global__ void patch_nll_map(PatchNllIn in, int64_t first_image, int64_t chunks, const PatchNllPixel *pixels,
                              float *dq) {
    SHARED(int64_t, start, [CUDA_BLOCK][2]);
    const PatchSize &s = in.s;
    const int64_t chunk = cuda_divide(blockIdx.x, chunks), n = first_image + chunk;
    const int64_t e = (blockIdx.x - chunk * chunks) * CUDA_BLOCK + threadIdx.x;
    const int64_t position = cuda_divide(e, in.classes), k = e - position * in.classes;
    const int64_t row = cuda_divide(position, s.w), column = position - row * s.w;
    const int64_t at = n * s.h * s.w + position - in.first;
    const bool is_there = row < s.h && at >= 0 && at < in.last - in.first;
    const float q = is_there ? in.factor[at * in.classes + k] : 0.0f;
    float sum = 0.0f;
    for (int64_t first = 0; first < s.t; first += CUDA_BLOCK) {
        const int64_t mine = (first + threadIdx.x) * s.n + n, steps = min(s.t - first, (int64_t)CUDA_BLOCK);
        if (threadIdx.x < steps) {
            const bool has_box = patch_has_box(in.box + 4 * mine);
            start[threadIdx.x][0] = has_box ? patch_start(in.centre_y[mine], in.crop.stride_y, in.crop.height) : s.h;
            start[threadIdx.x][1] = has_box ? patch_start(in.centre_x[mine], in.crop.stride_x, in.crop.width) : s.w;
        }
        __syncthreads();
        for (int64_t t = 0; t < steps && is_there; t++) {
            const int64_t i = row - start[t][0], j = column - start[t][1], step = (first + t) * s.n + n;
            if (i < 0 || i >= s.patch_h || j < 0 || j >= s.patch_w) continue;
            const PatchNllPixel pixel = pixels[step * (s.patch_h * s.patch_w + 1) + i * s.patch_w + j];
            if (pixel.label < 0) continue;
            const float z = in.u[step * in.classes + k] + q, energy = TANH ? vmath_tanh(z) : z;
            const float power = TANH ? vmath_exp_unit(energy) : vmath_exp(energy - pixel.shift);
            const float slope = TANH ? 1.0f - energy * energy : 1.0f;
            sum += power * slope * pixel.scale - (k == pixel.label ? slope : 0.0f);
        }
        __syncthreads(); /* before the next steps' starts are written */
    }
    if (is_there) dq[at * in.classes + k] = sum;
}

/* ---- forward ---- */

static const float *input(const OpCall *call, int i) { return static_cast<const float *>(call->x[i]); }

static int64_t steps_of(const OpSpec *spec) { return shape_count(&spec->x[NLL_CENTRE_X]); }
static int64_t classes_of(const OpSpec *spec) { return shape_last(&spec->x[NLL_W_GLIMPSE]); }

/* On the whole image, to begin with. */
static PatchNllIn inputs_of(const OpCall *call, const float *u) {
    const PatchNllAttr *attr = static_cast<const PatchNllAttr *>(call->spec->attr);
    const PatchInputs inputs = patch_nll_inputs(call->spec);
    const PatchSize s = patch_size(call->spec, &attr->crop, inputs);
    return {attr->crop,
            s,
            classes_of(call->spec),
            0,
            s.n * s.h * s.w,
            static_cast<const int32_t *>(call->x[NLL_MASK]),
            input(call, NLL_BOX),
            input(call, NLL_CENTRE_X),
            input(call, NLL_CENTRE_Y),
            u,
            input(call, inputs.image),
            input(call, NLL_W_PIXEL)};
}

template <int CHANNELS, bool TANH>
static Err run_steps(const OpCall *call, const PatchNllIn &in, const PatchNllOut &out, int64_t parts) {
    const int64_t steps = steps_of(call->spec), slabs = (in.classes + SLAB - 1) / SLAB;
    const bool is_narrow = in.classes <= NARROW * ROWS;
    if (slabs == 1)
        return cuda_run(call,
                        is_narrow ? patch_nll_steps<NARROW, CHANNELS, TANH, false>
                                  : patch_nll_steps<CUDA_WARP, CHANNELS, TANH, false>,
                        cuda_blocks(parts, 1), in, steps, parts, slabs, out);
    const Err err = cuda_run(call, patch_nll_powers<CHANNELS, TANH>, cuda_blocks(steps, 1), in, out);
    return err != ERR_OK ? err
                         : cuda_run(call, patch_nll_steps<CUDA_WARP, CHANNELS, TANH, true>,
                                    cuda_blocks(parts * slabs, 1), in, steps, parts, slabs, out);
}

template <bool TANH>
static Err on_image(const OpCall *call, const PatchNllIn &in, const PatchNllOut &out, const PatchNllScratch *scratch) {
    const int64_t parts = scratch->parts, weights = in.s.c * in.classes;
    const Err err = run_steps<PATCH_NLL_CHANNELS, TANH>(call, in, out, parts);
    return err != ERR_OK
               ? err
               : cuda_column_sums(call, call->y[NLL_DW_PIXEL], scratch->dw_pixel, parts, weights, false, scratch->sums);
}

template <bool TANH> static Err run_map(const OpCall *call, const PatchNllIn &in, const PatchNllScratch *scratch) {
    const int64_t positions = in.s.h * in.s.w, chunks = (positions * in.classes + CUDA_BLOCK - 1) / CUDA_BLOCK;
    const int64_t first = in.first / positions, last = (in.last - 1) / positions;
    return cuda_run(call, patch_nll_map<TANH>, cuda_blocks((last - first + 1) * chunks, 1), in, first, chunks,
                    static_cast<const PatchNllPixel *>(scratch->pixels), scratch->dq);
}

template <bool TANH>
static Err on_map(const OpCall *call, PatchNllIn in, const PatchNllOut &out, const PatchNllScratch *scratch) {
    Err err = ERR_OK;
    float *const dmap = static_cast<float *>(call->y[NLL_DMAP]); /* NULL for an image */
    const int64_t positions = in.last, channels = in.s.c;
    in.factor = scratch->q;
    for (in.first = 0; in.first < positions; in.first = in.last) {
        in.last = min(in.first + scratch->tile_rows, positions);
        const int64_t rows = in.last - in.first;
        const float *const map = in.image + in.first * channels;
        const Gemm q = gemm_nn(rows, in.classes, channels, false);
        const Gemm dw = gemm_tn(channels, in.classes, rows, in.first > 0),
                   df = gemm_nt(rows, channels, in.classes, false);
        TRY(cuda_gemm(call, &q, map, call->x[NLL_W_PIXEL], scratch->q));
        TRY((run_steps<0, TANH>(call, in, out, scratch->parts)));
        TRY(run_map<TANH>(call, in, scratch));
        TRY(cuda_gemm(call, &dw, map, scratch->dq, call->y[NLL_DW_PIXEL]));
        if (dmap != nullptr) TRY(cuda_gemm(call, &df, scratch->dq, call->x[NLL_W_PIXEL], dmap + in.first * channels));
    }
done:
    return err;
}

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const OpSpec *spec = call->spec;
    const PatchNllAttr *attr = static_cast<const PatchNllAttr *>(spec->attr);
    const PatchNllScratch scratch = patch_nll_cuda_scratch(spec, false, 0, call->scratch);
    const PatchNllIn in = inputs_of(call, scratch.u);
    const PatchNllOut out = {static_cast<float *>(call->y[NLL_DU]), scratch.dw_pixel, scratch.loss, attr->scale,
                             scratch.pixels};
    const int64_t steps = steps_of(spec);
    const Gemm u = gemm_nn(steps, in.classes, shape_last(&spec->x[NLL_GLIMPSE]), true);
    TRY(cuda_repeat_row(call, scratch.u, call->x[NLL_BIAS], steps, in.classes));
    TRY(cuda_gemm(call, &u, call->x[NLL_GLIMPSE], call->x[NLL_W_GLIMPSE], scratch.u));
    if (scratch.q != nullptr)
        TRY(attr->tanh ? on_map<true>(call, in, out, &scratch) : on_map<false>(call, in, out, &scratch));
    else
        TRY(attr->tanh ? on_image<true>(call, in, out, &scratch) : on_image<false>(call, in, out, &scratch));
    TRY(cuda_total(call, call->y[NLL_LOSS], scratch.loss, steps, call->x[NLL_INV_COUNT]));
done:
    return err;
}

/* ---- backward ---- */

/* What the forward pass saved, times the loss's factor. */
struct PatchNllScaled {
    const float *dy, *inv_count;
    float scale;

    __device__ float operator()(float saved) const { return saved * (*dy * *inv_count * scale); }
};

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static uint32_t wanted_of(const OpCall *call) {
    uint32_t wanted = 0;
    for (int i = 0; i < NLL_N_X; i++)
        if (call->dx[i] != nullptr) wanted |= OP_X(i);
    return wanted;
}

static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const OpSpec *spec = call->spec;
    const PatchNllScratch scratch = patch_nll_cuda_scratch(spec, true, wanted_of(call), call->scratch);
    const PatchNllScaled scaled = {static_cast<const float *>(call->dy[NLL_LOSS]), input(call, NLL_INV_COUNT),
                                   static_cast<float>(static_cast<const PatchNllAttr *>(spec->attr)->scale)};
    static const int saved[][2] = {{NLL_W_PIXEL, NLL_DW_PIXEL}, {NLL_MAP, NLL_DMAP}};
    const int64_t steps = steps_of(spec), classes = classes_of(spec), depth = shape_last(&spec->x[NLL_GLIMPSE]);
    const Gemm dglimpse = gemm_nt(steps, depth, classes, adds(call, NLL_GLIMPSE));
    const Gemm dw = gemm_tn(depth, classes, steps, adds(call, NLL_W_GLIMPSE));
    for (const auto &i : saved)
        if (call->dx[i[0]] != nullptr)
            TRY(cuda_map(call, scaled, shape_count(&spec->x[i[0]]), adds(call, i[0]), call->dx[i[0]], call->y[i[1]]));
    if (scratch.du == nullptr) goto done;
    TRY(cuda_map(call, scaled, steps * classes, false, scratch.du, call->y[NLL_DU]));
    if (call->dx[NLL_GLIMPSE] != nullptr)
        TRY(cuda_gemm(call, &dglimpse, scratch.du, call->x[NLL_W_GLIMPSE], call->dx[NLL_GLIMPSE]));
    if (call->dx[NLL_W_GLIMPSE] != nullptr)
        TRY(cuda_gemm(call, &dw, call->x[NLL_GLIMPSE], scratch.du, call->dx[NLL_W_GLIMPSE]));
    if (call->dx[NLL_BIAS] != nullptr)
        TRY(cuda_column_sums(call, call->dx[NLL_BIAS], scratch.du, steps, classes, adds(call, NLL_BIAS), scratch.sums));
done:
    return err;
}

OP_CUDA(patch_nll, fwd, bwd);

/* conv2d on CUDA: see conv2d.c. The windows of whole rows of y, as many as a tile of scratch holds, are unrolled into
 * columns [pixels, KH KW C], which a product takes with the weights: forward y = columns w, backward dw = columns^T dy,
 * and dcolumns = dy w^T, folded back into dx. Tiles follow each other in order. */
#include "kernels/conv2d.h"
#include "kernels/cuda_broadcast.cuh"
#include "kernels/cuda_gemm.cuh"
#include "kernels/cuda_map.cuh"
#include "kernels/infer.h"

enum { X = CONV2D_X, W = CONV2D_W, BIAS = CONV2D_BIAS };
enum { ITEMS = 8 }; /* elements that a thread unrolls, a block's width apart */

/* Rows [first, last) of y, of all images: row n ho + i is row i of image n. */
struct Conv2dTile {
    int64_t first, last;
};

/* Sizes for kernels. Channels, and what is made of them, are counted in floats or, where a thread has four neighbours,
 * in vectors. */
struct Conv2dSize {
    int64_t n_images, h, w, c, ho, wo;
    int64_t run, window; /* KW C, which lies side by side in x, too; KH KW C */
    Window rows, columns;
};

/* ---- unrolling ---- */

/* An element of a window, and how far it is to that of a thread's next element. */
struct Conv2dPlace {
    int64_t pixel, p, in_run; /* p: row of the window */
};

__host__ __device__ __forceinline__ Conv2dPlace conv2d_place(const Conv2dSize &s, int64_t element) {
    const int64_t pixel = cuda_divide(element, s.window), in_window = element - pixel * s.window;
    const int64_t p = cuda_divide(in_window, s.run);
    return {pixel, p, in_window - p * s.run};
}

/* A block has a part of one row of y, of its wo windows. */
template <int WIDTH>
__global__ void conv2d_unroll(Conv2dSize s, Conv2dPlace step, int64_t first_row, int64_t chunks, float *columns,
                              const float *x) {
    const int64_t tile_row = cuda_divide(blockIdx.x, chunks), row = first_row + tile_row, n = cuda_divide(row, s.ho);
    const int64_t top = (row - n * s.ho) * s.rows.stride - s.rows.before, n_elements = s.wo * s.window;
    int64_t e = (blockIdx.x - tile_row * chunks) * (CUDA_BLOCK * ITEMS) + threadIdx.x;
    Conv2dPlace at = conv2d_place(s, e);
    for (int i = 0; i < ITEMS && e < n_elements; i++, e += CUDA_BLOCK) {
        const int64_t h = top + at.p, in_row = (at.pixel * s.columns.stride - s.columns.before) * s.c + at.in_run;
        const bool inside = h >= 0 && h < s.h && in_row >= 0 && in_row < s.w * s.c;
        const float *const from = x + ((n * s.h + h) * s.w * s.c + in_row) * WIDTH;
        float *const to = columns + (tile_row * n_elements + e) * WIDTH;
        if constexpr (WIDTH == CUDA_VECTOR)
            cuda_store4(to, inside ? cuda_load4(from) : make_float4(0.0f, 0.0f, 0.0f, 0.0f));
        else
            *to = inside ? *from : 0.0f;
        at.in_run += step.in_run;
        at.p += step.p;
        at.pixel += step.pixel;
        if (at.in_run >= s.run) at.in_run -= s.run, at.p++;
        if (at.p >= s.rows.kernel) at.p -= s.rows.kernel, at.pixel++;
    }
}

/* ---- folding ---- */

/* The first window, along one axis, that reaches place i of the padded image; it may be one that does not exist. */
__device__ __forceinline__ int64_t conv2d_first(const Window &w, int64_t i) {
    return i < w.kernel ? 0 : cuda_divide(i - w.kernel, w.stride) + 1;
}

/* Adds the tile's columns to rows of x from first_row on. A row that an earlier tile has not reached begins with 0, or
 * with what it is added to. */
template <int WIDTH>
__global__ void conv2d_fold(Conv2dSize s, Conv2dTile tile, int64_t first_row, int64_t n, bool add, float *dx,
                            const float *columns) {
    const int64_t e = cuda_thread();
    if (e >= n) return;
    const int64_t pixel = cuda_divide(e, s.c), tile_row = cuda_divide(pixel, s.w), row = first_row + tile_row;
    const int64_t image = cuda_divide(row, s.h), above = image * s.ho;
    const int64_t y = row - image * s.h + s.rows.before, x = pixel - tile_row * s.w + s.columns.before;
    const int64_t first = conv2d_first(s.rows, y), begin = max(first, tile.first - above);
    const int64_t end = min(min(s.ho, cuda_divide(y, s.rows.stride) + 1), tile.last - above);
    const bool is_first = min(first, s.ho - 1) >= tile.first - above;
    float *const to = dx + (first_row * s.w * s.c + e) * WIDTH;
    alignas(float4) float sum[WIDTH] = {};
    if (add || !is_first)
        for (int k = 0; k < WIDTH; k++) sum[k] = to[k];
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = conv2d_first(s.columns, x); j < s.wo && j * s.columns.stride <= x; j++) {
            const int64_t p = y - i * s.rows.stride, q = x - j * s.columns.stride, c = e - pixel * s.c;
            const int64_t window = (above + i - tile.first) * s.wo + j;
            const float *const from = columns + (window * s.window + p * s.run + q * s.c + c) * WIDTH;
            if constexpr (WIDTH == CUDA_VECTOR)
                *reinterpret_cast<float4 *>(sum) = cuda_add4(*reinterpret_cast<float4 *>(sum), cuda_load4(from));
            else
                sum[0] += *from;
        }
    if constexpr (WIDTH == CUDA_VECTOR)
        cuda_store4(to, *reinterpret_cast<float4 *>(sum));
    else
        *to = sum[0];
}

/* ---- launching ---- */

static Conv2dSize size_of(const OpCall *call, int width) {
    const Conv c = conv2d_sizes(call->spec);
    return {call->spec->x[X].dim[0],   c.h,    c.w,      c.c / width, c.ho, c.wo, c.columns.kernel * c.c / width,
            conv2d_window(&c) / width, c.rows, c.columns};
}

/* Four neighbouring channels at a time, where all pixels are aligned. */
static bool is_wide(const OpCall *call, const void *image) {
    return call->spec->x[X].dim[3] % CUDA_VECTOR == 0 && cuda_is_aligned(image);
}

static Err unroll(const OpCall *call, const Conv2dTile &tile) {
    const bool wide = is_wide(call, call->x[X]);
    const Conv2dSize s = size_of(call, wide ? CUDA_VECTOR : 1);
    const int64_t chunks = (s.wo * s.window + CUDA_BLOCK * ITEMS - 1) / (CUDA_BLOCK * ITEMS);
    return cuda_run(call, wide ? conv2d_unroll<CUDA_VECTOR> : conv2d_unroll<1>,
                    cuda_blocks((tile.last - tile.first) * chunks, 1), s, conv2d_place(s, CUDA_BLOCK), tile.first,
                    chunks, static_cast<float *>(call->scratch), static_cast<const float *>(call->x[X]));
}

/* The rows of x that row `row` of y is the first to reach end before the result; those that no window reaches count as
 * reached by the row after them, or by their image's last. */
static int64_t rows_behind(const Conv2dSize &s, int64_t row) {
    const int64_t image = row / s.ho, i = row % s.ho;
    const int64_t last = i * s.rows.stride - s.rows.before + s.rows.kernel;
    return image * s.h + (i + 1 == s.ho || last > s.h ? s.h : last);
}

static Err fold(const OpCall *call, const Conv2dTile &tile, bool add) {
    const bool wide = is_wide(call, call->dx[X]);
    const Conv2dSize s = size_of(call, wide ? CUDA_VECTOR : 1);
    const int64_t image = tile.first / s.ho, top = tile.first % s.ho * s.rows.stride - s.rows.before;
    const int64_t behind = tile.first == 0 ? 0 : rows_behind(s, tile.first - 1);
    const int64_t first = min(behind, image * s.h + (top < 0 ? 0 : top)), last = rows_behind(s, tile.last - 1);
    const int64_t n = (last - first) * s.w * s.c;
    if (n == 0) return ERR_OK;
    return cuda_run(call, wide ? conv2d_fold<CUDA_VECTOR> : conv2d_fold<1>, cuda_blocks(n, CUDA_BLOCK), s, tile, first,
                    n, add, static_cast<float *>(call->dx[X]), static_cast<const float *>(call->scratch));
}

/* Does something with each tile of y; `part` is the first element of the tile in a tensor of y's shape. */
template <typename F> static Err each_tile(const OpCall *call, F visit) {
    const Conv c = conv2d_sizes(call->spec);
    const int64_t n_images = call->spec->x[X].dim[0], rows = n_images * c.ho;
    const int64_t most = conv2d_is_product(&c) ? rows : conv2d_tile_rows(&c, n_images);
    Err err = ERR_OK;
    for (int64_t first = 0; first < rows && err == ERR_OK; first += most) {
        const Conv2dTile tile = {first, min(first + most, rows)};
        err = visit(tile, (tile.last - tile.first) * c.wo, first * c.wo * c.o);
    }
    return err;
}

/* The columns of a tile: x itself, or scratch. */
static Err columns_of(const OpCall *call, const Conv2dTile &tile, const void **out) {
    const Conv c = conv2d_sizes(call->spec);
    *out = conv2d_is_product(&c) ? call->x[X] : call->scratch;
    return conv2d_is_product(&c) ? ERR_OK : unroll(call, tile);
}

/* ---- forward ---- */

/* The bias is laid out in y, to which the products are added. */
static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const Conv c = conv2d_sizes(call->spec);
    const bool has_bias = infer_has(call->spec, BIAS);
    float *y = static_cast<float *>(call->y[0]);
    if (has_bias) TRY(cuda_repeat_row(call, y, call->x[BIAS], shape_rows(&call->spec->y[0]), c.o));
    err = each_tile(call, [&](const Conv2dTile &tile, int64_t pixels, int64_t part) {
        const Gemm product = gemm_nn(pixels, c.o, conv2d_window(&c), has_bias);
        const void *columns = nullptr;
        const Err unrolled = columns_of(call, tile, &columns);
        return unrolled != ERR_OK ? unrolled : cuda_gemm(call, &product, columns, call->x[W], y + part);
    });
done:
    return err;
}

/* ---- backward ---- */

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static Err backward_weights(const OpCall *call) {
    const Conv c = conv2d_sizes(call->spec);
    const float *dy = static_cast<const float *>(call->dy[0]);
    return each_tile(call, [&](const Conv2dTile &tile, int64_t pixels, int64_t part) {
        const Gemm product = gemm_tn(conv2d_window(&c), c.o, pixels, adds(call, W) || tile.first > 0);
        const void *columns = nullptr;
        const Err unrolled = columns_of(call, tile, &columns);
        return unrolled != ERR_OK ? unrolled : cuda_gemm(call, &product, columns, dy + part, call->dx[W]);
    });
}

static Err backward_data(const OpCall *call) {
    const Conv c = conv2d_sizes(call->spec);
    const bool is_product = conv2d_is_product(&c);
    const float *dy = static_cast<const float *>(call->dy[0]);
    return each_tile(call, [&](const Conv2dTile &tile, int64_t pixels, int64_t part) {
        const Gemm product = gemm_nt(pixels, conv2d_window(&c), c.o, is_product && adds(call, X));
        const Err err = cuda_gemm(call, &product, dy + part, call->x[W], is_product ? call->dx[X] : call->scratch);
        return err != ERR_OK || is_product ? err : fold(call, tile, adds(call, X));
    });
}

static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const Shape *y = &call->spec->y[0];
    if (call->dx[BIAS] != nullptr)
        TRY(cuda_column_sums(call, call->dx[BIAS], call->dy[0], shape_rows(y), shape_last(y), adds(call, BIAS),
                             call->scratch));
    if (call->dx[W] != nullptr) TRY(backward_weights(call));
    if (call->dx[X] != nullptr) TRY(backward_data(call));
done:
    return err;
}

OP_CUDA(conv2d, fwd, bwd);

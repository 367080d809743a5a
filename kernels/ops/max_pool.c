/* max_pool: y = the largest element of each window, index = its place in the window (row kernel_w + column), the first
 * of equals. Padding never wins.   dx = sum of dy over the windows that the element won.
 * x [N,H,W,C] -> y [N,Ho,Wo,C] (index [N,Ho,Wo,C] INT). */
#include <string.h>

#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/simd.h"
#include "kernels/window.h"

enum { Y, INDEX };

static Window rows_of(const OpSpec *spec) {
    const PoolAttr *a = spec->attr;
    return (Window){a->kernel_h, a->stride_h, a->pad_top, a->pad_bottom};
}

static Window columns_of(const OpSpec *spec) {
    const PoolAttr *a = spec->attr;
    return (Window){a->kernel_w, a->stride_w, a->pad_left, a->pad_right};
}

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    const Window rows = rows_of(spec), columns = columns_of(spec);
    Shape y = spec->x[0];
    TRY(infer_rank(spec, 0, "x", DT_REAL, 4));
    TRY(window_count(&y.dim[1], &rows, spec->x[0].dim[1], "height"));
    TRY(window_count(&y.dim[2], &columns, spec->x[0].dim[2], "width"));
    infer_output(spec, DT_REAL, y);
    infer_output(spec, DT_INT, y);
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    const PoolAttr *a = spec->attr;
    return shape_count(&spec->y[Y]) * (backward ? 1 : a->kernel_h * a->kernel_w);
}

/* The elements of one window that lie inside the image: rows kh0..kh1-1 and columns kw0..kw1-1 of it. x points at the
 * window's first pixel, which may lie outside. */
typedef struct Place {
    int64_t x, kh0, kh1, kw0, kw1;
} Place;

typedef struct Pool {
    Window rows, columns;
    int64_t h, w, c, ho, wo;
} Pool;

static Pool pool_of(const OpSpec *spec) {
    const int64_t *in = spec->x[0].dim, *out = spec->y[Y].dim;
    return (Pool){rows_of(spec), columns_of(spec), in[1], in[2], in[3], out[1], out[2]};
}

/* row: n Ho + ho. Offsets in elements of x. */
KERNEL_INLINE Place place_of(const Pool *p, int64_t row, int64_t wo) {
    const int64_t ho = row % p->ho;
    Place at = {((row / p->ho * p->h + ho * p->rows.stride - p->rows.before) * p->w + wo * p->columns.stride -
                 p->columns.before) *
                    p->c,
                0, 0, 0, 0};
    window_inside(&p->rows, p->h, ho, &at.kh0, &at.kh1);
    window_inside(&p->columns, p->w, wo, &at.kw0, &at.kw1);
    return at;
}

/* Vectors are spelled out: compilers do not vectorise the pair (largest, its place) over a few channels. */
enum { CHANNELS = 8 };
typedef float Reals __attribute__((vector_size(CHANNELS * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(CHANNELS * sizeof(int32_t))));

/* CHANNELS channels of one window. */
KERNEL_INLINE void pool_vector(const Pool *p, const Place *at, float *y, int32_t *index, const float *x) {
    Ints from = (Ints){0} + (int32_t)(at->kh0 * p->columns.kernel + at->kw0);
    Reals best, pixel;
    memcpy(&best, x + (at->kh0 * p->w + at->kw0) * p->c, sizeof best);
    for (int64_t kh = at->kh0; kh < at->kh1; kh++)
        for (int64_t kw = at->kw0; kw < at->kw1; kw++) {
            memcpy(&pixel, x + (kh * p->w + kw) * p->c, sizeof pixel);
            const Ints wins = pixel > best;
            best = (Reals)((wins & (Ints)pixel) | (~wins & (Ints)best));
            from = (wins & (int32_t)(kh * p->columns.kernel + kw)) | (~wins & from);
        }
    memcpy(y, &best, sizeof best);
    memcpy(index, &from, sizeof from);
}

KERNEL_INLINE void pool_one(const Pool *p, const Place *at, float *y, int32_t *index, const float *x) {
    *y = x[(at->kh0 * p->w + at->kw0) * p->c];
    *index = (int32_t)(at->kh0 * p->columns.kernel + at->kw0);
    for (int64_t kh = at->kh0; kh < at->kh1; kh++)
        for (int64_t kw = at->kw0; kw < at->kw1; kw++)
            if (x[(kh * p->w + kw) * p->c] > *y) {
                *y = x[(kh * p->w + kw) * p->c];
                *index = (int32_t)(kh * p->columns.kernel + kw);
            }
}

KERNEL static void pool_rows(const Pool *p, float *y, int32_t *index, const float *x, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++)
        for (int64_t wo = 0; wo < p->wo; wo++) {
            const Place at = place_of(p, row, wo);
            const int64_t out = (row * p->wo + wo) * p->c;
            int64_t c = 0;
            for (; c + CHANNELS <= p->c; c += CHANNELS) pool_vector(p, &at, y + out + c, index + out + c, x + at.x + c);
            for (; c < p->c; c++) pool_one(p, &at, y + out + c, index + out + c, x + at.x + c);
        }
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Pool p = pool_of(call->spec);
    int64_t first, last;
    par_range(call->spec->x[0].dim[0] * p.ho, call->shards, i_task, &first, &last);
    pool_rows(&p, call->y[Y], call->y[INDEX], call->x[0], first, last);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

/* Windows that do not overlap write their part of dx; where they do, or where dx accumulates, they add. */
KERNEL static void spread_rows(const Pool *p, float *dx, const float *dy, const int32_t *index, int64_t first,
                               int64_t last, bool add) {
    const int64_t c = p->c;
    for (int64_t row = first; row < last; row++)
        for (int64_t wo = 0; wo < p->wo; wo++) {
            const Place at = place_of(p, row, wo);
            const float *restrict from = dy + (row * p->wo + wo) * c;
            const int32_t *restrict at_index = index + (row * p->wo + wo) * c;
            for (int64_t kh = at.kh0; kh < at.kh1; kh++)
                for (int64_t kw = at.kw0; kw < at.kw1; kw++) {
                    float *restrict to = dx + at.x + (kh * p->w + kw) * c;
                    const int32_t k = (int32_t)(kh * p->columns.kernel + kw);
                    if (add)
                        for (int64_t j = 0; j < c; j++) to[j] += at_index[j] == k ? from[j] : 0.0f;
                    else
                        for (int64_t j = 0; j < c; j++) to[j] = at_index[j] == k ? from[j] : 0.0f;
                }
        }
}

static bool overlaps(const Window *w) { return w->kernel > w->stride; }

/* Is every element in some window? */
static bool covers(const Window *w, int64_t n_in, int64_t n_out) {
    return w->stride <= w->kernel && (n_out - 1) * w->stride - w->before + w->kernel >= n_in;
}

/* A task owns whole images: windows of one image may overlap. */
static void bwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Pool p = pool_of(call->spec);
    const int64_t image = p.h * p.w * p.c;
    const bool add = (call->accumulate & OP_X(0)) != 0, overlap = overlaps(&p.rows) || overlaps(&p.columns);
    float *dx = call->dx[0];
    int64_t first, last;
    par_range(call->spec->x[0].dim[0], call->shards, i_task, &first, &last);
    if (!add && (overlap || !covers(&p.rows, p.h, p.ho) || !covers(&p.columns, p.w, p.wo)))
        memset(dx + first * image, 0, (size_t)((last - first) * image) * sizeof *dx);
    spread_rows(&p, dx, call->dy[Y], call->y[INDEX], first * p.ho, last * p.ho, add || overlap);
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, bwd_task, (void *)call);
    return ERR_OK;
}

/* ---- reference ---- */

/* The place of element k of output i's window in x, or -1 if it is padding. */
static int64_t ref_place(const OpSpec *spec, int64_t i, int64_t k) {
    const PoolAttr *a = spec->attr;
    const int64_t *in = spec->x[0].dim, *out = spec->y[Y].dim;
    const int64_t c = i % out[3], wo = i / out[3] % out[2], ho = i / (out[3] * out[2]) % out[1];
    const int64_t n = i / (out[3] * out[2] * out[1]);
    const int64_t h = ho * a->stride_h - a->pad_top + k / a->kernel_w;
    const int64_t w = wo * a->stride_w - a->pad_left + k % a->kernel_w;
    return h < 0 || h >= in[1] || w < 0 || w >= in[2] ? -1 : ((n * in[1] + h) * in[2] + w) * in[3] + c;
}

static Err ref_fwd(const OpCall *call) {
    const PoolAttr *a = call->spec->attr;
    const double *x = call->x[0];
    double *y = call->y[Y];
    int32_t *index = call->y[INDEX];
    for (int64_t i = 0; i < shape_count(&call->spec->y[Y]); i++) {
        index[i] = -1;
        for (int32_t k = 0; k < a->kernel_h * a->kernel_w; k++) {
            const int64_t at = ref_place(call->spec, i, k);
            if (at >= 0 && (index[i] < 0 || x[at] > y[i])) y[i] = x[at], index[i] = k;
        }
    }
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[Y];
    const int32_t *index = call->y[INDEX];
    double *dx = call->dx[0];
    for (int64_t i = 0; i < shape_count(&call->spec->x[0]) && !(call->accumulate & OP_X(0)); i++) dx[i] = 0.0;
    for (int64_t i = 0; i < shape_count(&call->spec->y[Y]); i++) dx[ref_place(call->spec, i, index[i])] += dy[i];
    return ERR_OK;
}

/* PoolAttr: kernel, stride, then padding top, bottom, left, right. Cases of many elements have some so near to one
 * another that a difference steps over the kink: they go without. */
#define X(...) .n_x = 1, .x = {{.shape = {4, {__VA_ARGS__}}}}
static const OpCase cases[] = {
    {.name = "two by two", .attr = &(PoolAttr){2, 2, 2, 2, 0, 0, 0, 0}, X(3, 4, 6, 16), .no_differences = true},
    {.name = "odd", .attr = &(PoolAttr){2, 2, 2, 2, 0, 0, 0, 0}, X(2, 5, 7, 19), .no_differences = true},
    {.name = "rows only", .attr = &(PoolAttr){2, 1, 2, 1, 0, 0, 0, 0}, X(5, 4, 3, 7), .no_differences = true},
    {.name = "overlapping", .attr = &(PoolAttr){3, 3, 2, 2, 1, 1, 1, 1}, X(2, 5, 4, 3)},
    {.name = "width padded", .attr = &(PoolAttr){2, 2, 2, 1, 0, 0, 1, 1}, X(2, 4, 5, 17), .no_differences = true},
    {.name = "gaps", .attr = &(PoolAttr){1, 2, 2, 3, 0, 0, 0, 0}, X(2, 5, 8, 3)},
    {.name = "one channel", .attr = &(PoolAttr){2, 3, 1, 2, 1, 0, 0, 2}, X(1, 3, 5, 1)},
    {.name = "one window", .attr = &(PoolAttr){3, 2, 1, 1, 0, 0, 0, 0}, X(1, 3, 2, 9)},
    /* Equal elements: the first wins, and there is no derivative. */
    {.name = "ties",
     .attr = &(PoolAttr){2, 2, 2, 2, 0, 0, 0, 0},
     .n_x = 1,
     .x = {{.shape = {4, {2, 6, 4, 5}}, .fill = FILL_MASK}},
     .no_differences = true},
};
#undef X

const Op op_max_pool = {
    .name = "max_pool",
    .n_x_min = 1,
    .n_x_max = 1,
    .n_out = 1,
    .differentiable = OP_X(0),
    .bwd_needs = {OP_Y(INDEX)},
    .attr_bytes = sizeof(PoolAttr),
    .infer = infer,
    .flops = flops,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

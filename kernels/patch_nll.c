/* The map is walked in blocks of a few elements; q and dq of a block serve every step whose patch covers part of it.
 * What of a patch lies outside the image is one pixel of zeros that counts as often as it occurs. Images are cut into
 * tasks; dw_pixel is summed for each shard, then over shards in order: nothing else depends on the shards. */
#include "kernels/patch_nll.h"

#include <string.h>

#include "kernels/carve.h"
#include "kernels/columns.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/infer.h"
#include "kernels/ops.h"
#include "kernels/patch.h"
#include "kernels/pixel_nll.h"
#include "kernels/simd.h"

typedef struct Size {
    PatchSize patch;
    int64_t depth, classes; /* D, K */
    int64_t positions;      /* H W */
    bool columns;           /* layout of q and dq */
    int64_t block, ld;      /* map elements of a block, leading dimension of q and dq */
} Size;

/* A block's q and dq should stay in a core's second-level cache; with many channels they should outlast a pass over
 * w_pixel and its gradient. */
static int64_t block_of(int64_t classes, int64_t channels, int64_t positions) {
    enum { CACHE_FLOATS = 1 << 15, MOST = 128, LEAST = 8, LEAST_DEEP = 64, DEEP = 16 };
    const int64_t least = channels > DEEP ? LEAST_DEEP : LEAST, fits = CACHE_FLOATS / classes;
    const int64_t block = fits > MOST ? MOST : fits < least ? least : fits / LEAST * LEAST;
    return block < positions ? block : positions;
}

static Size size_of(const OpSpec *spec) {
    const PatchNllAttr *attr = spec->attr;
    Size z = {.patch = patch_size(spec, &attr->crop, patch_nll_inputs(spec)),
              .depth = spec->x[NLL_W_GLIMPSE].dim[0],
              .classes = spec->x[NLL_W_GLIMPSE].dim[1]};
    z.positions = z.patch.h * z.patch.w;
    z.columns = pixel_nll_in_columns(z.classes);
    z.block = block_of(z.classes, z.patch.c, z.positions);
    z.ld = z.columns ? z.block + PIXEL_LANES : z.classes;
    return z;
}

/* The energies' additions, tanh, exponential, sum and gradient count 8 an element. */
int64_t patch_nll_flops(const OpSpec *spec, bool backward) {
    const Size z = size_of(spec);
    const int64_t steps = z.patch.t * z.patch.n, product = 2 * steps * z.depth * z.classes;
    const int64_t pixels = 2 * z.patch.n * z.positions * z.patch.c * z.classes;
    if (backward) return 2 * product + steps * z.classes;
    return product + (infer_has(spec, NLL_MAP) ? 3 : 2) * pixels +
           8 * steps * z.patch.patch_h * z.patch.patch_w * z.classes;
}

/* ---- products: q is [block,K] in rows, [K,block] in columns ---- */

static Gemm product_u(const Size *z) {
    Gemm g = gemm_nn(z->patch.t, z->classes, z->depth, true);
    g.lda = z->patch.n * z->depth;
    return g;
}

static Gemm product_q(const Size *z, int64_t n) {
    if (!z->columns) return gemm_nn(n, z->classes, z->patch.c, false);
    return (Gemm){z->classes, n, z->patch.c, true, true, false, z->classes, z->patch.c, z->ld};
}

static Gemm product_dw_pixel(const Size *z, int64_t n) {
    return (Gemm){z->patch.c, z->classes, n, true, z->columns, true, z->patch.c, z->ld, z->classes};
}

static Gemm product_dmap(const Size *z, int64_t n) {
    return (Gemm){n, z->patch.c, z->classes, z->columns, true, false, z->ld, z->classes, z->patch.c};
}

static size_t larger(size_t a, Gemm g) {
    const size_t b = gemm_scratch_bytes(&g);
    return a > b ? a : b;
}

/* ---- forward ---- */

/* What one task has to itself. */
typedef struct Task {
    float *u; /* [T,K] of an image */
    float *q, *dq;
    float *work;
    float *dw_pixel;
    int32_t *label; /* [block] */
    void *gemm;
} Task;

typedef struct Scratch {
    double *loss;    /* [N] */
    Task task;       /* of the task that was asked for */
    float *dw_pixel; /* [shards - 1,C,K]: the first one's sum is made in its place */
    size_t bytes;
} Scratch;

/* Of one task, cut off where the last one's ends. */
static Task task_of(const OpSpec *spec, const Size *z, Carve *c) {
    const int64_t block_floats = z->columns ? z->classes * z->ld : z->block * z->ld;
    size_t gemm = larger(larger(larger(0, product_u(z)), product_q(z, z->block)), product_dw_pixel(z, z->block));
    Task task = {0};
    if (infer_has(spec, NLL_MAP)) gemm = larger(gemm, product_dmap(z, z->block));
    task.u = carve(c, z->patch.t * z->classes, sizeof(float));
    task.q = carve(c, block_floats, sizeof(float));
    task.dq = carve(c, block_floats, sizeof(float));
    task.work = carve(c, pixel_nll_work_floats(z->classes), sizeof(float));
    task.label = carve(c, z->block, sizeof(int32_t));
    task.gemm = carve(c, (int64_t)gemm, 1);
    return task;
}

static Scratch scratch_of(const OpSpec *spec, int shards, int i_task, void *base) {
    const Size z = size_of(spec);
    Carve c = {base, 0};
    Scratch scratch = {0};
    scratch.loss = carve(&c, z.patch.n, sizeof(double));
    scratch.dw_pixel = carve(&c, (shards - 1) * z.patch.c * z.classes, sizeof(float));
    for (int i = 0; i < shards; i++) {
        const Task task = task_of(spec, &z, &c);
        if (i == i_task) scratch.task = task;
    }
    scratch.bytes = c.bytes;
    return scratch;
}

/* The backward pass scales du into products: a scaled glimpse for dw_glimpse, and dglimpse and dbias before scaling. */
typedef struct BackwardScratch {
    float *glimpse, *dglimpse; /* [T,N,D] */
    float *dbias;              /* [K] */
    char *gemm;                /* [shards, gemm_bytes] */
    size_t gemm_bytes, bytes;
} BackwardScratch;

static Gemm product_dglimpse(const Size *z, int64_t rows) { return gemm_nt(rows, z->depth, z->classes, false); }

static Gemm product_dw_glimpse(const Size *z, int64_t rows, bool add) {
    Gemm g = gemm_tn(rows, z->classes, z->patch.t * z->patch.n, add);
    g.lda = z->depth;
    return g;
}

static BackwardScratch backward_scratch_of(const OpSpec *spec, uint32_t wanted, int shards, void *base) {
    const Size z = size_of(spec);
    const int64_t steps = z.patch.t * z.patch.n;
    Carve c = {base, 0};
    BackwardScratch scratch = {0};
    if (wanted & OP_X(NLL_W_GLIMPSE)) {
        scratch.glimpse = carve(&c, steps * z.depth, sizeof(float));
        scratch.gemm_bytes = larger(scratch.gemm_bytes, product_dw_glimpse(&z, z.depth / shards + 1, true));
    }
    if (wanted & OP_X(NLL_GLIMPSE)) {
        scratch.dglimpse = carve(&c, steps * z.depth, sizeof(float));
        scratch.gemm_bytes = larger(scratch.gemm_bytes, product_dglimpse(&z, steps / shards + 1));
    }
    if (wanted & OP_X(NLL_BIAS)) scratch.dbias = carve(&c, z.classes, sizeof(float));
    scratch.gemm_bytes = (scratch.gemm_bytes + CARVE_ALIGN - 1) / CARVE_ALIGN * CARVE_ALIGN;
    scratch.gemm = carve(&c, shards, scratch.gemm_bytes);
    scratch.bytes = c.bytes;
    return scratch;
}

size_t patch_nll_scratch_bytes(const OpSpec *spec, bool backward, uint32_t wanted, int shards) {
    return backward ? backward_scratch_of(spec, wanted, shards, NULL).bytes : scratch_of(spec, shards, 0, NULL).bytes;
}

static int64_t parts_of(int64_t steps, int64_t classes) {
    const int64_t slabs = (classes + PATCH_NLL_SLAB - 1) / PATCH_NLL_SLAB, most = PATCH_NLL_BLOCKS / slabs;
    return most < 1 ? 1 : most < steps ? most : steps;
}

static void cuda_forward_scratch(PatchNllScratch *scratch, Carve *c, const OpSpec *spec) {
    const Size z = size_of(spec);
    const int64_t steps = z.patch.t * z.patch.n, weights = z.patch.c * z.classes;
    const bool is_map = infer_has(spec, NLL_MAP) || z.patch.c > PATCH_NLL_CHANNELS;
    scratch->u = carve(c, steps * z.classes, sizeof(float));
    scratch->loss = carve(c, steps, sizeof(double));
    if (is_map || z.classes > PATCH_NLL_SLAB)
        scratch->pixels = carve(c, steps * (z.patch.patch_h * z.patch.patch_w + 1), sizeof(PatchNllPixel));
    if (is_map) {
        const size_t row = (size_t)z.classes * sizeof(float);
        scratch->parts = steps;
        scratch->tile_rows = cuda_tile_rows(z.patch.n * z.positions, row);
        scratch->q = carve(c, scratch->tile_rows, row);
        scratch->dq = carve(c, scratch->tile_rows, row);
    } else {
        scratch->parts = parts_of(steps, z.classes);
        scratch->dw_pixel = carve(c, scratch->parts * weights, sizeof(float));
        scratch->sums = carve(c, (int64_t)cuda_sum_bytes(scratch->parts, weights), 1);
    }
}

PatchNllScratch patch_nll_cuda_scratch(const OpSpec *spec, bool backward, uint32_t wanted, void *base) {
    const Size z = size_of(spec);
    const int64_t steps = z.patch.t * z.patch.n;
    Carve c = {base, 0};
    PatchNllScratch scratch = {0};
    if (!backward) cuda_forward_scratch(&scratch, &c, spec);
    if (backward && wanted & (OP_X(NLL_GLIMPSE) | OP_X(NLL_W_GLIMPSE) | OP_X(NLL_BIAS)))
        scratch.du = carve(&c, steps * z.classes, sizeof(float));
    if (backward && wanted & OP_X(NLL_BIAS)) scratch.sums = carve(&c, (int64_t)cuda_sum_bytes(steps, z.classes), 1);
    scratch.bytes = c.bytes;
    return scratch;
}

KERNEL static void add_scaled(float *out, const float *x, float factor, int64_t n, bool add) {
    if (add) {
        KERNEL_LOOP
        for (int64_t i = 0; i < n; i++) out[i] += factor * x[i];
    } else {
        KERNEL_LOOP
        for (int64_t i = 0; i < n; i++) out[i] = factor * x[i];
    }
}

/* One image on its way through the forward pass. */
typedef struct Pass {
    const OpCall *call;
    const PatchNllAttr *attr;
    Size z;
    Task task;
    int64_t n;              /* the image */
    int64_t first, n_block; /* its map elements [first, first + n_block) */
    bool is_open;           /* q and dq hold the block */
    double loss;
} Pass;

/* Where a step's patch lies in the image: rows [top, bottom), columns [left, right), and how much of it outside. */
typedef struct Window {
    int64_t top, bottom, left, right, outside;
} Window;

/* False when the step has no box. */
static bool window_of(Window *out, const Pass *pass, int64_t t) {
    const PatchSize *s = &pass->z.patch;
    const PatchCropAttr *crop = &pass->attr->crop;
    const int64_t k = t * s->n + pass->n;
    int64_t first = 0, last = 0;
    if (!patch_has_box((const float *)pass->call->x[NLL_BOX] + 4 * k)) return false;
    const int64_t row = patch_start(((const float *)pass->call->x[NLL_CENTRE_Y])[k], crop->stride_y, crop->height);
    const int64_t column = patch_start(((const float *)pass->call->x[NLL_CENTRE_X])[k], crop->stride_x, crop->width);
    patch_inside(row, s->patch_h, s->h, &first, &last);
    *out = (Window){.top = row + first, .bottom = row + last};
    patch_inside(column, s->patch_w, s->w, &first, &last);
    out->left = column + first;
    out->right = column + last;
    out->outside = s->patch_h * s->patch_w - (out->bottom - out->top) * (out->right - out->left);
    return true;
}

static const float *pixels_of(const Pass *pass) {
    const Size *z = &pass->z;
    const float *map = pass->call->x[patch_nll_inputs(pass->call->spec).image];
    return map + (pass->n * z->positions + pass->first) * z->patch.c;
}

static void clear_block(float *q, const Size *z) {
    memset(q, 0, (size_t)(z->columns ? z->classes * z->ld : z->block * z->ld) * sizeof *q);
}

/* Only blocks that some labelled pixel is part of are opened. */
static void open_block(Pass *pass) {
    const Gemm g = product_q(&pass->z, pass->n_block);
    if (pass->is_open) return;
    pass->is_open = true;
    clear_block(pass->task.q, &pass->z); /* what lies behind the last column is read, too */
    clear_block(pass->task.dq, &pass->z);
    if (pass->z.columns)
        gemm_run(&g, pass->call->x[NLL_W_PIXEL], pixels_of(pass), pass->task.q, pass->task.gemm);
    else
        gemm_run(&g, pixels_of(pass), pass->call->x[NLL_W_PIXEL], pass->task.q, pass->task.gemm);
}

static void close_block(Pass *pass) {
    const Size *z = &pass->z;
    float *dmap = pass->call->y[NLL_DMAP]; /* NULL for an image */
    if (dmap != NULL) dmap += (pass->n * z->positions + pass->first) * z->patch.c;
    if (pass->is_open) {
        const Gemm dw = product_dw_pixel(z, pass->n_block), df = product_dmap(z, pass->n_block);
        gemm_run(&dw, pixels_of(pass), pass->task.dq, pass->task.dw_pixel, pass->task.gemm);
        if (dmap != NULL) gemm_run(&df, pass->task.dq, pass->call->x[NLL_W_PIXEL], dmap, pass->task.gemm);
    } else if (dmap != NULL) {
        memset(dmap, 0, (size_t)(pass->n_block * z->patch.c) * sizeof *dmap);
    }
    pass->is_open = false;
}

/* n pixels of step t from element `at` of the block on, with the labels of the task. */
static void add_run(Pass *pass, int64_t t, int64_t at, int64_t n, float weight) {
    const Size *z = &pass->z;
    const int64_t offset = z->columns ? at : at * z->ld;
    const PixelRun run = {.n = n,
                          .classes = z->classes,
                          .ld = z->ld,
                          .tanh = pass->attr->tanh != 0,
                          .weight = weight,
                          .label = pass->task.label,
                          .u = pass->task.u + t * z->classes,
                          .q = pass->task.q + offset,
                          .du = (float *)pass->call->y[NLL_DU] + (t * z->patch.n + pass->n) * z->classes,
                          .dq = pass->task.dq + offset,
                          .work = pass->task.work};
    pass->loss += z->columns ? pixel_nll_columns(&run) : pixel_nll_rows(&run);
}

/* Labels of map elements [begin, end) of the image, all in row r; false if none of them counts. */
static bool label_run(const Pass *pass, int64_t t, int64_t r, int64_t begin, int64_t end) {
    const PatchSize *s = &pass->z.patch;
    const int32_t *mask = (const int32_t *)pass->call->x[NLL_MASK] + pass->n * s->mask_h * s->mask_w;
    const float *box = (const float *)pass->call->x[NLL_BOX] + (t * s->n + pass->n) * 4;
    bool any = false;
    for (int64_t p = begin; p < end; p++) {
        const int32_t label = patch_label(&pass->attr->crop, s, mask, box, r, p - r * s->w);
        pass->task.label[p - begin] = label;
        any = any || label >= 0;
    }
    return any;
}

/* The part of step t's patch that lies in the block. */
static void add_step(Pass *pass, int64_t t) {
    const int64_t w = pass->z.patch.w, block_end = pass->first + pass->n_block;
    Window window;
    if (!window_of(&window, pass, t)) return;
    const int64_t top = pass->first / w, bottom = (block_end - 1) / w + 1;
    for (int64_t r = top > window.top ? top : window.top; r < bottom && r < window.bottom; r++) {
        int64_t begin = r * w + window.left, end = r * w + window.right;
        begin = begin > pass->first ? begin : pass->first;
        end = end < block_end ? end : block_end;
        if (begin >= end || !label_run(pass, t, r, begin, end)) continue;
        open_block(pass);
        add_run(pass, t, begin - pass->first, end - begin, 1.0f);
    }
}

/* The parts of all patches that lie outside the image: one element of zeros, whose dq nobody wants. */
static void add_outside(Pass *pass) {
    Window window;
    if (pass->attr->crop.outside < 0) return;
    clear_block(pass->task.q, &pass->z);
    clear_block(pass->task.dq, &pass->z);
    pass->task.label[0] = pass->attr->crop.outside;
    for (int64_t t = 0; t < pass->z.patch.t; t++)
        if (window_of(&window, pass, t) && window.outside > 0) add_run(pass, t, 0, 1, (float)window.outside);
}

static void begin_image(const Pass *pass) {
    const Size *z = &pass->z;
    const Gemm g = product_u(z);
    const size_t row = (size_t)z->classes * sizeof(float);
    float *du = (float *)pass->call->y[NLL_DU] + pass->n * z->classes;
    for (int64_t t = 0; t < z->patch.t; t++) {
        memcpy(pass->task.u + t * z->classes, pass->call->x[NLL_BIAS], row);
        memset(du + t * z->patch.n * z->classes, 0, row);
    }
    gemm_run(&g, (const float *)pass->call->x[NLL_GLIMPSE] + pass->n * z->depth, pass->call->x[NLL_W_GLIMPSE],
             pass->task.u, pass->task.gemm);
}

static void images_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Scratch scratch = scratch_of(call->spec, call->shards, i_task, call->scratch);
    Pass pass = {.call = call, .attr = call->spec->attr, .z = size_of(call->spec), .task = scratch.task};
    const Size *z = &pass.z;
    int64_t first, last;
    par_range(z->patch.n, call->shards, i_task, &first, &last);
    const int64_t weights = z->patch.c * z->classes;
    pass.task.dw_pixel = i_task == 0 ? call->y[NLL_DW_PIXEL] : scratch.dw_pixel + (i_task - 1) * weights;
    memset(pass.task.dw_pixel, 0, (size_t)weights * sizeof(float));
    for (pass.n = first; pass.n < last; pass.n++) {
        pass.loss = 0.0;
        begin_image(&pass);
        for (pass.first = 0; pass.first < z->positions; pass.first += z->block) {
            const int64_t rest = z->positions - pass.first;
            pass.n_block = rest < z->block ? rest : z->block;
            for (int64_t t = 0; t < z->patch.t; t++) add_step(&pass, t);
            close_block(&pass);
        }
        add_outside(&pass);
        scratch.loss[pass.n] = pass.loss;
    }
}

Err patch_nll_fwd(const OpCall *call) {
    const Size z = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, call->shards, 0, call->scratch);
    const int64_t weights = z.patch.c * z.classes;
    const PatchNllAttr *attr = call->spec->attr;
    float *dw_pixel = call->y[NLL_DW_PIXEL];
    double loss = 0.0;
    par_run(call->par, call->shards, images_task, (void *)call);
    for (int i = 1; i < call->shards; i++)
        add_scaled(dw_pixel, scratch.dw_pixel + (i - 1) * weights, 1.0f, weights, true);
    for (int64_t n = 0; n < z.patch.n; n++) loss += scratch.loss[n];
    *(float *)call->y[NLL_LOSS] = (float)(attr->scale * (double)*(const float *)call->x[NLL_INV_COUNT] * loss);
    return ERR_OK;
}

/* ---- backward ---- */

static float factor_of(const OpCall *call) {
    const PatchNllAttr *attr = call->spec->attr;
    return *(const float *)call->dy[NLL_LOSS] * *(const float *)call->x[NLL_INV_COUNT] * (float)attr->scale;
}

static BackwardScratch backward_scratch_of_call(const OpCall *call) {
    uint32_t wanted = 0;
    for (int i = 0; i < NLL_N_X; i++)
        if (call->dx[i] != NULL) wanted |= OP_X(i);
    return backward_scratch_of(call->spec, wanted, call->shards, call->scratch);
}

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

/* A range of the steps: their glimpses scaled, and dglimpse. */
static void steps_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size z = size_of(call->spec);
    const BackwardScratch scratch = backward_scratch_of_call(call);
    int64_t first, last;
    par_range(z.patch.t * z.patch.n, call->shards, i_task, &first, &last);
    const int64_t at = first * z.depth, n = (last - first) * z.depth;
    if (call->dx[NLL_W_GLIMPSE] != NULL)
        add_scaled(scratch.glimpse + at, (const float *)call->x[NLL_GLIMPSE] + at, factor_of(call), n, false);
    if (call->dx[NLL_GLIMPSE] != NULL) {
        const Gemm g = product_dglimpse(&z, last - first);
        gemm_run(&g, (const float *)call->y[NLL_DU] + first * z.classes, call->x[NLL_W_GLIMPSE], scratch.dglimpse + at,
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
        add_scaled((float *)call->dx[NLL_GLIMPSE] + at, scratch.dglimpse + at, factor_of(call), n,
                   adds(call, NLL_GLIMPSE));
    }
}

/* dx[i] from what the forward pass saved, a range of it. */
static void scale_saved(const OpCall *call, int i, const float *saved, int64_t n, int i_task) {
    int64_t first, last;
    if (call->dx[i] == NULL) return;
    par_range(n, call->shards, i_task, &first, &last);
    add_scaled((float *)call->dx[i] + first, saved + first, factor_of(call), last - first, adds(call, i));
}

static void weights_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size z = size_of(call->spec);
    const BackwardScratch scratch = backward_scratch_of_call(call);
    int64_t first, last;
    scale_saved(call, NLL_W_PIXEL, call->y[NLL_DW_PIXEL], z.patch.c * z.classes, i_task);
    scale_saved(call, NLL_MAP, call->y[NLL_DMAP], z.patch.n * z.positions * z.patch.c, i_task);
    if (call->dx[NLL_BIAS] != NULL) {
        par_range(z.classes, call->shards, i_task, &first, &last);
        columns_sum(scratch.dbias + first, (const float *)call->y[NLL_DU] + first, z.patch.t * z.patch.n, last - first,
                    z.classes, false);
        scale_saved(call, NLL_BIAS, scratch.dbias, z.classes, i_task);
    }
    if (call->dx[NLL_W_GLIMPSE] != NULL) {
        par_range(z.depth, call->shards, i_task, &first, &last);
        const Gemm g = product_dw_glimpse(&z, last - first, adds(call, NLL_W_GLIMPSE));
        gemm_run(&g, scratch.glimpse + first, call->y[NLL_DU], (float *)call->dx[NLL_W_GLIMPSE] + first * z.classes,
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    }
}

Err patch_nll_bwd(const OpCall *call) {
    par_run(call->par, call->shards, steps_task, (void *)call);
    par_run(call->par, call->shards, weights_task, (void *)call);
    return ERR_OK;
}

/* conv2d: y[n,i,j,:] = bias + sum over (p,q) of x[n, i stride_h + p - pad_top, j stride_w + q - pad_left, :]
 * w[p,q,:,:]. x [N,H,W,C], w [KH,KW,C,O], bias? [O] -> y [N,Ho,Wo,O]. dx and dw are the transposes of that sum, dbias
 * the sum of dy over pixels. Tasks are images: forward and dx do not depend on the shards; dw is summed for each shard,
 * then over shards in order. */
#include "kernels/conv2d.h"
#include "kernels/columns.h"
#include "kernels/infer.h"
#include "kernels/simd.h"

enum { X = CONV2D_X, W = CONV2D_W, BIAS = CONV2D_BIAS };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    Shape y = spec->x[X];
    TRY(infer_rank(spec, X, "x", DT_REAL, 4));
    const Conv c = conv2d_sizes(spec);
    TRY(window_count(&y.dim[1], &c.rows, c.h, "height"));
    TRY(window_count(&y.dim[2], &c.columns, c.w, "width"));
    y.dim[3] = c.o;
    TRY(infer_shape(spec, W, "w", DT_REAL, SHAPE4(c.rows.kernel, c.columns.kernel, c.c, c.o)));
    TRY(infer_shape(spec, BIAS, "bias", DT_REAL, SHAPE1(c.o)));
    infer_output(spec, DT_REAL, y);
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    const int64_t n = 2 * shape_count(&spec->y[0]) * shape_outer(&spec->x[W], 3);
    return backward ? 2 * n : n;
}

/* ---- scratch: packed weights, then a part for each shard; then the shards' dw, but the first, which is dw itself ----
 */

static int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

static int64_t shard_floats(const Conv *c, bool backward, uint32_t wanted) {
    if (!backward) return aligned(conv_forward_scratch(c));
    const int64_t data = wanted & OP_X(X) ? conv_data_scratch(c) : 0;
    const int64_t weights = wanted & OP_X(W) ? conv_weights_scratch(c) : 0;
    return aligned(data > weights ? data : weights);
}

static int64_t packed_floats(const Conv *c, bool backward, uint32_t wanted) {
    return backward && !(wanted & OP_X(X)) ? 0 : aligned(conv_packed_floats(c, backward));
}

/* CUDA's columns and the partial sums of dbias take turns. */
static size_t cuda_bytes(const OpSpec *spec, const Conv *c, bool backward, uint32_t wanted) {
    const int64_t n_images = spec->x[X].dim[0];
    const bool unrolls = !conv2d_is_product(c) && (!backward || wanted & (OP_X(X) | OP_X(W)));
    const size_t columns = unrolls ? conv2d_tile_bytes(c, n_images) : 0;
    const size_t sums = backward && wanted & OP_X(BIAS) ? cuda_sum_bytes(n_images * c->ho * c->wo, c->o) : 0;
    return columns > sums ? columns : sums;
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    const Conv c = conv2d_sizes(spec);
    if (device == DEVICE_CUDA) return cuda_bytes(spec, &c, backward, wanted);
    if (device != DEVICE_CPU) return 0;
    int64_t floats = packed_floats(&c, backward, wanted) + shards * shard_floats(&c, backward, wanted);
    if (backward && wanted & OP_X(W)) floats += (shards - 1) * aligned(shape_count(&spec->x[W]));
    return (size_t)floats * sizeof(float);
}

/* What the tasks of one pass share. */
typedef struct Pass {
    const OpCall *call;
    Conv conv;
    float *packed, *shards, *partials;
    int64_t shard_floats;
} Pass;

static Pass pass_of(const OpCall *call, bool backward) {
    Pass p = {.call = call, .conv = conv2d_sizes(call->spec), .packed = call->scratch};
    const uint32_t wanted = (call->dx[X] != NULL ? OP_X(X) : 0) | (call->dx[W] != NULL ? OP_X(W) : 0);
    p.shard_floats = shard_floats(&p.conv, backward, wanted);
    p.shards = p.packed + packed_floats(&p.conv, backward, wanted);
    p.partials = p.shards + call->shards * p.shard_floats;
    return p;
}

static int64_t image_of_x(const Pass *p) { return p->conv.h * p->conv.w * p->conv.c; }
static int64_t image_of_y(const Pass *p) { return p->conv.ho * p->conv.wo * p->conv.o; }

/* ---- forward ---- */

static void pack_forward_task(void *arg, int i_task) {
    const Pass *p = arg;
    conv_pack_forward(&p->conv, p->call->x[W], p->packed, p->call->shards, i_task);
}

static void forward_task(void *arg, int i_task) {
    const Pass *p = arg;
    const OpCall *call = p->call;
    int64_t first, last;
    par_range(call->spec->x[X].dim[0], call->shards, i_task, &first, &last);
    for (int64_t n = first; n < last; n++)
        conv_forward(&p->conv, (const float *)call->x[X] + n * image_of_x(p), p->packed, call->x[BIAS],
                     (float *)call->y[0] + n * image_of_y(p), p->shards + i_task * p->shard_floats);
}

static Err fwd(const OpCall *call) {
    Pass p = pass_of(call, false);
    par_run(call->par, call->shards, pack_forward_task, &p);
    par_run(call->par, call->shards, forward_task, &p);
    return ERR_OK;
}

/* ---- backward ---- */

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static float *partial_of(const Pass *p, int shard) {
    if (shard == 0) return p->call->dx[W];
    return p->partials + (shard - 1) * aligned(shape_count(&p->call->spec->x[W]));
}

static void pack_backward_task(void *arg, int i_task) {
    const Pass *p = arg;
    conv_pack_backward(&p->conv, p->call->x[W], p->packed, p->call->shards, i_task);
}

static void backward_task(void *arg, int i_task) {
    const Pass *p = arg;
    const OpCall *call = p->call;
    const float *x = call->x[X], *dy = call->dy[0];
    float *scratch = p->shards + i_task * p->shard_floats;
    int64_t first, last;
    par_range(call->spec->x[X].dim[0], call->shards, i_task, &first, &last);
    for (int64_t n = first; n < last && call->dx[X] != NULL; n++)
        conv_backward_data(&p->conv, dy + n * image_of_y(p), p->packed, (float *)call->dx[X] + n * image_of_x(p),
                           adds(call, X), scratch);
    if (call->dx[W] == NULL) return;
    float *dw = partial_of(p, i_task);
    const bool add = i_task == 0 && adds(call, W);
    for (int64_t k = 0; first == last && !add && k < shape_count(&call->spec->x[W]); k++) dw[k] = 0.0f;
    if (first < last)
        conv_backward_weights(&p->conv, x + first * image_of_x(p), dy + first * image_of_y(p), last - first, dw, add,
                              scratch);
}

KERNEL static void add_floats(float *restrict out, const float *restrict x, int64_t n) {
    for (int64_t k = 0; k < n; k++) out[k] += x[k];
}

/* The shards' dw in order, and dbias, cut by elements. */
static void reduce_task(void *arg, int i_task) {
    const Pass *p = arg;
    const OpCall *call = p->call;
    const int64_t n_pixels = call->spec->x[X].dim[0] * p->conv.ho * p->conv.wo;
    int64_t first, last;
    par_range(shape_count(&call->spec->x[W]), call->shards, i_task, &first, &last);
    for (int s = 1; s < call->shards && call->dx[W] != NULL; s++)
        add_floats((float *)call->dx[W] + first, partial_of(p, s) + first, last - first);
    par_range(p->conv.o, call->shards, i_task, &first, &last);
    if (call->dx[BIAS] != NULL)
        columns_sum((float *)call->dx[BIAS] + first, (const float *)call->dy[0] + first, n_pixels, last - first,
                    p->conv.o, adds(call, BIAS));
}

static Err bwd(const OpCall *call) {
    Pass p = pass_of(call, true);
    if (call->dx[X] != NULL) par_run(call->par, call->shards, pack_backward_task, &p);
    if (call->dx[X] != NULL || call->dx[W] != NULL) par_run(call->par, call->shards, backward_task, &p);
    par_run(call->par, call->shards, reduce_task, &p);
    return ERR_OK;
}

/* ---- reference ---- */

/* Calls visit for every product x[i_x] w[i_w] in y[i_y]. */
static void ref_products(const OpCall *call, void (*visit)(const OpCall *, int64_t i_y, int64_t i_x, int64_t i_w)) {
    const Conv2dAttr *a = call->spec->attr;
    const int64_t *x = call->spec->x[X].dim, *y = call->spec->y[0].dim;
    for (int64_t i_y = 0; i_y < shape_count(&call->spec->y[0]); i_y++)
        for (int64_t k = 0; k < shape_outer(&call->spec->x[W], 3); k++) {
            const int64_t o = i_y % y[3], column = i_y / y[3] % y[2], row = i_y / (y[3] * y[2]) % y[1];
            const int64_t n = i_y / (y[3] * y[2] * y[1]), c = k % x[3];
            const int64_t i = row * a->stride_h - a->pad_top + k / (x[3] * a->kernel_w);
            const int64_t j = column * a->stride_w - a->pad_left + k / x[3] % a->kernel_w;
            if (i >= 0 && i < x[1] && j >= 0 && j < x[2])
                visit(call, i_y, ((n * x[1] + i) * x[2] + j) * x[3] + c, k * y[3] + o);
        }
}

static void ref_forward_product(const OpCall *call, int64_t i_y, int64_t i_x, int64_t i_w) {
    ((double *)call->y[0])[i_y] += ((const double *)call->x[X])[i_x] * ((const double *)call->x[W])[i_w];
}

static Err ref_fwd(const OpCall *call) {
    const double *bias = call->x[BIAS];
    double *y = call->y[0];
    for (int64_t i = 0; i < shape_count(&call->spec->y[0]); i++)
        y[i] = bias == NULL ? 0.0 : bias[i % shape_last(&call->spec->y[0])];
    ref_products(call, ref_forward_product);
    return ERR_OK;
}

static void ref_backward_product(const OpCall *call, int64_t i_y, int64_t i_x, int64_t i_w) {
    const double dy = ((const double *)call->dy[0])[i_y];
    if (call->dx[X] != NULL) ((double *)call->dx[X])[i_x] += dy * ((const double *)call->x[W])[i_w];
    if (call->dx[W] != NULL) ((double *)call->dx[W])[i_w] += dy * ((const double *)call->x[X])[i_x];
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0];
    double *dbias = call->dx[BIAS];
    for (int p = X; p <= BIAS; p++)
        for (int64_t i = 0; call->dx[p] != NULL && !adds(call, p) && i < shape_count(&call->spec->x[p]); i++)
            ((double *)call->dx[p])[i] = 0.0;
    ref_products(call, ref_backward_product);
    for (int64_t i = 0; dbias != NULL && i < shape_count(&call->spec->y[0]); i++)
        dbias[i % shape_last(&call->spec->y[0])] += dy[i];
    return ERR_OK;
}

/* ATTR: kernel, channels out, stride, then padding top, bottom, left, right. */
#define ATTR(...)                                                                                                      \
    .attr = &(Conv2dAttr) { __VA_ARGS__ }
#define INPUTS(n, h, w, c, kh, kw, o) .n_x = 2, .x = {{.shape = {4, {n, h, w, c}}}, {.shape = {4, {kh, kw, c, o}}}}
#define INPUTS_BIAS(n, h, w, c, kh, kw, o)                                                                             \
    .n_x = 3, .x = {{.shape = {4, {n, h, w, c}}}, {.shape = {4, {kh, kw, c, o}}}, {.shape = {1, {o}}}}
static const OpCase cases[] = {
    {.name = "prime", ATTR(3, 3, 7, 1, 1, 1, 1, 1, 1), INPUTS_BIAS(5, 5, 7, 3, 3, 3, 7)},
    {.name = "sixteen", ATTR(3, 3, 16, 1, 1, 1, 1, 1, 1), INPUTS(2, 4, 13, 16, 3, 3, 16)},
    {.name = "one channel", ATTR(3, 3, 19, 1, 1, 1, 1, 1, 1), INPUTS(2, 5, 3, 1, 3, 3, 19)},
    {.name = "one output", ATTR(3, 3, 1, 1, 1, 1, 1, 1, 1), INPUTS(1, 3, 5, 11, 3, 3, 1)},
    {.name = "two rows to one", ATTR(2, 1, 17, 1, 1, 0, 0, 0, 0), INPUTS(3, 2, 7, 5, 2, 1, 17)},
    {.name = "one by one", ATTR(1, 1, 33, 1, 1, 0, 0, 0, 0), INPUTS_BIAS(2, 3, 5, 7, 1, 1, 33)},
    {.name = "one by one, strided", ATTR(1, 1, 5, 2, 2, 0, 0, 0, 0), INPUTS(2, 5, 4, 3, 1, 1, 5)},
    {.name = "width padded", ATTR(2, 2, 5, 2, 1, 0, 0, 1, 1), INPUTS_BIAS(2, 4, 5, 3, 2, 2, 5)},
    {.name = "strides two and one", ATTR(3, 3, 5, 2, 1, 1, 1, 1, 1), INPUTS(2, 7, 5, 3, 3, 3, 5)},
    {.name = "strides three and two", ATTR(2, 5, 3, 3, 2, 1, 0, 2, 4), INPUTS(2, 8, 7, 2, 2, 5, 3)},
    {.name = "one-sided padding", ATTR(2, 2, 3, 2, 2, 1, 0, 0, 1), INPUTS(1, 5, 6, 3, 2, 2, 3)},
    {.name = "kernel covers the image", ATTR(3, 5, 2, 1, 1, 0, 0, 0, 0), INPUTS(3, 3, 5, 2, 3, 5, 2)},
    {.name = "kernel reaches beyond", ATTR(5, 7, 3, 1, 1, 4, 4, 6, 6), INPUTS(1, 2, 3, 2, 5, 7, 3)},
    {.name = "blocks of one kernel row", ATTR(3, 3, 3, 1, 1, 1, 1, 1, 1), INPUTS(1, 3, 3, 67, 3, 3, 3)},
    {.name = "blocks inside a kernel row", ATTR(2, 3, 2, 1, 1, 1, 0, 1, 1), INPUTS(1, 2, 4, 101, 2, 3, 2)},
    {.name = "many outputs", ATTR(2, 2, 131, 1, 1, 0, 1, 0, 1), INPUTS(1, 3, 4, 2, 2, 2, 131)},
    {.name = "wide", ATTR(3, 3, 2, 1, 1, 1, 1, 1, 1), INPUTS(1, 2, 211, 2, 3, 3, 2)},
};
#undef INPUTS_BIAS
#undef INPUTS
#undef ATTR

const Op op_conv2d = {
    .name = "conv2d",
    .n_x_min = 2,
    .n_x_max = 3,
    .n_out = 1,
    .differentiable = OP_X(X) | OP_X(W) | OP_X(BIAS),
    .bwd_needs = {[X] = OP_X(W), [W] = OP_X(X)},
    .attr_bytes = sizeof(Conv2dAttr),
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .flops = flops,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

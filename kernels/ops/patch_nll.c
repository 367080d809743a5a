/* patch_nll: classification of the pixels around a step's attention centre (PAPER 1.5, 1.6), loss and gradients in one
 * pass and without a tensor of [T,N,P,K].
 *   z[t,n,p] = u[t,n] + f[n,p] w_pixel,  u = glimpse w_glimpse + bias,  e = tanh(z) or z,
 *   loss = scale inv_count L,  L = -sum over t, n, p of ln softmax(e[t,n,p])[label[t,n,p]], labels < 0 left out;
 *   dz = (softmax(e) - onehot(label)) (1 - e^2, with tanh),  du[t,n] = sum_p dz,  dq[n,p] = sum_t dz at map element p,
 *   dw_pixel = sum over n, p of f dq,  df[n,p] = dq w_pixel';  dw_glimpse = glimpse' du,  dglimpse = du w_glimpse',
 *   dbias = sum du.
 * The forward pass does it all but for the last three products, for L; the backward pass scales (Liger's fused loss).
 * The crop is whole elements, so that q = f w_pixel does not depend on t (PAPER 4.4): the map is walked in blocks of a
 * few elements, q and dq of a block serve every step whose patch covers part of it. What of a patch lies outside the
 * image is one pixel of zeros that counts as often as it occurs. Images are cut into tasks; dw_pixel is summed for each
 * shard, then over shards in order, everything else does not depend on them. */
#include <math.h>

#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/patch.h"
#include "kernels/patch_nll.h"

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    const PatchNllAttr *attr = spec->attr;
    FAIL_IF(infer_has(spec, NLL_IMAGE) == infer_has(spec, NLL_MAP), ERR_SHAPE, "%s, expected one of image and map",
            infer_has(spec, NLL_MAP) ? "both are there" : "neither is there");
    TRY(patch_infer(spec, &attr->crop, patch_nll_inputs(spec)));
    const PatchSize s = patch_size(spec, &attr->crop, patch_nll_inputs(spec));
    TRY(infer_rank(spec, NLL_W_GLIMPSE, "w_glimpse", DT_REAL, 2));
    const int64_t depth = spec->x[NLL_W_GLIMPSE].dim[0], classes = spec->x[NLL_W_GLIMPSE].dim[1];
    TRY(infer_shape(spec, NLL_GLIMPSE, "glimpse", DT_REAL, SHAPE3(s.t, s.n, depth)));
    TRY(infer_shape(spec, NLL_W_PIXEL, "w_pixel", DT_REAL, SHAPE2(s.c, classes)));
    TRY(infer_shape(spec, NLL_BIAS, "bias", DT_REAL, SHAPE1(classes)));
    TRY(infer_shape(spec, NLL_INV_COUNT, "inv_count", DT_REAL, SHAPE0()));
    FAIL_IF(attr->crop.classes > classes || attr->crop.outside >= classes, ERR_SHAPE,
            "labels go up to %d, expected less than %lld, the number of energies",
            (int)(attr->crop.outside < attr->crop.classes ? attr->crop.classes - 1 : attr->crop.outside),
            (long long)classes);
    infer_output(spec, DT_REAL, SHAPE0());
    infer_output(spec, DT_REAL, SHAPE3(s.t, s.n, classes));
    infer_output(spec, DT_REAL, SHAPE2(s.c, classes));
    if (infer_has(spec, NLL_MAP)) infer_output(spec, DT_REAL, spec->x[NLL_MAP]);
done:
    return err;
}

/* The reference's forward pass keeps u and e [K]. */
static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    if (device == DEVICE_REF) return backward ? 0 : (size_t)(2 * spec->x[NLL_W_GLIMPSE].dim[1]) * sizeof(double);
    if (device == DEVICE_CUDA) return patch_nll_cuda_scratch(spec, backward, wanted, NULL).bytes;
    return patch_nll_scratch_bytes(spec, backward, wanted, shards);
}

/* ---- reference ---- */

typedef struct RefPixel {
    int64_t step, n, p; /* t * N + n; map element (n, r, c), -1 outside the image */
    int32_t label;
} RefPixel;

/* Element i of the patch along one axis, in elements of the map. */
static int64_t ref_position(double centre, int64_t i, int32_t stride, int32_t length) {
    const double c = isnan(centre) ? 0.0 : fmin(fmax(centre, -1e12), 1e12);
    return (int64_t)floor(c / stride) + i - length / 2;
}

static RefPixel ref_pixel(const OpCall *call, int64_t step, int64_t i) {
    const PatchCropAttr *crop = &((const PatchNllAttr *)call->spec->attr)->crop;
    const Shape *map = &call->spec->x[patch_nll_inputs(call->spec).image], *mask = &call->spec->x[NLL_MASK];
    const double *box = (const double *)call->x[NLL_BOX] + 4 * step;
    const int64_t n = step % map->dim[0];
    const int64_t r =
        ref_position(((const double *)call->x[NLL_CENTRE_Y])[step], i / crop->width, crop->stride_y, crop->height);
    const int64_t c =
        ref_position(((const double *)call->x[NLL_CENTRE_X])[step], i % crop->width, crop->stride_x, crop->width);
    const double y = ((double)r + 0.5) * crop->stride_y, x = ((double)c + 0.5) * crop->stride_x;
    const bool inside = r >= 0 && r < map->dim[1] && c >= 0 && c < map->dim[2];
    const bool masked = inside && y < (double)mask->dim[1] && x < (double)mask->dim[2];
    const bool own = x >= box[0] && x < box[2] && y >= box[1] && y < box[3];
    RefPixel pixel = {step, n, inside ? (n * map->dim[1] + r) * map->dim[2] + c : -1, crop->outside};
    if (masked && (own || !crop->own)) {
        const int32_t *row = (const int32_t *)call->x[NLL_MASK] + (n * mask->dim[1] + (int64_t)y) * mask->dim[2];
        const int32_t class = row[(int64_t)x];
        if (class >= 0 && class < crop->classes) pixel.label = class;
    }
    if (box[2] <= box[0]) pixel.label = -1;
    return pixel;
}

/* e [K] of a pixel; returns the logarithm of the sum of its exponentials. */
static double ref_energies(const OpCall *call, const RefPixel *pixel, const double *u, double *e) {
    const PatchNllAttr *attr = call->spec->attr;
    const int64_t classes = call->spec->x[NLL_W_PIXEL].dim[1], channels = call->spec->x[NLL_W_PIXEL].dim[0];
    const double *map = call->x[patch_nll_inputs(call->spec).image], *w = call->x[NLL_W_PIXEL];
    double largest = -INFINITY;
    for (int64_t k = 0; k < classes; k++) {
        e[k] = u[k];
        for (int64_t z = 0; z < channels && pixel->p >= 0; z++)
            e[k] += map[pixel->p * channels + z] * w[z * classes + k];
        if (attr->tanh) e[k] = tanh(e[k]);
        largest = fmax(largest, e[k]);
    }
    double sum = exp(e[0] - largest);
    for (int64_t k = 1; k < classes; k++) sum += exp(e[k] - largest);
    return largest + log(sum);
}

static void ref_gradient(const OpCall *call, const RefPixel *pixel, const double *e, double log_sum) {
    const PatchNllAttr *attr = call->spec->attr;
    const int64_t classes = call->spec->x[NLL_W_PIXEL].dim[1], channels = call->spec->x[NLL_W_PIXEL].dim[0];
    const double *map = call->x[patch_nll_inputs(call->spec).image], *w = call->x[NLL_W_PIXEL];
    double *du = call->y[NLL_DU], *dw = call->y[NLL_DW_PIXEL], *dmap = call->y[NLL_DMAP];
    for (int64_t k = 0; k < classes; k++) {
        double dz = exp(e[k] - log_sum) - (k == pixel->label ? 1.0 : 0.0);
        if (attr->tanh) dz *= 1.0 - e[k] * e[k];
        du[pixel->step * classes + k] += dz;
        for (int64_t z = 0; z < channels && pixel->p >= 0; z++) {
            dw[z * classes + k] += dz * map[pixel->p * channels + z];
            if (dmap != NULL) dmap[pixel->p * channels + z] += dz * w[z * classes + k];
        }
    }
}

static Err ref_fwd(const OpCall *call) {
    const OpSpec *spec = call->spec;
    const PatchNllAttr *attr = spec->attr;
    const int64_t depth = spec->x[NLL_W_GLIMPSE].dim[0], classes = spec->x[NLL_W_GLIMPSE].dim[1];
    const double *glimpse = call->x[NLL_GLIMPSE], *w = call->x[NLL_W_GLIMPSE], *bias = call->x[NLL_BIAS];
    double *u = call->scratch, *e = u + classes, loss = 0.0;
    for (int i = NLL_DU; i < spec->n_y; i++)
        for (int64_t k = 0; k < shape_count(&spec->y[i]); k++) ((double *)call->y[i])[k] = 0.0;
    for (int64_t step = 0; step < shape_count(&spec->x[NLL_CENTRE_X]); step++) {
        for (int64_t k = 0; k < classes; k++) {
            u[k] = bias[k];
            for (int64_t d = 0; d < depth; d++) u[k] += glimpse[step * depth + d] * w[d * classes + k];
        }
        for (int64_t i = 0; i < (int64_t)attr->crop.height * attr->crop.width; i++) {
            const RefPixel pixel = ref_pixel(call, step, i);
            if (pixel.label < 0) continue;
            const double log_sum = ref_energies(call, &pixel, u, e);
            loss += log_sum - e[pixel.label];
            ref_gradient(call, &pixel, e, log_sum);
        }
    }
    *(double *)call->y[NLL_LOSS] = attr->scale * *(const double *)call->x[NLL_INV_COUNT] * loss;
    return ERR_OK;
}

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static void ref_scaled(const OpCall *call, int i, const double *saved, double factor) {
    double *dx = call->dx[i];
    for (int64_t k = 0; dx != NULL && k < shape_count(&call->spec->x[i]); k++)
        dx[k] = factor * saved[k] + (adds(call, i) ? dx[k] : 0.0);
}

static Err ref_bwd(const OpCall *call) {
    const OpSpec *spec = call->spec;
    const PatchNllAttr *attr = spec->attr;
    const int64_t depth = spec->x[NLL_W_GLIMPSE].dim[0], classes = spec->x[NLL_W_GLIMPSE].dim[1];
    const double *glimpse = call->x[NLL_GLIMPSE], *w = call->x[NLL_W_GLIMPSE],
                 *du = call->y[NLL_DU]; /* NULL where only dw_pixel or dmap is wanted */
    const double factor = *(const double *)call->dy[NLL_LOSS] * *(const double *)call->x[NLL_INV_COUNT] * attr->scale;
    double *dglimpse = call->dx[NLL_GLIMPSE], *dw = call->dx[NLL_W_GLIMPSE], *dbias = call->dx[NLL_BIAS];
    static const int summed[] = {NLL_GLIMPSE, NLL_W_GLIMPSE, NLL_BIAS};
    ref_scaled(call, NLL_W_PIXEL, call->y[NLL_DW_PIXEL], factor);
    ref_scaled(call, NLL_MAP, call->y[NLL_DMAP], factor);
    for (size_t i = 0; i < sizeof summed / sizeof summed[0]; i++)
        for (int64_t k = 0; call->dx[summed[i]] != NULL && k < shape_count(&spec->x[summed[i]]); k++)
            if (!adds(call, summed[i])) ((double *)call->dx[summed[i]])[k] = 0.0;
    for (int64_t step = 0; du != NULL && step < shape_count(&spec->x[NLL_CENTRE_X]); step++)
        for (int64_t k = 0; k < classes; k++) {
            const double d = factor * du[step * classes + k];
            if (dbias != NULL) dbias[k] += d;
            for (int64_t j = 0; j < depth; j++) {
                if (dglimpse != NULL) dglimpse[step * depth + j] += d * w[j * classes + k];
                if (dw != NULL) dw[j * classes + k] += d * glimpse[step * depth + j];
            }
        }
    return ERR_OK;
}

/* ---- descriptor ---- */

/* T, N, H, W, C, mask height and width, D, K, classes in the mask, pixels that boxes and centres are spread over;
 * what stands in the place of image and map. */
#define INPUTS(t, n, mh, mw, depth, k, c, mask_classes, pixels, box_fill, centre_fill, spread)                         \
    {{3, {n, mh, mw}}, DT_INT, FILL_LABEL, mask_classes, false}, {{3, {t, n, 4}}, DT_REAL, box_fill, pixels, false},   \
        {{2, {t, n}}, DT_REAL, centre_fill, spread, false}, {{2, {t, n}}, DT_REAL, centre_fill, spread, false},        \
        {{3, {t, n, depth}}, DT_REAL, FILL_NORMAL, 1, false}, {{2, {depth, k}}, DT_REAL, FILL_NORMAL, 0.5, false},     \
        {{2, {c, k}}, DT_REAL, FILL_NORMAL, 0.5, false}, {{1, {k}}, DT_REAL, FILL_NORMAL, 0.5, false}, {               \
        {0}, DT_REAL, FILL_POSITIVE, 1, false                                                                          \
    }
#define PIXELS(n, h, w, c)                                                                                             \
    { {4, {n, h, w, c}}, DT_REAL, FILL_NORMAL, 1, false }
#define NONE                                                                                                           \
    { .absent = true }

/* On an image of the mask's size, and on a feature map a quarter of it. */
#define ON_IMAGE(title, attr_, t, n, h, w, depth, k, c, ...)                                                           \
    {                                                                                                                  \
        .name = title, .attr = &attr_, .n_x = NLL_IMAGE + 1, .x = {                                                    \
            INPUTS(t, n, h, w, depth, k, c, __VA_ARGS__),                                                              \
            PIXELS(n, h, w, c)                                                                                         \
        }                                                                                                              \
    }
#define ON_FEATURES(title, attr_, t, n, depth, k, c, ...)                                                              \
    {                                                                                                                  \
        .name = title, .attr = &attr_, .n_x = NLL_N_X, .x = {                                                          \
            INPUTS(t, n, 20, 52, depth, k, c, __VA_ARGS__),                                                            \
            NONE,                                                                                                      \
            PIXELS(n, 5, 13, c)                                                                                        \
        }                                                                                                              \
    }

static const PatchNllAttr usual = {.crop = {5, 7, 1, 1, 10, 10, 0}, .tanh = 1, .scale = 1};
static const PatchNllAttr linear = {.crop = {5, 7, 1, 1, 10, 10, 0}, .tanh = 0, .scale = 1.0 / 35};
static const PatchNllAttr own = {.crop = {6, 4, 1, 1, 12, 12, 1}, .tanh = 1, .scale = 1};
static const PatchNllAttr ignoring = {.crop = {6, 19, 1, 1, 13, -1, 0}, .tanh = 1, .scale = 1};
static const PatchNllAttr ignoring_linear = {.crop = {6, 19, 1, 1, 13, -1, 1}, .tanh = 0, .scale = 1};
static const PatchNllAttr two = {.crop = {4, 3, 1, 1, 1, 1, 0}, .tanh = 1, .scale = 2};
static const PatchNllAttr large = {.crop = {31, 41, 1, 1, 2, 2, 0}, .tanh = 1, .scale = 1e-3};
static const PatchNllAttr coarse = {.crop = {3, 5, 4, 4, 12, 12, 0}, .tanh = 1, .scale = 1};
static const PatchNllAttr coarse_linear = {.crop = {3, 5, 4, 4, 60, 66, 0}, .tanh = 0, .scale = 1};
static const PatchNllAttr one = {.crop = {1, 1, 1, 1, 1, 0, 0}, .tanh = 0, .scale = 1};

static const OpCase cases[] = {
    ON_IMAGE("prime", usual, 3, 2, 13, 23, 5, 11, 3, 10, 20, FILL_BOX, FILL_POSITIVE, 20),
    ON_IMAGE("no tanh", linear, 3, 2, 13, 23, 5, 11, 3, 10, 20, FILL_BOX, FILL_POSITIVE, 20),
    {.name = "own labels, map absent",
     .attr = &own,
     .n_x = NLL_N_X,
     .x = {INPUTS(5, 3, 13, 17, 7, 13, 1, 12, 15, FILL_BOX, FILL_POSITIVE, 15), PIXELS(3, 13, 17, 1), NONE}},
    ON_IMAGE("without background", ignoring, 3, 2, 11, 29, 5, 13, 2, 13, 20, FILL_BOX, FILL_POSITIVE, 20),
    ON_IMAGE("without background, own labels, no tanh", ignoring_linear, 3, 2, 11, 29, 5, 13, 2, 13, 20, FILL_BOX,
             FILL_POSITIVE, 20),
    ON_IMAGE("two classes", two, 2, 3, 7, 11, 3, 2, 2, 1, 10, FILL_BOX, FILL_NORMAL, 12),
    ON_IMAGE("larger than the image", large, 2, 2, 7, 11, 3, 3, 2, 2, 10, FILL_BOX, FILL_POSITIVE, 10),
    /* all of every patch is outside: no gradient of w_pixel */
    ON_IMAGE("centres far away", two, 2, 3, 7, 11, 3, 2, 2, 1, 10, FILL_BOX, FILL_NORMAL, 1e30),
    ON_IMAGE("many classes", ignoring, 2, 3, 7, 23, 3, 331, 2, 13, 20, FILL_BOX, FILL_POSITIVE, 20),
    ON_IMAGE("many classes, no tanh", linear, 2, 1, 7, 23, 3, 331, 2, 10, 20, FILL_BOX, FILL_NORMAL, 20),
    ON_IMAGE("a hundred classes", usual, 3, 2, 7, 13, 3, 97, 3, 10, 15, FILL_BOX, FILL_POSITIVE, 15),
    ON_IMAGE("a hundred classes, no tanh", linear, 3, 2, 7, 13, 3, 97, 3, 10, 15, FILL_BOX, FILL_POSITIVE, 15),
    ON_IMAGE("many channels", usual, 3, 2, 7, 13, 3, 11, 5, 10, 15, FILL_BOX, FILL_POSITIVE, 15),
    /* as many as eight lanes and as a slab have (patch_nll.cu) */
    ON_IMAGE("64 classes", usual, 3, 2, 7, 13, 3, 64, 2, 10, 15, FILL_BOX, FILL_POSITIVE, 15),
    ON_IMAGE("256 classes", linear, 2, 2, 7, 13, 3, 256, 2, 10, 15, FILL_BOX, FILL_POSITIVE, 15),
    ON_FEATURES("features", coarse, 3, 2, 7, 13, 5, 12, 40, FILL_BOX, FILL_POSITIVE, 40),
    ON_FEATURES("features, many classes, no tanh", coarse_linear, 3, 2, 3, 67, 19, 60, 40, FILL_BOX, FILL_POSITIVE, 40),
    ON_FEATURES("features, many classes", coarse, 2, 3, 3, 67, 2, 12, 40, FILL_BOX, FILL_POSITIVE, 40),
    ON_FEATURES("features, hundreds of classes", coarse, 2, 2, 3, 263, 2, 12, 40, FILL_BOX, FILL_POSITIVE, 40),
    ON_FEATURES("features, hundreds of classes, no tanh", coarse_linear, 2, 2, 3, 263, 2, 60, 40, FILL_BOX,
                FILL_POSITIVE, 40),
    /* no gradient, no loss */
    ON_FEATURES("no box at all", coarse, 2, 1, 3, 13, 2, 12, 40, FILL_ZERO, FILL_POSITIVE, 40),
    ON_IMAGE("one of each", one, 1, 1, 1, 1, 1, 1, 1, 1, 1, FILL_BOX, FILL_POSITIVE, 1),
};

const Op op_patch_nll = {
    .name = "patch_nll",
    .n_x_min = NLL_INV_COUNT + 1,
    .n_x_max = NLL_N_X,
    .n_out = 1,
    .differentiable = OP_X(NLL_GLIMPSE) | OP_X(NLL_W_GLIMPSE) | OP_X(NLL_W_PIXEL) | OP_X(NLL_BIAS) | OP_X(NLL_MAP),
    .bwd_needs = {[NLL_GLIMPSE] = OP_Y(NLL_DU) | OP_X(NLL_W_GLIMPSE) | OP_X(NLL_INV_COUNT),
                  [NLL_W_GLIMPSE] = OP_Y(NLL_DU) | OP_X(NLL_GLIMPSE) | OP_X(NLL_INV_COUNT),
                  [NLL_W_PIXEL] = OP_Y(NLL_DW_PIXEL) | OP_X(NLL_INV_COUNT),
                  [NLL_BIAS] = OP_Y(NLL_DU) | OP_X(NLL_INV_COUNT),
                  [NLL_MAP] = OP_Y(NLL_DMAP) | OP_X(NLL_INV_COUNT)},
    .attr_bytes = sizeof(PatchNllAttr),
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .flops = patch_nll_flops,
    .fwd = patch_nll_fwd,
    .bwd = patch_nll_bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

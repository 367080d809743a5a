/* patch_crop: the window around a step's attention centre, with the class of every pixel in it.
 *   patch[t,n,(i,j)] = image[n, r, c], r = floor(centre_y / stride_y) - height / 2 + i, c likewise; 0 outside.
 *   label[t,n,(i,j)] = mask[n, (r + .5) stride_y, (c + .5) stride_x] where that is a class (and, if `own`, where that
 *   point lies in the step's box), else `outside`; -1 throughout in a step without a box.
 * dimage[n,r,c] = sum of dpatch over the steps, in order, that saw the element. The centre is rounded: no gradient. */
#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/patch.h"

enum { IMAGE, MASK, BOX, CENTRE_X, CENTRE_Y, N_X };
enum { PATCH, LABEL };

static const PatchInputs inputs = {IMAGE, MASK, BOX, CENTRE_X, CENTRE_Y};

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    const PatchCropAttr *attr = spec->attr;
    TRY(patch_infer(spec, attr, inputs));
    const PatchSize s = patch_size(spec, attr, inputs);
    infer_output(spec, DT_REAL, SHAPE4(s.t, s.n, s.patch_h * s.patch_w, s.c));
    infer_output(spec, DT_INT, SHAPE3(s.t, s.n, s.patch_h * s.patch_w));
done:
    return err;
}

static void copy_patch(const PatchSize *s, float *patch, const float *image, int64_t row, int64_t column) {
    const int64_t line = s->patch_w * s->c;
    int64_t first = 0, last = 0;
    patch_inside(column, s->patch_w, s->w, &first, &last);
    for (int64_t i = 0; i < s->patch_h; i++, patch += line) {
        const int64_t r = row + i;
        if (r < 0 || r >= s->h || first == last) {
            memset(patch, 0, (size_t)line * sizeof *patch);
            continue;
        }
        memset(patch, 0, (size_t)(first * s->c) * sizeof *patch);
        memcpy(patch + first * s->c, image + (r * s->w + column + first) * s->c,
               (size_t)((last - first) * s->c) * sizeof *patch);
        memset(patch + last * s->c, 0, (size_t)((s->patch_w - last) * s->c) * sizeof *patch);
    }
}

static void label_patch(const PatchCropAttr *attr, const PatchSize *s, int32_t *label, const int32_t *mask,
                        const float *box, int64_t row, int64_t column) {
    int64_t first = 0, last = 0;
    const bool none = !patch_has_box(box);
    patch_inside(column, s->patch_w, s->w, &first, &last);
    for (int64_t i = 0; i < s->patch_h; i++, label += s->patch_w) {
        const bool row_inside = row + i >= 0 && row + i < s->h;
        for (int64_t j = 0; j < s->patch_w; j++) {
            if (none)
                label[j] = -1;
            else if (!row_inside || j < first || j >= last)
                label[j] = attr->outside;
            else
                label[j] = patch_label(attr, s, mask, box, row + i, column + j);
        }
    }
}

/* Patches [first, last) of T * N. */
static void forward(const OpCall *call, int64_t first, int64_t last) {
    const PatchCropAttr *attr = call->spec->attr;
    const PatchSize s = patch_size(call->spec, attr, inputs);
    const int64_t pixels = s.patch_h * s.patch_w;
    const float *centre_x = call->x[CENTRE_X], *centre_y = call->x[CENTRE_Y];
    for (int64_t k = first; k < last; k++) {
        const int64_t n = k % s.n;
        const int64_t row = patch_start(centre_y[k], attr->stride_y, attr->height);
        const int64_t column = patch_start(centre_x[k], attr->stride_x, attr->width);
        copy_patch(&s, (float *)call->y[PATCH] + k * pixels * s.c, (const float *)call->x[IMAGE] + n * s.h * s.w * s.c,
                   row, column);
        label_patch(attr, &s, (int32_t *)call->y[LABEL] + k * pixels,
                    (const int32_t *)call->x[MASK] + n * s.mask_h * s.mask_w, (const float *)call->x[BOX] + k * 4, row,
                    column);
    }
}

static Err fwd(const OpCall *call) {
    elementwise_run(call, call->spec->x[BOX].dim[0] * call->spec->x[BOX].dim[1], forward);
    return ERR_OK;
}

static void add_patch(const PatchSize *s, float *dimage, const float *dpatch, int64_t row, int64_t column) {
    int64_t first = 0, last = 0;
    patch_inside(column, s->patch_w, s->w, &first, &last);
    for (int64_t i = 0; i < s->patch_h; i++) {
        if (row + i < 0 || row + i >= s->h || first == last) continue;
        const float *from = dpatch + (i * s->patch_w + first) * s->c;
        float *to = dimage + ((row + i) * s->w + column + first) * s->c;
        for (int64_t k = 0; k < (last - first) * s->c; k++) to[k] += from[k];
    }
}

/* Images [first, last) of N. */
static void backward(const OpCall *call, int64_t first, int64_t last) {
    const PatchCropAttr *attr = call->spec->attr;
    const PatchSize s = patch_size(call->spec, attr, inputs);
    const int64_t image = s.h * s.w * s.c, patch = s.patch_h * s.patch_w * s.c;
    const float *centre_x = call->x[CENTRE_X], *centre_y = call->x[CENTRE_Y], *dpatch = call->dy[PATCH];
    float *dimage = call->dx[IMAGE];
    if (!(call->accumulate & OP_X(IMAGE)))
        memset(dimage + first * image, 0, (size_t)((last - first) * image) * sizeof *dimage);
    for (int64_t n = first; n < last; n++)
        for (int64_t k = n; k < s.t * s.n; k += s.n)
            add_patch(&s, dimage + n * image, dpatch + k * patch,
                      patch_start(centre_y[k], attr->stride_y, attr->height),
                      patch_start(centre_x[k], attr->stride_x, attr->width));
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, call->spec->x[IMAGE].dim[0], backward);
    return ERR_OK;
}

/* ---- reference ---- */

/* Element of the image, along one axis, that element i of the patch of step k shows. */
static int64_t ref_position(const double *centre, int64_t k, int64_t i, int32_t stride, int32_t length) {
    double c = isnan(centre[k]) ? 0.0 : fmin(fmax(centre[k], -1e12), 1e12);
    return (int64_t)floor(c / stride) + i - length / 2;
}

static int32_t ref_label(const OpCall *call, int64_t k, int64_t n, int64_t r, int64_t c, bool is_inside) {
    const PatchCropAttr *attr = call->spec->attr;
    const Shape *mask = &call->spec->x[MASK];
    const double *box = (const double *)call->x[BOX] + 4 * k;
    const double y = ((double)r + 0.5) * attr->stride_y, x = ((double)c + 0.5) * attr->stride_x;
    if (box[2] <= box[0]) return -1;
    if (!is_inside || y >= (double)mask->dim[1] || x >= (double)mask->dim[2]) return attr->outside;
    bool own = x >= box[0] && x < box[2] && y >= box[1] && y < box[3];
    if (attr->own && !own) return attr->outside;
    int32_t class = ((const int32_t *)call->x[MASK])[(n * mask->dim[1] + (int64_t)y) * mask->dim[2] + (int64_t)x];
    return class < 0 || class >= attr->classes ? attr->outside : class;
}

typedef void (*RefElement)(const OpCall *call, int64_t k, int64_t p, int64_t n, int64_t r, int64_t c, bool is_inside);

static void ref_each(const OpCall *call, RefElement element) {
    const PatchCropAttr *attr = call->spec->attr;
    const Shape *image = &call->spec->x[IMAGE];
    for (int64_t k = 0; k < shape_count(&call->spec->x[CENTRE_X]); k++)
        for (int64_t p = 0; p < (int64_t)attr->height * attr->width; p++) {
            int64_t r = ref_position(call->x[CENTRE_Y], k, p / attr->width, attr->stride_y, attr->height);
            int64_t c = ref_position(call->x[CENTRE_X], k, p % attr->width, attr->stride_x, attr->width);
            bool is_inside = r >= 0 && r < image->dim[1] && c >= 0 && c < image->dim[2];
            element(call, k, p, k % image->dim[0], r, c, is_inside);
        }
}

static void ref_forward(const OpCall *call, int64_t k, int64_t p, int64_t n, int64_t r, int64_t c, bool is_inside) {
    const Shape *image = &call->spec->x[IMAGE];
    const int64_t at = k * call->spec->y[PATCH].dim[2] + p, channels = image->dim[3];
    for (int64_t z = 0; z < channels; z++)
        ((double *)call->y[PATCH])[at * channels + z] =
            is_inside ? ((const double *)call->x[IMAGE])[((n * image->dim[1] + r) * image->dim[2] + c) * channels + z]
                      : 0.0;
    ((int32_t *)call->y[LABEL])[at] = ref_label(call, k, n, r, c, is_inside);
}

static void ref_backward(const OpCall *call, int64_t k, int64_t p, int64_t n, int64_t r, int64_t c, bool is_inside) {
    const Shape *image = &call->spec->x[IMAGE];
    const int64_t at = k * call->spec->y[PATCH].dim[2] + p, channels = image->dim[3];
    for (int64_t z = 0; z < channels && is_inside; z++)
        ((double *)call->dx[IMAGE])[((n * image->dim[1] + r) * image->dim[2] + c) * channels + z] +=
            ((const double *)call->dy[PATCH])[at * channels + z];
}

static Err ref_fwd(const OpCall *call) {
    ref_each(call, ref_forward);
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    double *dimage = call->dx[IMAGE];
    for (int64_t k = 0; k < shape_count(&call->spec->x[IMAGE]) && !(call->accumulate & OP_X(IMAGE)); k++)
        dimage[k] = 0.0;
    ref_each(call, ref_backward);
    return ERR_OK;
}

/* T, N, H, W, C, mask height and width, spread of boxes and of centres: normal ones lie outside as often as not. */
#define CASE(t, n, h, w, c, mh, mw, pixels, box_fill, centre_fill, spread)                                             \
    {{4, {n, h, w, c}}, DT_REAL, FILL_NORMAL, 0, false}, {{3, {n, mh, mw}}, DT_INT, FILL_LABEL, 5, false},             \
        {{3, {t, n, 4}}, DT_REAL, box_fill, pixels, false}, {{2, {t, n}}, DT_REAL, centre_fill, spread, false}, {      \
        {2, {t, n}}, DT_REAL, centre_fill, spread, false                                                               \
    }

static const PatchCropAttr usual = {5, 7, 1, 1, 4, 4, 0}, own = {6, 4, 1, 1, 5, 0, 1}, large = {31, 41, 1, 1, 5, 5, 0};
static const PatchCropAttr coarse = {3, 5, 4, 2, 5, 5, 0}, coarse_own = {4, 3, 3, 2, 5, 5, 1};

static const OpCase cases[] = {
    {.name = "prime",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(3, 2, 11, 23, 3, 11, 23, 20, FILL_BOX, FILL_POSITIVE, 20)}},
    {.name = "own box only",
     .attr = &own,
     .n_x = N_X,
     .x = {CASE(5, 3, 13, 17, 1, 13, 17, 15, FILL_BOX, FILL_POSITIVE, 15)}},
    {.name = "larger than the image",
     .attr = &large,
     .n_x = N_X,
     .x = {CASE(2, 2, 7, 11, 2, 7, 11, 10, FILL_BOX, FILL_POSITIVE, 10)}},
    {.name = "centres at and beyond the border",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(7, 3, 7, 11, 2, 7, 11, 10, FILL_BOX, FILL_NORMAL, 12)}},
    {.name = "centres far away",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(2, 2, 7, 11, 2, 7, 11, 10, FILL_BOX, FILL_NORMAL, 1e30)}},
    {.name = "centres at zero",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(1, 2, 7, 11, 2, 7, 11, 10, FILL_BOX, FILL_ZERO, 0)}},
    {.name = "feature map",
     .attr = &coarse,
     .n_x = N_X,
     .x = {CASE(3, 2, 5, 13, 3, 20, 26, 24, FILL_BOX, FILL_POSITIVE, 24)}},
    {.name = "feature map longer than the mask",
     .attr = &coarse_own,
     .n_x = N_X,
     .x = {CASE(3, 2, 5, 13, 3, 13, 24, 20, FILL_BOX, FILL_POSITIVE, 24)}},
    {.name = "hundreds of steps",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(263, 1, 3, 5, 2, 3, 5, 4, FILL_BOX, FILL_POSITIVE, 4)}},
    {.name = "no box at all",
     .attr = &usual,
     .n_x = N_X,
     .x = {CASE(2, 1, 7, 11, 1, 7, 11, 10, FILL_ZERO, FILL_POSITIVE, 10)}},
    {.name = "one of each", .attr = &own, .n_x = N_X, .x = {CASE(1, 1, 1, 1, 1, 1, 1, 1, FILL_BOX, FILL_POSITIVE, 1)}},
};

const Op op_patch_crop = {
    .name = "patch_crop",
    .n_x_min = N_X,
    .n_x_max = N_X,
    .n_out = 2,
    .differentiable = OP_X(IMAGE),
    .bwd_needs = {OP_X(CENTRE_X) | OP_X(CENTRE_Y)},
    .attr_bytes = sizeof(PatchCropAttr),
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

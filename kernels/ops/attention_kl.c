/* attention_kl: cross-entropy between a target distribution q, made from the step's box, and the attention weights.
 *   loss = inv_count * sum over rows with a box of -sum_j q_j ln(alpha_j + epsilon)
 *   gaussian: q_j ~ exp(-(x_j - m)^2 / (2 (sigma w)^2)), m and w >= min_width the box's centre and width;
 *   box: q_j ~ the part of cell j inside the box. q sums to 1 over j; a box that touches no cell counts as none.
 *   dalpha_j = -dloss inv_count q_j / (alpha_j + epsilon). PAPER S1. */
#include <math.h>
#include <string.h>

#include "kernels/attention_target.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/vmath.h"

/* The target of one row: q_j = weight_j * norm. */
typedef struct Target {
    const AttentionKlAttr *attr;
    const float *box;
    float middle, per_variance; /* 1 / (2 (sigma w)^2) */
    float shift;                /* the largest exponent: a box far from every position must not give 0 / 0 */
    float norm;
} Target;

KERNEL_INLINE void exponents(const Target *t, float *out, const float *centre, int64_t n) {
    const float middle = t->middle, per_variance = t->per_variance;
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) out[k] = -(centre[k] - middle) * (centre[k] - middle) * per_variance;
}

KERNEL_INLINE void weights(const Target *t, float *out, const float *centre, int64_t n) {
    const float shift = t->shift;
    if (!t->attr->gaussian) {
        attention_target_overlap(out, centre, n, (float)t->attr->cell, t->box);
        return;
    }
    exponents(t, out, centre, n);
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) out[k] = vmath_exp(out[k] - shift);
}

/* False when the row has no target. */
KERNEL_INLINE bool set_target(Target *t, const float *box, const float *centre, int64_t n) {
    float buffer[TARGET_CHUNK], sum = 0.0f;
    if (!attention_target_has_box(box)) return false;
    float width = box[BOX_X1] - box[BOX_X0], least = (float)t->attr->min_width;
    float spread = (float)t->attr->sigma * (width > least ? width : least);
    t->box = box;
    t->middle = 0.5f * (box[BOX_X0] + box[BOX_X1]);
    t->per_variance = 0.5f / (spread * spread);
    t->shift = -INFINITY;
    for (int64_t j = 0; t->attr->gaussian && j < n; j += TARGET_CHUNK) {
        const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
        exponents(t, buffer, centre + j, m);
        const float largest = lanes_max(buffer, m);
        t->shift = largest > t->shift ? largest : t->shift;
    }
    for (int64_t j = 0; j < n; j += TARGET_CHUNK) {
        const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
        weights(t, buffer, centre + j, m);
        sum += lanes_sum(buffer, m);
    }
    t->norm = 1.0f / sum;
    return sum > 0.0f;
}

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    Target t = {.attr = call->spec->attr};
    const float *alpha = call->x[TARGET_ALPHA], *box = call->x[TARGET_BOX], *centre = call->x[TARGET_CENTRE_X];
    const float epsilon = (float)t.attr->epsilon;
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    float q[TARGET_CHUNK], log_alpha[TARGET_CHUNK];
    double *term = call->scratch;
    for (int64_t r = first; r < last; r++) {
        term[r] = 0.0;
        if (!set_target(&t, box + r * BOX_SIZE, centre, n)) continue;
        for (int64_t j = 0; j < n; j += TARGET_CHUNK) {
            const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
            const float *a = alpha + r * n + j;
            weights(&t, q, centre + j, m);
            KERNEL_LOOP
            for (int64_t k = 0; k < m; k++) log_alpha[k] = vmath_log(a[k] + epsilon);
            term[r] -= (double)(t.norm * lanes_dot(q, log_alpha, m));
        }
    }
}

static Err fwd(const OpCall *call) { return attention_target_loss(call, forward); }

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    Target t = {.attr = call->spec->attr};
    const float *alpha = call->x[TARGET_ALPHA], *box = call->x[TARGET_BOX], *centre = call->x[TARGET_CENTRE_X];
    const float epsilon = (float)t.attr->epsilon;
    const float outer = *(const float *)call->dy[0] * *(const float *)call->x[TARGET_INV_COUNT];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    const bool add = (call->accumulate & OP_X(TARGET_ALPHA)) != 0;
    float *dalpha = (float *)call->dx[TARGET_ALPHA], q[TARGET_CHUNK];
    if (!add) memset(dalpha + first * n, 0, (size_t)((last - first) * n) * sizeof *dalpha);
    for (int64_t r = first; r < last; r++) {
        if (!set_target(&t, box + r * BOX_SIZE, centre, n)) continue;
        const float factor = -outer * t.norm;
        for (int64_t j = 0; j < n; j += TARGET_CHUNK) {
            const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
            const float *a = alpha + r * n + j;
            float *d = dalpha + r * n + j;
            weights(&t, q, centre + j, m);
            KERNEL_LOOP
            for (int64_t k = 0; k < m; k++) d[k] += factor * q[k] / (a[k] + epsilon);
        }
    }
}

static Err bwd(const OpCall *call) { return attention_target_gradient(call, backward); }

/* ---- reference ---- */

/* Before normalisation; the Gaussian relative to the position nearest to the box's centre. */
static double ref_weight(const OpCall *call, int64_t row, int64_t j) {
    const AttentionKlAttr *attr = call->spec->attr;
    const double *box = (const double *)call->x[TARGET_BOX] + row * BOX_SIZE, *centre = call->x[TARGET_CENTRE_X];
    if (!attr->gaussian) return attention_target_ref_overlap(call, attr->cell, row, j);
    double middle = (box[BOX_X0] + box[BOX_X1]) / 2.0, nearest = INFINITY;
    double sd = attr->sigma * fmax(box[BOX_X1] - box[BOX_X0], attr->min_width);
    for (int64_t k = 0; k < shape_last(&call->spec->x[TARGET_ALPHA]); k++)
        nearest = fmin(nearest, fabs(centre[k] - middle));
    return exp((nearest * nearest - (centre[j] - middle) * (centre[j] - middle)) / (2.0 * sd * sd));
}

/* Sum of the weights; 0 without a box. */
static double ref_total(const OpCall *call, int64_t row) {
    const double *box = (const double *)call->x[TARGET_BOX] + row * BOX_SIZE;
    double total = 0.0;
    if (box[BOX_X1] <= box[BOX_X0]) return 0.0;
    for (int64_t j = 0; j < shape_last(&call->spec->x[TARGET_ALPHA]); j++) total += ref_weight(call, row, j);
    return total;
}

static Err ref_fwd(const OpCall *call) {
    const AttentionKlAttr *attr = call->spec->attr;
    const double *alpha = call->x[TARGET_ALPHA], *inv_count = call->x[TARGET_INV_COUNT];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    double sum = 0.0;
    for (int64_t r = 0; r < shape_rows(&call->spec->x[TARGET_ALPHA]); r++) {
        double total = ref_total(call, r);
        for (int64_t j = 0; j < n && total > 0.0; j++)
            sum -= ref_weight(call, r, j) / total * log(alpha[r * n + j] + attr->epsilon);
    }
    *(double *)call->y[0] = inv_count[0] * sum;
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const AttentionKlAttr *attr = call->spec->attr;
    const double *alpha = call->x[TARGET_ALPHA], *dloss = call->dy[0], *inv_count = call->x[TARGET_INV_COUNT];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    double *dalpha = call->dx[TARGET_ALPHA];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[TARGET_ALPHA]); r++) {
        double total = ref_total(call, r);
        for (int64_t j = 0; j < n; j++) {
            double q = total > 0.0 ? ref_weight(call, r, j) / total : 0.0;
            double g = -dloss[0] * inv_count[0] * q / (alpha[r * n + j] + attr->epsilon);
            dalpha[r * n + j] = g + ((call->accumulate & OP_X(TARGET_ALPHA)) ? dalpha[r * n + j] : 0.0);
        }
    }
    return ERR_OK;
}

static const AttentionKlAttr gaussian = {4.0, 1e-8, 0.35, 4.0, 1}, box = {4.0, 1e-8, 0.35, 4.0, 0};
static const AttentionKlAttr narrow = {4.0, 1e-3, 0.01, 0.5, 1};

static const OpCase cases[] = {
    TARGET_CASE("gaussian", gaussian, 3, 5, 23, 90.0, FILL_BOX),
    TARGET_CASE("box", box, 3, 5, 23, 90.0, FILL_BOX),
    TARGET_CASE("gaussian, long rows", gaussian, 1, 2, 301, 1200.0, FILL_BOX),
    TARGET_CASE("box, long rows", box, 2, 1, 257, 1000.0, FILL_BOX),
    TARGET_CASE("a thousand positions", gaussian, 2, 1, 1031, 4000.0, FILL_BOX),
    TARGET_CASE("far from every position", narrow, 2, 5, 3, 90.0, FILL_BOX),
    TARGET_CASE("touching no cell", box, 5, 3, 2, 200.0, FILL_BOX),
    TARGET_CASE("one of each", gaussian, 1, 1, 1, 40.0, FILL_BOX),
    TARGET_CASE("no box at all", gaussian, 2, 3, 11, 40.0, FILL_ZERO),
};

TARGET_OP(attention_kl, AttentionKlAttr);

/* attention_mass: loss = inv_count * sum over rows with a box of -ln(mass + epsilon), mass = sum_j alpha_j overlap_j.
 *   dalpha_j = -dloss inv_count overlap_j / (mass + epsilon); 0 in rows without a box. PAPER S2. */
#include <math.h>
#include <string.h>

#include "kernels/attention_target.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/vmath.h"

KERNEL_INLINE float mass_of(const float *alpha, const float *centre, int64_t n, float cell, const float *box) {
    float overlap[TARGET_CHUNK], mass = 0.0f;
    for (int64_t j = 0; j < n; j += TARGET_CHUNK) {
        const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
        attention_target_overlap(overlap, centre + j, m, cell, box);
        mass += lanes_dot(alpha + j, overlap, m);
    }
    return mass;
}

KERNEL static void forward(const OpCall *call, int64_t first, int64_t last) {
    const AttentionMassAttr *attr = call->spec->attr;
    const float *alpha = call->x[TARGET_ALPHA], *box = call->x[TARGET_BOX], *centre = call->x[TARGET_CENTRE_X];
    const float cell = (float)attr->cell, epsilon = (float)attr->epsilon;
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    double *term = call->scratch;
    for (int64_t r = first; r < last; r++) {
        const float *b = box + r * BOX_SIZE;
        term[r] = 0.0;
        if (!attention_target_has_box(b)) continue;
        term[r] = -(double)vmath_log(mass_of(alpha + r * n, centre, n, cell, b) + epsilon);
    }
}

static Err fwd(const OpCall *call) { return attention_target_loss(call, forward); }

KERNEL static void backward(const OpCall *call, int64_t first, int64_t last) {
    const AttentionMassAttr *attr = call->spec->attr;
    const float *alpha = call->x[TARGET_ALPHA], *box = call->x[TARGET_BOX], *centre = call->x[TARGET_CENTRE_X];
    const float cell = (float)attr->cell, epsilon = (float)attr->epsilon;
    const float outer = *(const float *)call->dy[0] * *(const float *)call->x[TARGET_INV_COUNT];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    const bool add = (call->accumulate & OP_X(TARGET_ALPHA)) != 0;
    float *dalpha = (float *)call->dx[TARGET_ALPHA], overlap[TARGET_CHUNK];
    if (!add) memset(dalpha + first * n, 0, (size_t)((last - first) * n) * sizeof *dalpha);
    for (int64_t r = first; r < last; r++) {
        const float *b = box + r * BOX_SIZE;
        if (!attention_target_has_box(b)) continue;
        const float factor = -outer / (mass_of(alpha + r * n, centre, n, cell, b) + epsilon);
        for (int64_t j = 0; j < n; j += TARGET_CHUNK) {
            const int64_t m = n - j < TARGET_CHUNK ? n - j : TARGET_CHUNK;
            float *d = dalpha + r * n + j;
            attention_target_overlap(overlap, centre + j, m, cell, b);
            KERNEL_LOOP
            for (int64_t k = 0; k < m; k++) d[k] += factor * overlap[k];
        }
    }
}

static Err bwd(const OpCall *call) { return attention_target_gradient(call, backward); }

static double ref_overlap(const OpCall *call, int64_t row, int64_t j) {
    return attention_target_ref_overlap(call, ((const AttentionMassAttr *)call->spec->attr)->cell, row, j);
}

static double ref_mass(const OpCall *call, int64_t row) {
    const double *alpha = call->x[TARGET_ALPHA];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    double mass = 0.0;
    for (int64_t j = 0; j < n; j++) mass += alpha[row * n + j] * ref_overlap(call, row, j);
    return mass;
}

static Err ref_fwd(const OpCall *call) {
    const AttentionMassAttr *attr = call->spec->attr;
    const double *box = call->x[TARGET_BOX], *inv_count = call->x[TARGET_INV_COUNT];
    double sum = 0.0;
    for (int64_t r = 0; r < shape_rows(&call->spec->x[TARGET_ALPHA]); r++)
        if (box[r * BOX_SIZE + BOX_X1] > box[r * BOX_SIZE + BOX_X0]) sum -= log(ref_mass(call, r) + attr->epsilon);
    *(double *)call->y[0] = inv_count[0] * sum;
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const AttentionMassAttr *attr = call->spec->attr;
    const double *dloss = call->dy[0], *inv_count = call->x[TARGET_INV_COUNT];
    const int64_t n = shape_last(&call->spec->x[TARGET_ALPHA]);
    double *dalpha = call->dx[TARGET_ALPHA];
    for (int64_t r = 0; r < shape_rows(&call->spec->x[TARGET_ALPHA]); r++)
        for (int64_t j = 0; j < n; j++) {
            double g = -dloss[0] * inv_count[0] * ref_overlap(call, r, j) / (ref_mass(call, r) + attr->epsilon);
            dalpha[r * n + j] = g + ((call->accumulate & OP_X(TARGET_ALPHA)) ? dalpha[r * n + j] : 0.0);
        }
    return ERR_OK;
}

static const AttentionMassAttr usual = {4.0, 1e-8}, coarse = {16.0, 1e-3};

static const OpCase cases[] = {
    TARGET_CASE("prime", usual, 3, 5, 23, 90.0, FILL_BOX),
    TARGET_CASE("coarse cells", coarse, 2, 7, 5, 60.0, FILL_BOX),
    TARGET_CASE("long rows", usual, 1, 2, 301, 1200.0, FILL_BOX),
    TARGET_CASE("a thousand positions", usual, 2, 1, 1031, 4000.0, FILL_BOX),
    TARGET_CASE("one step, one line", coarse, 1, 1, 7, 40.0, FILL_BOX),
    TARGET_CASE("no box at all", usual, 2, 3, 11, 40.0, FILL_ZERO),
};

TARGET_OP(attention_mass, AttentionMassAttr);

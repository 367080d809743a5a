/* What the losses on attention weights share: rows of alpha [T,B,L], each with a box [T,B,4], over positions whose
 * centres are centre_x [L] pixels. Depends on op.h, elementwise. */
#ifndef KERNELS_ATTENTION_TARGET_H
#define KERNELS_ATTENTION_TARGET_H

#include "kernels/elementwise.h"
#include "kernels/simd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs of attention_mass and attention_kl. */
enum { TARGET_ALPHA, TARGET_BOX, TARGET_CENTRE_X, TARGET_INV_COUNT, TARGET_N_X };

/* Coordinates inside a box. */
enum { BOX_X0, BOX_Y0, BOX_X1, BOX_Y1, BOX_SIZE };

/* A test case: boxes and positions are spread over `pixels`. */
#define TARGET_CASE(title, attr_, t, b, l, pixels, box_fill)                                                           \
    {                                                                                                                  \
        .name = title, .attr = &attr_, .n_x = TARGET_N_X, .x = {                                                       \
            {{3, {t, b, l}}, DT_REAL, FILL_PROB, 0, false},                                                            \
            {{3, {t, b, 4}}, DT_REAL, box_fill, pixels, false},                                                        \
            {{1, {l}}, DT_REAL, FILL_POSITIVE, pixels, false},                                                         \
            {{0}, DT_REAL, FILL_POSITIVE, 0, false}                                                                    \
        }                                                                                                              \
    }

/* The descriptor of op NAME, from the file's fwd, bwd, ref_fwd, ref_bwd and cases. */
#define TARGET_OP(NAME, ATTR)                                                                                          \
    const Op op_##NAME = {                                                                                             \
        .name = #NAME,                                                                                                 \
        .n_x_min = TARGET_N_X,                                                                                         \
        .n_x_max = TARGET_N_X,                                                                                         \
        .n_out = 1,                                                                                                    \
        .differentiable = OP_X(TARGET_ALPHA),                                                                          \
        .bwd_needs = {OP_X(TARGET_ALPHA) | OP_X(TARGET_BOX) | OP_X(TARGET_CENTRE_X) | OP_X(TARGET_INV_COUNT)},         \
        .attr_bytes = sizeof(ATTR),                                                                                    \
        .infer = attention_target_infer,                                                                               \
        .scratch_bytes = attention_target_bytes,                                                                       \
        .fwd = fwd,                                                                                                    \
        .bwd = bwd,                                                                                                    \
        .ref_fwd = ref_fwd,                                                                                            \
        .ref_bwd = ref_bwd,                                                                                            \
        .cases = cases,                                                                                                \
        .n_cases = sizeof cases / sizeof cases[0]}

/* Positions that a row works on at a time, in buffers on the stack. */
enum { TARGET_CHUNK = 256 };

/* One output, loss []. */
Err attention_target_infer(OpSpec *spec) MUST_CHECK;

/* Scratch of the forward pass: one double for each row. */
size_t attention_target_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards);

/* loss = inv_count * sum over rows, where fn writes a row's term to ((double *)scratch)[row]. The rows are added in
 * order, so that the bits do not depend on the shards. */
Err attention_target_loss(const OpCall *call, ElementwiseFn fn) MUST_CHECK;

/* Backward, over all rows. */
Err attention_target_gradient(const OpCall *call, ElementwiseFn fn) MUST_CHECK;

/* For the reference: the part of cell j that lies in row's box; 0 without one. */
double attention_target_ref_overlap(const OpCall *call, double cell, int64_t row, int64_t j);

static inline int64_t attention_target_rows(const OpSpec *spec) { return shape_rows(&spec->x[TARGET_ALPHA]); }

/* A box of no width, or NaN, is none. */
KERNEL_INLINE bool attention_target_has_box(const float *box) { return box[BOX_X1] > box[BOX_X0]; }

/* The part of a position's cell [centre - cell / 2, centre + cell / 2) that lies in [x0, x1). per_cell: 1 / cell. */
KERNEL_INLINE float attention_target_overlap_of(float centre, float cell, float per_cell, const float *box) {
    const float half = 0.5f * cell, x0 = box[BOX_X0], x1 = box[BOX_X1];
    const float low = centre - half > x0 ? centre - half : x0;
    const float high = centre + half < x1 ? centre + half : x1;
    return high > low ? (high - low) * per_cell : 0.0f;
}

/* out[n] = that of each position. */
KERNEL_INLINE void attention_target_overlap(float *out, const float *centre, int64_t n, float cell, const float *box) {
    const float edges[BOX_SIZE] = {box[BOX_X0], 0.0f, box[BOX_X1], 0.0f}, per_cell = 1.0f / cell;
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) out[k] = attention_target_overlap_of(centre[k], cell, per_cell, edges);
}

#ifdef __cplusplus
}
#endif
#endif

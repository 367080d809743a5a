/* What ops without structure share: an output of the input's shape, work cut into ranges of elements, and all of an op
 * y = f(x) but f. Depends on infer and par. */
#ifndef KERNELS_ELEMENTWISE_H
#define KERNELS_ELEMENTWISE_H

#include "kernels/op.h"
#include "kernels/simd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One REAL input, called x, and one output of its shape. */
Err elementwise_infer(OpSpec *spec) MUST_CHECK;

/* Computes the elements (or rows) [first, last) of a call. */
typedef void (*ElementwiseFn)(const OpCall *call, int64_t first, int64_t last);

/* Runs fn over 0..n-1, one task for each shard. Where fn treats elements independently, the bits do not depend on the
 * number of shards. */
void elementwise_run(const OpCall *call, int64_t n, ElementwiseFn fn);

/* The same over the elements of x. */
Err elementwise_call(const OpCall *call, ElementwiseFn fn) MUST_CHECK;

/* ---- y = f(x): one file gives f, its gradient, both again in double, and cases ---- */

/* One element: y from x, and dx from dy and what the backward pass keeps, x or y. attr is the op's. KERNEL_INLINE, so
 * that a loop over them in a KERNEL function becomes vector code. */
typedef float (*ElementwiseValue)(float x, const void *attr);
typedef float (*ElementwiseGradient)(float dy, float kept, const void *attr);

KERNEL_INLINE void elementwise_values(const OpCall *call, int64_t first, int64_t last, ElementwiseValue value) {
    const float *x = (const float *)call->x[0];
    const void *attr = call->spec->attr;
    float *y = (float *)call->y[0];
    KERNEL_LOOP
    for (int64_t k = first; k < last; k++) y[k] = value(x[k], attr);
}

/* kept: call->x[0] or call->y[0], as bwd_needs says; dy where it needs neither. */
KERNEL_INLINE void elementwise_gradients(const OpCall *call, int64_t first, int64_t last, const void *kept,
                                         ElementwiseGradient gradient) {
    const float *dy = (const float *)call->dy[0], *v = (const float *)kept;
    const void *attr = call->spec->attr;
    float *dx = (float *)call->dx[0];
    if (call->accumulate & OP_X(0)) {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] += gradient(dy[k], v[k], attr);
    } else {
        KERNEL_LOOP
        for (int64_t k = first; k < last; k++) dx[k] = gradient(dy[k], v[k], attr);
    }
}

/* The reference: the same in double. */
Err elementwise_ref_values(const OpCall *call, double (*value)(double x, const void *attr)) MUST_CHECK;
Err elementwise_ref_gradients(const OpCall *call, const void *kept,
                              double (*gradient)(double dy, double kept, const void *attr)) MUST_CHECK;

/* The rest of such a file: kernels, reference and descriptor of op NAME, from its functions value, gradient, ref_value
 * and ref_gradient and its cases. KEPT: x or y, what the gradient reads (NEEDS says so to the planner), or dy: neither.
 */
#define ELEMENTWISE_OP(NAME, KEPT, NEEDS, ATTR_BYTES)                                                                  \
    KERNEL static void values(const OpCall *call, int64_t first, int64_t last) {                                       \
        elementwise_values(call, first, last, value);                                                                  \
    }                                                                                                                  \
    KERNEL static void gradients(const OpCall *call, int64_t first, int64_t last) {                                    \
        elementwise_gradients(call, first, last, call->KEPT[0], gradient);                                             \
    }                                                                                                                  \
    static Err fwd(const OpCall *call) { return elementwise_call(call, values); }                                      \
    static Err bwd(const OpCall *call) { return elementwise_call(call, gradients); }                                   \
    static Err ref_fwd(const OpCall *call) { return elementwise_ref_values(call, ref_value); }                         \
    static Err ref_bwd(const OpCall *call) { return elementwise_ref_gradients(call, call->KEPT[0], ref_gradient); }    \
    const Op op_##NAME = {.name = #NAME,                                                                               \
                          .n_x_min = 1,                                                                                \
                          .n_x_max = 1,                                                                                \
                          .n_out = 1,                                                                                  \
                          .differentiable = OP_X(0),                                                                   \
                          .bwd_needs = {NEEDS},                                                                        \
                          .alias_fwd = OP_X(0),                                                                        \
                          .alias_bwd = OP_X(0),                                                                        \
                          .attr_bytes = ATTR_BYTES,                                                                    \
                          .infer = elementwise_infer,                                                                  \
                          .fwd = fwd,                                                                                  \
                          .bwd = bwd,                                                                                  \
                          .ref_fwd = ref_fwd,                                                                          \
                          .ref_bwd = ref_bwd,                                                                          \
                          .cases = cases,                                                                              \
                          .n_cases = sizeof cases / sizeof cases[0]}

#ifdef __cplusplus
}
#endif
#endif

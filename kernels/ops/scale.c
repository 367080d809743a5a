/* scale: y = a x + b.   dx = a dy. */
#include "kernels/elementwise.h"
#include "kernels/ops.h"

KERNEL_INLINE float value(float x, const void *attr) {
    const ScaleAttr *s = attr;
    return (float)s->a * x + (float)s->b;
}

KERNEL_INLINE float gradient(float dy, float same, const void *attr) {
    const ScaleAttr *s = attr;
    (void)same;
    return (float)s->a * dy;
}

static double ref_value(double x, const void *attr) {
    const ScaleAttr *s = attr;
    return s->a * x + s->b;
}

static double ref_gradient(double dy, double same, const void *attr) {
    const ScaleAttr *s = attr;
    (void)same;
    return s->a * dy;
}

static const OpCase cases[] = {
    {.name = "prime", .attr = &(ScaleAttr){-0.7, 0.25}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "scalar", .attr = &(ScaleAttr){3.0, 0.0}, .n_x = 1, .x = {{.shape = {0}}}},
    {.name = "one", .attr = &(ScaleAttr){1.0, -1.0}, .n_x = 1, .x = {{.shape = {2, {1, 1}}}}},
};

ELEMENTWISE_OP(scale, dy, 0, sizeof(ScaleAttr));

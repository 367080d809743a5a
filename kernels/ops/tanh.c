/* tanh: y = tanh x.   dx = dy (1 - y^2). */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/vmath.h"

KERNEL_INLINE float value(float x, const void *attr) {
    (void)attr;
    return vmath_tanh(x);
}

KERNEL_INLINE float gradient(float dy, float y, const void *attr) {
    (void)attr;
    return dy * (1.0f - y * y);
}

static double ref_value(double x, const void *attr) {
    (void)attr;
    return tanh(x);
}

static double ref_gradient(double dy, double y, const void *attr) {
    (void)attr;
    return dy * (1.0 - y * y);
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "saturated", .n_x = 1, .x = {{.shape = {2, {2, 17}}, .scale = 8.0}}},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}}}},
};

ELEMENTWISE_OP(tanh, y, OP_Y(0), 0);

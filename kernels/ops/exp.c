/* exp: y = e^x.   dx = dy y. */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/vmath.h"

KERNEL_INLINE float value(float x, const void *attr) {
    (void)attr;
    return vmath_exp(x);
}

KERNEL_INLINE float gradient(float dy, float y, const void *attr) {
    (void)attr;
    return dy * y;
}

static double ref_value(double x, const void *attr) {
    (void)attr;
    return exp(x);
}

static double ref_gradient(double dy, double y, const void *attr) {
    (void)attr;
    return dy * y;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}}}},
    {.name = "wide range", .n_x = 1, .x = {{.shape = {2, {2, 37}}, .scale = 3.0}}},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}}}},
    {.name = "one", .n_x = 1, .x = {{.shape = {2, {1, 1}}}}},
};

ELEMENTWISE_OP(exp, y, OP_Y(0), 0);

/* relu: y = max(0, x), NaN stays NaN.   dx = dy where y > 0, else 0. */
#include <math.h>

#include "kernels/elementwise.h"

KERNEL_INLINE float value(float x, const void *attr) {
    (void)attr;
    return x < 0.0f ? 0.0f : x;
}

KERNEL_INLINE float gradient(float dy, float y, const void *attr) {
    (void)attr;
    return y > 0.0f ? dy : 0.0f;
}

static double ref_value(double x, const void *attr) {
    (void)attr;
    return isnan(x) ? x : fmax(0.0, x);
}

static double ref_gradient(double dy, double y, const void *attr) {
    (void)attr;
    return y > 0.0 ? dy : 0.0;
}

static const OpCase cases[] = {
    {.name = "prime", .n_x = 1, .x = {{.shape = {3, {3, 7, 5}}}}},
    {.name = "image", .n_x = 1, .x = {{.shape = {4, {2, 3, 5, 3}}}}},
    {.name = "positive", .n_x = 1, .x = {{.shape = {1, {19}}, .fill = FILL_POSITIVE}}},
    /* No differences at the kink. */
    {.name = "kink", .n_x = 1, .x = {{.shape = {2, {3, 17}}, .fill = FILL_MASK}}, .no_differences = true},
    {.name = "scalar", .n_x = 1, .x = {{.shape = {0}, .fill = FILL_POSITIVE}}},
};

ELEMENTWISE_OP(relu, y, OP_Y(0), 0);

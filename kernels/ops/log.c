/* log: y = ln(x + epsilon).   dx = dy / (x + epsilon). */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/ops.h"
#include "kernels/vmath.h"

KERNEL_INLINE float value(float x, const void *attr) {
    const LogAttr *a = attr;
    return vmath_log(x + (float)a->epsilon);
}

KERNEL_INLINE float gradient(float dy, float x, const void *attr) {
    const LogAttr *a = attr;
    return dy / (x + (float)a->epsilon);
}

static double ref_value(double x, const void *attr) {
    const LogAttr *a = attr;
    return log(x + a->epsilon);
}

static double ref_gradient(double dy, double x, const void *attr) {
    const LogAttr *a = attr;
    return dy / (x + a->epsilon);
}

static const OpCase cases[] = {
    {.name = "prime", .attr = &(LogAttr){0.0}, .n_x = 1, .x = {{.shape = {3, {3, 7, 13}}, .fill = FILL_POSITIVE}}},
    {.name = "epsilon", .attr = &(LogAttr){0.5}, .n_x = 1, .x = {{.shape = {2, {2, 37}}, .fill = FILL_POSITIVE}}},
    {.name = "only epsilon", .attr = &(LogAttr){0.01}, .n_x = 1, .x = {{.shape = {1, {5}}, .fill = FILL_ZERO}}},
    {.name = "large", .attr = &(LogAttr){1e-8}, .n_x = 1, .x = {{{1, {19}}, DT_REAL, FILL_POSITIVE, 1e6, false}}},
    {.name = "scalar", .attr = &(LogAttr){1e-8}, .n_x = 1, .x = {{.shape = {0}, .fill = FILL_POSITIVE}}},
};

ELEMENTWISE_OP(log, x, OP_X(0), sizeof(LogAttr));

#include "tests/op_compare.h"

#include <math.h>
#include <string.h>

#include "kernels/mem.h"

double compare_largest(const double *x, int64_t n) {
    double largest = 0.0;
    for (int64_t k = 0; k < n; k++)
        if (fabs(x[k]) > largest) largest = fabs(x[k]);
    return largest;
}

double compare_deviation(const double *got, const double *expected, int64_t n) {
    const double scale = fmax(compare_largest(expected, n), 1e-3);
    double largest = 0.0;
    for (int64_t k = 0; k < n; k++) compare_note(&largest, fabs(got[k] - expected[k]) / scale);
    return largest;
}

void compare_note(double *worst, double share) {
    if (isnan(share) || share > *worst) *worst = share;
}

Err compare_close(const char *what, int i, const double *got, const double *expected, int64_t n, double tolerance) {
    double scale = fmax(compare_largest(expected, n), 1e-3);
    for (int64_t k = 0; k < n; k++)
        if (!(fabs(got[k] - expected[k]) <= tolerance * scale))
            return err_set(ERR_NUMERIC, "%s[%d] element %lld of %lld is %.9g, expected %.9g (largest %.3g)", what, i,
                           (long long)k, (long long)n, got[k], expected[k], scale);
    return ERR_OK;
}

Err compare_equal(const char *what, int i, const double *got, const double *expected, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        if (memcmp(&got[k], &expected[k], sizeof got[k]) != 0)
            return err_set(ERR_NUMERIC, "%s[%d] element %lld of %lld is %.9g, expected exactly %.9g", what, i,
                           (long long)k, (long long)n, got[k], expected[k]);
    return ERR_OK;
}

/* Keeps how near it came. */
static void note(const OpHow *how, const double *got, const double *expected, int64_t n, double tolerance) {
    if (how->worst != NULL) compare_note(how->worst, compare_deviation(got, expected, n) / tolerance);
}

Err compare_forward(const OpData *data, const OpHow *how, const OpValues *got, const OpValues *expected,
                    double tolerance) {
    Err err = ERR_OK;
    const OpSpec *spec = &data->spec;
    for (int i = 0; i < spec->n_y; i++) {
        int64_t n = shape_count(&spec->y[i]);
        if (spec->y_type[i] == DT_INT || tolerance == 0.0) {
            TRY(compare_equal("y", i, got->y[i], expected->y[i], n));
            continue;
        }
        note(how, got->y[i], expected->y[i], n, tolerance);
        TRY(compare_close("y", i, got->y[i], expected->y[i], n, tolerance));
    }
    for (int i = 0; i < spec->n_x; i++) {
        if ((data->op->mutates & OP_X(i)) == 0 || data->x[i] == NULL) continue;
        int64_t n = shape_count(&spec->x[i]);
        if (tolerance == 0.0) {
            TRY(compare_equal("updated x", i, got->x[i], expected->x[i], n));
            continue;
        }
        note(how, got->x[i], expected->x[i], n, tolerance);
        TRY(compare_close("updated x", i, got->x[i], expected->x[i], n, tolerance));
    }
done:
    return err;
}

/* What is added to was there before. */
static Err compare_added(const OpData *data, const OpHow *how, int i, const double *got, const double *expected,
                         double tolerance) {
    Err err = ERR_OK;
    double *sum = NULL;
    int64_t n = shape_count(&data->spec.x[i]);
    TRY(mem_alloc(&sum, (size_t)n, sizeof *sum));
    for (int64_t k = 0; k < n; k++) sum[k] = data->start[i][k] + expected[k];
    note(how, got, sum, n, tolerance);
    TRY(compare_close("accumulated dx", i, got, sum, n, tolerance));
done:
    mem_free(sum);
    return err;
}

Err compare_backward(const OpData *data, const OpHow *how, const OpValues *got, const OpValues *expected,
                     uint32_t accumulate, double tolerance) {
    Err err = ERR_OK;
    for (int i = 0; i < data->spec.n_x; i++) {
        if ((how->wanted & OP_X(i)) == 0) continue;
        int64_t n = shape_count(&data->spec.x[i]);
        if (tolerance == 0.0) {
            TRY(compare_equal("dx", i, got->dx[i], expected->dx[i], n));
        } else if ((accumulate & OP_X(i)) != 0) {
            TRY(compare_added(data, how, i, got->dx[i], expected->dx[i], tolerance));
        } else {
            note(how, got->dx[i], expected->dx[i], n, tolerance);
            TRY(compare_close("dx", i, got->dx[i], expected->dx[i], n, tolerance));
        }
    }
done:
    return err;
}

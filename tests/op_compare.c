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

Err compare_forward(const OpData *data, const OpValues *got, const OpValues *expected, double tolerance) {
    Err err = ERR_OK;
    const OpSpec *spec = &data->spec;
    for (int i = 0; i < spec->n_y; i++) {
        int64_t n = shape_count(&spec->y[i]);
        if (spec->y_type[i] == DT_INT || tolerance == 0.0)
            TRY(compare_equal("y", i, got->y[i], expected->y[i], n));
        else
            TRY(compare_close("y", i, got->y[i], expected->y[i], n, tolerance));
    }
    for (int i = 0; i < spec->n_x; i++) {
        if ((data->op->mutates & OP_X(i)) == 0 || data->x[i] == NULL) continue;
        int64_t n = shape_count(&spec->x[i]);
        if (tolerance == 0.0)
            TRY(compare_equal("updated x", i, got->x[i], expected->x[i], n));
        else
            TRY(compare_close("updated x", i, got->x[i], expected->x[i], n, tolerance));
    }
done:
    return err;
}

static Err compare_added(const OpData *data, int i, const double *got, const double *expected, double tolerance) {
    Err err = ERR_OK;
    double *sum = NULL;
    int64_t n = shape_count(&data->spec.x[i]);
    TRY(mem_alloc(&sum, (size_t)n, sizeof *sum));
    for (int64_t k = 0; k < n; k++) sum[k] = data->start[i][k] + expected[k];
    TRY(compare_close("accumulated dx", i, got, sum, n, tolerance));
done:
    mem_free(sum);
    return err;
}

Err compare_backward(const OpData *data, const OpValues *got, const OpValues *expected, uint32_t wanted,
                     uint32_t accumulate, double tolerance) {
    Err err = ERR_OK;
    for (int i = 0; i < data->spec.n_x; i++) {
        if ((wanted & OP_X(i)) == 0) continue;
        int64_t n = shape_count(&data->spec.x[i]);
        if (tolerance == 0.0)
            TRY(compare_equal("dx", i, got->dx[i], expected->dx[i], n));
        else if ((accumulate & OP_X(i)) != 0)
            TRY(compare_added(data, i, got->dx[i], expected->dx[i], tolerance));
        else
            TRY(compare_close("dx", i, got->dx[i], expected->dx[i], n, tolerance));
    }
done:
    return err;
}

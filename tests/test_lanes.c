/* kernels/lanes.h: sums and maxima of rows of every short length, the same bits with and without vector units. */
#include "kernels/lanes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/rng.h"
#include "kernels/simd.h"

enum { MAX_N = 2 * LANES_CHUNK + 19, GUARD = 16, N_SUMS = 4 };

typedef void (*Sums)(float *out, const float *x, const float *y, int64_t n);

#define SUMS(name, attribute)                                                                                          \
    attribute static void name(float *out, const float *x, const float *y, int64_t n) {                                \
        out[0] = lanes_sum(x, n);                                                                                      \
        out[1] = lanes_dot(x, y, n);                                                                                   \
        out[2] = lanes_max(x, n);                                                                                      \
        out[3] = lanes_sum_exp(x, 0.5f, n);                                                                            \
    }
SUMS(sums_plain, )
SUMS(sums_kernel, KERNEL)

/* Rows end before NaNs: what is read beyond them must not count. */
static void test_sums(void **state) {
    (void)state;
    static float x[MAX_N + GUARD], y[MAX_N + GUARD];
    for (int64_t n = 1; n <= MAX_N; n += n < 70 ? 1 : 37) {
        double sum = 0.0, dot = 0.0, largest = -INFINITY, sum_exp = 0.0, scale = 0.0;
        for (int64_t k = 0; k < MAX_N + GUARD; k++) {
            Rng rng = rng_at(rng_stream(7, "lanes"), (uint64_t)n, (uint64_t)k);
            x[k] = k < n ? (float)rng_normal(&rng) : NAN;
            y[k] = k < n ? (float)rng_normal(&rng) : NAN;
        }
        for (int64_t k = 0; k < n; k++) {
            sum += (double)x[k];
            dot += (double)x[k] * (double)y[k];
            largest = fmax(largest, (double)x[k]);
            sum_exp += exp((double)(x[k] - 0.5f));
            scale += fabs((double)x[k]) + fabs((double)x[k] * (double)y[k]);
        }
        float plain[N_SUMS], vector[N_SUMS];
        sums_plain(plain, x, y, n);
        sums_kernel(vector, x, y, n);
        for (int i = 0; i < N_SUMS; i++) assert_int_equal(vmath_bits(plain[i]), vmath_bits(vector[i]));
        assert_true(fabs((double)plain[0] - sum) <= 1e-6 * scale);
        assert_true(fabs((double)plain[1] - dot) <= 1e-6 * scale);
        assert_true((double)plain[2] == largest);
        assert_true(fabs((double)plain[3] - sum_exp) <= 1e-6 * sum_exp);
    }
}

static void test_max_of_odd_values(void **state) {
    (void)state;
    const float row[] = {-3.0f, NAN, -0.5f, -NAN, -INFINITY, -0.25f, -1e-40f, NAN, -7.0f};
    assert_true(lanes_max(row, 9) == -1e-40f);
    assert_true(lanes_max(row, 6) == -0.25f);
    assert_true(lanes_max((float[]){NAN, -NAN, NAN}, 3) == -INFINITY);
    assert_true(lanes_max((float[]){-INFINITY, -INFINITY}, 2) == -INFINITY);
    assert_true(lanes_max((float[]){1.0f, INFINITY, 3e38f}, 3) == INFINITY);
    assert_true(lanes_max((float[]){-0.0f, -1.0f}, 2) == 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_max_of_odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

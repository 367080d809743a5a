/* Statistics against values computed elsewhere: quantiles and tails of Student's t with mpmath 1.2 at 40 digits (the
 * root and the value of its incomplete beta function); samples, the permutation tests and Holm with SciPy, by
 * tests/stats_figures.py, whose figures are in tests/stats_figures.inc. In short:
 *
 *   from scipy import stats
 *   d = [...]                                                   # paired differences
 *   d.mean(), d.std(ddof=1)
 *   stats.ttest_1samp(d, 0).confidence_interval(0.95)
 *   stats.permutation_test((d,), numpy.mean, permutation_type="samples", n_resamples=numpy.inf).pvalue
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <stdbool.h>

#include "harness/report/stats.h"
#include "tests/stats_figures.inc"

static void near(double got, double expected, double relative) {
    if (!(fabs(got - expected) <= relative * fabs(expected)))
        fail_msg("got %.17g, expected %.17g within %g", got, expected, relative);
}

static void test_quantiles(void **state) {
    (void)state;
    static const struct {
        double p, df, t;
    } row[] = {{0.975, 1, 12.706204736174705},  {0.975, 2, 4.3026527297494639},   {0.975, 3, 3.1824463052837096},
               {0.975, 6, 2.44691185114497},    {0.975, 7, 2.3646242515927853},   {0.975, 9, 2.2621571627982055},
               {0.975, 29, 2.0452296421327043}, {0.975, 120, 1.9799304050824408}, {0.995, 4, 4.6040948713499932},
               {0.6, 2.5, 0.28145951274854766}, {0.001, 6, -5.2076262387253637},  {1e-9, 3, -1033.1096745038077}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) near(stats_t_quantile(row[i].p, row[i].df), row[i].t, 1e-12);
    near(stats_t_quantile(0.975, 1e6), 1.95996635682, 1e-10); /* the normal's 1.959963985 plus its first correction */
    assert_true(stats_t_quantile(0.5, 4) == 0);
    assert_true(isnan(stats_t_quantile(1, 4)));
    assert_true(isnan(stats_t_quantile(0.9, 0)));
    for (double df = 1; df < 50; df += 3.5)
        for (double p = 0.01; p < 1; p += 0.07) near(stats_t_cdf(stats_t_quantile(p, df), df), p, 1e-12);
}

static void test_tails(void **state) {
    (void)state;
    near(stats_t_cdf(1, 1), 0.75, 1e-14);
    near(stats_t_cdf(-2.5, 6), 0.023264116142083638, 1e-12);
    near(stats_t_cdf(12.7, 3), 0.99947347365890072, 1e-14);
    near(stats_t_cdf(-40, 6), 8.1591804652712346e-09, 1e-12);
    near(stats_t_cdf(5, 400), 0.99999957025874363, 1e-14);
}

static const double seven[7] = {0.0312, 0.0188, 0.0407, -0.0021, 0.0266, 0.0149, 0.0333};

static void test_summary(void **state) {
    (void)state;
    Stats s = stats_of(seven, 7);
    assert_int_equal(s.n, 7);
    near(s.mean, 0.023342857142857143, 1e-14);
    near(s.std, 0.014212770917131437, 1e-13);
    near(s.low, 0.010198236388329827, 1e-12);
    near(s.high, 0.036487477897384459, 1e-12);
    s = stats_of(seven, 1);
    assert_true(s.mean == seven[0] && isnan(s.std) && isnan(s.low) && isnan(s.high));
    s = stats_of(seven, 0);
    assert_true(isnan(s.mean) && s.n == 0);
    const double same[3] = {0.25, 0.25, 0.25};
    s = stats_of(same, 3);
    assert_true(s.std == 0 && s.low == 0.25 && s.high == 0.25);
}

static double sign_flip(const double *difference, size_t n) {
    double p = 0;
    assert_int_equal(stats_sign_flip(&p, difference, n), ERR_OK);
    return p;
}

static void test_sign_flips(void **state) {
    (void)state;
    near(sign_flip(seven, 7), 4.0 / 128, 1e-15); /* one small negative among seven: it and its mirror, twice */
    near(sign_flip((const double[]){0.5, 0.5, -0.5, 0.25, 1.0}, 5), 0.3125, 1e-15);
    near(sign_flip((const double[]){0.1, 0.2, 0.3}, 3), 0.25, 1e-15);
    near(sign_flip((const double[]){0.3, 0.1, 0.2, -0.1}, 4), 0.375, 1e-15); /* ties that round differently */
    near(sign_flip((const double[]){0, 0}, 2), 1, 1e-15);
    near(sign_flip(NULL, 0), 1, 1e-15);
    for (size_t n = 1; n <= 10; n++) {
        double one_way[10];
        for (size_t i = 0; i < n; i++) one_way[i] = 1.0 + (double)i;
        near(sign_flip(one_way, n), stats_smallest_p(n), 1e-15);
    }
    near(stats_smallest_p(5), 0.0625, 1e-15);
    near(stats_smallest_p(7), 0.015625, 1e-15);
    double many[STATS_MAX_FLIPS + 1] = {0};
    assert_true(isnan(sign_flip(many, STATS_MAX_FLIPS + 1)));
}

static void test_holm(void **state) {
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005};
    const double expected[] = {0.03, 0.06, 0.06, 0.02};
    assert_int_equal(stats_holm(p, 4), ERR_OK);
    for (int i = 0; i < 4; i++) near(p[i], expected[i], 1e-14);
    double q[] = {0.02, NAN, 0.02, 0.5};
    assert_int_equal(stats_holm(q, 4), ERR_OK);
    near(q[0], 0.06, 1e-14);
    near(q[2], 0.06, 1e-14);
    near(q[3], 0.5, 1e-14);
    assert_true(isnan(q[1]));
    double r[] = {0.7, 0.6};
    assert_int_equal(stats_holm(r, 2), ERR_OK);
    near(r[0], 1, 0);
    near(r[1], 1, 0);
}

/* SciPy's quantiles of t are good to nine digits. */
static void test_scipy(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof quantile_figures / sizeof *quantile_figures; i++) {
        const QuantileFigures *f = &quantile_figures[i];
        near(stats_t_quantile(f->p, f->df), f->t, 1e-8);
        near(stats_t_cdf(f->t / 2, f->df), f->tail, 1e-12);
    }
    for (size_t i = 0; i < sizeof sample_figures / sizeof *sample_figures; i++) {
        const SampleFigures *f = &sample_figures[i];
        const Stats s = stats_of(f->value, f->n);
        near(s.mean, f->mean, 1e-13);
        near(s.std, f->std, 1e-13);
        near(s.low, f->low, 1e-7);
        near(s.high, f->high, 1e-7);
        near(sign_flip(f->value, f->n), f->p, 1e-15);
    }
    for (size_t i = 0; i < sizeof whole_figures / sizeof *whole_figures; i++)
        near(sign_flip(whole_figures[i].value, whole_figures[i].n), whole_figures[i].p, 1e-15);
    enum { N_HOLM = sizeof holm_p / sizeof *holm_p };
    double p[N_HOLM];
    for (int i = 0; i < N_HOLM; i++) p[i] = holm_p[i];
    assert_int_equal(stats_holm(p, N_HOLM), ERR_OK);
    for (int i = 0; i < N_HOLM; i++)
        if (!isnan(holm_adjusted[i]))
            near(p[i], holm_adjusted[i], 1e-14);
        else
            assert_true(isnan(p[i]));
}

static void test_verdicts(void **state) {
    (void)state;
    assert_int_equal(stats_verdict(0.02, 0.05, 0.01, 1), VERDICT_BETTER);
    assert_int_equal(stats_verdict(0.02, 0.05, 0.01, -1), VERDICT_WORSE);
    assert_int_equal(stats_verdict(-0.05, -0.001, 0.01, 1), VERDICT_WORSE);
    assert_int_equal(stats_verdict(-0.05, -0.001, 0.01, -1), VERDICT_BETTER);
    assert_int_equal(stats_verdict(0.002, 0.008, 0.01, 1), VERDICT_EQUIVALENT); /* excludes zero, and is below it */
    assert_int_equal(stats_verdict(-0.01, 0.01, 0.01, 1), VERDICT_EQUIVALENT);
    assert_int_equal(stats_verdict(-0.01, 0.011, 0.01, 1), VERDICT_UNDECIDED);
    assert_int_equal(stats_verdict(-0.001, 0.001, 0, 1), VERDICT_UNDECIDED); /* no margin, no equivalence */
    assert_int_equal(stats_verdict(NAN, NAN, 0.01, 1), VERDICT_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),  cmocka_unit_test(test_tails), cmocka_unit_test(test_summary),
        cmocka_unit_test(test_sign_flips), cmocka_unit_test(test_holm),  cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_scipy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Counter-based random numbers: the published vectors, streams that share nothing, draws that are what they say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rng.h"

/* Random123's known answers for philox4x32-10: counter, key, result. */
static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t key, step, element;
        uint32_t block, expected[4];
    } vector[] = {
        {0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, 0xffffffffffff, 0xffff, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x85a308d3243f6a88,
         0x734413198a2e,
         0x0370,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vector / sizeof vector[0]; i++) {
        uint32_t got[4] = {0};
        RngStream stream = {vector[i].key};
        rng_block(stream, vector[i].step, vector[i].element, vector[i].block, got);
        assert_memory_equal(got, vector[i].expected, sizeof got);
    }
}

/* Every recorded result depends on these values: who changes them changes every experiment. */
static void streams_are_what_they_were(void **state) {
    (void)state;
    assert_int_equal(rng_stream(0, "").key, 0xd96c79c61cf952d4u);
    assert_int_equal(rng_stream(1, "init").key, 0x17db16cfd53a9cd9u);
    assert_int_equal(rng_stream(UINT64_MAX, "data.order").key, 0x4ba45955110e965eu);
    Rng rng = rng_at(rng_stream(7, "known"), 3, 5);
    assert_int_equal(rng_u32(&rng), 0x22a23c22u);
}

static void streams_differ_by_seed_and_name(void **state) {
    (void)state;
    static const char *const name[] = {"", "a", "b", "ab", "ba", "init", "init.", "data.order", "data.ordes"};
    enum { N = sizeof name / sizeof name[0], SEEDS = 64 };
    static uint64_t key[N * SEEDS];
    for (int i = 0; i < N * SEEDS; i++) {
        key[i] = rng_stream((uint64_t)(i / N), name[i % N]).key;
        for (int j = 0; j < i; j++) assert_true(key[i] != key[j]);
    }
}

/* Correlation of two sequences of n uniform numbers is about 1 / sqrt(n) when they have nothing in common. */
static double correlation(RngStream a, uint64_t step_a, RngStream b, uint64_t step_b) {
    enum { N = 20000 };
    double sum = 0.0;
    for (uint64_t k = 0; k < N; k++) {
        Rng x = rng_at(a, step_a, k), y = rng_at(b, step_b, k);
        sum += (rng_range(&x, -1.0, 1.0)) * (rng_range(&y, -1.0, 1.0));
    }
    return 3.0 * sum / N;
}

static void streams_and_steps_are_independent(void **state) {
    (void)state;
    const double limit = 5.0 / sqrt(20000.0);
    assert_true(fabs(correlation(rng_stream(1, "a"), 0, rng_stream(1, "b"), 0)) < limit);
    assert_true(fabs(correlation(rng_stream(1, "a"), 0, rng_stream(2, "a"), 0)) < limit);
    assert_true(fabs(correlation(rng_stream(1, "a"), 0, rng_stream(1, "a"), 1)) < limit);
    assert_true(correlation(rng_stream(1, "a"), 4, rng_stream(1, "a"), 4) > 0.9);
}

/* A value is a function of its place alone, in whatever order the places are visited. */
static void order_does_not_matter(void **state) {
    (void)state;
    RngStream stream = rng_stream(3, "order");
    uint32_t forward[50][5];
    for (int k = 0; k < 50; k++) {
        Rng rng = rng_at(stream, 9, (uint64_t)k);
        for (int d = 0; d < 5; d++) forward[k][d] = rng_u32(&rng);
    }
    for (int k = 49; k >= 0; k--) {
        Rng rng = rng_at(stream, 9, (uint64_t)k);
        for (int d = 0; d < 5; d++) assert_int_equal(rng_u32(&rng), forward[k][d]);
    }
}

static void units_stay_below_one(void **state) {
    (void)state;
    assert_true(rng_unit(0) == 0.0f && rng_unit_double(0) == 0.0);
    assert_true(rng_unit(UINT32_MAX) < 1.0f && rng_unit_double(UINT32_MAX) < 1.0);
    assert_true(rng_unit(0x80000000u) == 0.5f && rng_unit_double(0x80000000u) == 0.5);
}

static void range_and_below_are_uniform(void **state) {
    (void)state;
    enum { N = 60000, CLASSES = 7 };
    int seen[CLASSES] = {0};
    double sum = 0.0, least = 1e9, most = -1e9;
    Rng rng = rng_at(rng_stream(5, "uniform"), 0, 0);
    for (int k = 0; k < N; k++) {
        uint32_t i = rng_below(&rng, CLASSES);
        assert_in_range(i, 0, CLASSES - 1);
        seen[i]++;
        double v = rng_range(&rng, -2.0, 6.0);
        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
    }
    double chi2 = 0.0;
    for (int i = 0; i < CLASSES; i++) chi2 += pow(seen[i] - (double)N / CLASSES, 2.0) / ((double)N / CLASSES);
    assert_true(chi2 < 22.5); /* 6 degrees of freedom, p = 0.001 */
    assert_true(least >= -2.0 && least < -1.99 && most < 6.0 && most > 5.99);
    assert_true(fabs(sum / N - 2.0) < 5.0 * 8.0 / sqrt(12.0 * N));
    for (int k = 0; k < 100; k++) assert_int_equal(rng_below(&rng, 1), 0);
}

static void normal_has_its_moments(void **state) {
    (void)state;
    enum { N = 100000 };
    double m1 = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0;
    RngStream stream = rng_stream(11, "normal");
    for (uint64_t k = 0; k < N; k++) {
        Rng rng = rng_at(stream, 0, k);
        double v = rng_normal(&rng);
        assert_true(isfinite(v) && fabs(v) < 6.8); /* sqrt(2 ln 2^32) */
        m1 += v / N;
        m2 += v * v / N;
        m3 += v * v * v / N;
        m4 += v * v * v * v / N;
    }
    assert_true(fabs(m1) < 5.0 * sqrt(1.0 / N));
    assert_true(fabs(m2 - 1.0) < 5.0 * sqrt(2.0 / N));
    assert_true(fabs(m3) < 5.0 * sqrt(15.0 / N));
    assert_true(fabs(m4 - 3.0) < 5.0 * sqrt(96.0 / N));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(streams_are_what_they_were),
        cmocka_unit_test(streams_differ_by_seed_and_name),
        cmocka_unit_test(streams_and_steps_are_independent),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(units_stay_below_one),
        cmocka_unit_test(range_and_below_are_uniform),
        cmocka_unit_test(normal_has_its_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kernels/vmath.h against libm in double over all magnitudes, and the same bits from every way of compiling it. */
#include "kernels/vmath.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/simd.h"

/* Every STEP-th bit pattern of a float is tried: a prime, so that all exponents and all low bits occur. */
enum { STEP = 2503, BLOCK = 1024 };

static double exact_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

/* The distance in units of float's last place at `exact`; a huge number when one is NaN or infinite alone. */
static double ulps(float got, double exact) {
    if (isnan(exact)) return isnan(got) ? 0.0 : INFINITY;
    if (isinf((float)exact) || isinf(got)) return (double)got == (double)(float)exact ? 0.0 : INFINITY;
    int exponent = 0;
    frexp(fmax(fabs(exact), 0x1p-126), &exponent);
    return fabs((double)got - exact) / ldexp(1.0, exponent - 24);
}

typedef struct Function {
    const char *name;
    float (*fn)(float);
    double (*exact)(double);
    double max_ulps;
    double flushed; /* below this magnitude the result may be 0 */
    double domain;  /* the largest magnitude that it takes; 0 = any */
} Function;

static float call_exp(float x) { return vmath_exp(x); }
static float call_exp_unit(float x) { return vmath_exp_unit(x); }
static float call_log(float x) { return vmath_log(x); }
static float call_tanh(float x) { return vmath_tanh(x); }
static float call_sigmoid(float x) { return vmath_sigmoid(x); }

static const Function functions[] = {
    {"exp", call_exp, exp, 1.6, 0.0, 0.0},
    {"exp_unit", call_exp_unit, exp, 2.2, 0.0, 1.0},
    {"log", call_log, log, 0.9, 0.0, 0.0},
    {"tanh", call_tanh, tanh, 2.6, 0.0, 0.0},
    {"sigmoid", call_sigmoid, exact_sigmoid, 2.6, 0x1p-126, 0.0},
};
enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };

static void test_accuracy(void **state) {
    (void)state;
    for (int f = 0; f < N_FUNCTIONS; f++) {
        double worst = 0.0;
        float where = 0.0f;
        for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += STEP) {
            const float x = vmath_float((uint32_t)bits), y = functions[f].fn(x);
            if (functions[f].domain > 0.0 && fabs((double)x) > functions[f].domain) continue;
            const double exact = functions[f].exact((double)x);
            if (y == 0.0f && fabs(exact) < functions[f].flushed) continue;
            const double off = ulps(y, exact);
            if (off > worst) worst = off, where = x;
        }
        print_message("%-8s at most %.3f ulp off, at %a\n", functions[f].name, worst, (double)where);
        assert_true(worst <= functions[f].max_ulps);
    }
}

static void test_special_values(void **state) {
    (void)state;
    const float inf = INFINITY;
    assert_true(vmath_exp(0.0f) == 1.0f && vmath_exp(-0.0f) == 1.0f);
    assert_true(vmath_exp(-inf) == 0.0f && vmath_exp(inf) == inf && vmath_exp(-3e38f) == 0.0f);
    assert_true(vmath_exp_unit(0.0f) == 1.0f && vmath_exp_unit(-0.0f) == 1.0f);
    assert_true(vmath_log(1.0f) == 0.0f && vmath_log(0.0f) == -inf && vmath_log(-0.0f) == -inf);
    assert_true(vmath_log(inf) == inf && isnan(vmath_log(-1.0f)) && isnan(vmath_log(-inf)));
    assert_true(vmath_sigmoid(-inf) == 0.0f && vmath_sigmoid(inf) == 1.0f && vmath_sigmoid(0.0f) == 0.5f);
    assert_true(vmath_tanh(inf) == 1.0f && vmath_tanh(-inf) == -1.0f && vmath_tanh(3e38f) == 1.0f);
    assert_int_equal(vmath_bits(vmath_tanh(0.0f)), 0);
    assert_int_equal(vmath_bits(vmath_tanh(-0.0f)), 0x80000000u);
    for (int f = 0; f < N_FUNCTIONS; f++) assert_true(isnan(functions[f].fn(NAN)) && isnan(functions[f].fn(-NAN)));
}

/* One loop over each function, compiled for an instruction set; they must agree bit for bit. */
#define LOOPS(set, attribute)                                                                                          \
    attribute static void exp_##set(float *y, const float *x) {                                                        \
        for (int i = 0; i < BLOCK; i++) y[i] = vmath_exp(x[i]);                                                        \
    }                                                                                                                  \
    attribute static void exp_unit_##set(float *y, const float *x) {                                                   \
        for (int i = 0; i < BLOCK; i++) y[i] = vmath_exp_unit(x[i]);                                                   \
    }                                                                                                                  \
    attribute static void log_##set(float *y, const float *x) {                                                        \
        for (int i = 0; i < BLOCK; i++) y[i] = vmath_log(x[i]);                                                        \
    }                                                                                                                  \
    attribute static void tanh_##set(float *y, const float *x) {                                                       \
        for (int i = 0; i < BLOCK; i++) y[i] = vmath_tanh(x[i]);                                                       \
    }                                                                                                                  \
    attribute static void sigmoid_##set(float *y, const float *x) {                                                    \
        for (int i = 0; i < BLOCK; i++) y[i] = vmath_sigmoid(x[i]);                                                    \
    }                                                                                                                  \
    static const Loop loops_##set[N_FUNCTIONS] = {exp_##set, exp_unit_##set, log_##set, tanh_##set, sigmoid_##set};

typedef void (*Loop)(float *y, const float *x);

LOOPS(chosen, KERNEL)
LOOPS(plain, )
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
LOOPS(v3, __attribute__((target("arch=x86-64-v3"))))
LOOPS(v4, __attribute__((target("arch=x86-64-v4"))))
static bool have_v3(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static bool have_v4(void) { return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"); }
#else
#define loops_v3 loops_plain
#define loops_v4 loops_plain
static bool have_v3(void) { return true; }
static bool have_v4(void) { return true; }
#endif

static void assert_same_bits(const Loop *loops) {
    static float x[BLOCK], y[BLOCK];
    for (uint32_t i = 0; i < 400; i++) {
        for (uint32_t j = 0; j < BLOCK; j++) x[j] = vmath_float((i * BLOCK + j) * 10487u);
        for (int f = 0; f < N_FUNCTIONS; f++) {
            loops[f](y, x);
            for (int j = 0; j < BLOCK; j++) {
                const float one = functions[f].fn(x[j]);
                if (!isnan(one) || !isnan(y[j])) assert_int_equal(vmath_bits(one), vmath_bits(y[j]));
            }
        }
    }
}

static void test_same_bits(void **state) {
    (void)state;
    assert_same_bits(loops_plain);
    assert_same_bits(loops_chosen);
    if (have_v3()) assert_same_bits(loops_v3);
    if (have_v4()) assert_same_bits(loops_v4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

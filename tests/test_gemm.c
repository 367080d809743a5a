/* gemm.c against plain loops: shapes around every block edge, transposes, leading dimensions, betas, NaN in C. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/gemm.h"
#include "kernels/isa.h"
#include "kernels/rng.h"
#include "tests/guarded.h"

/* Storage of a matrix, NaN, between canaries. */
typedef struct Matrix {
    Guarded block;
    float *at;
    size_t n;
} Matrix;

static Matrix matrix_new(int64_t rows, int64_t cols, int64_t ld) {
    Matrix m = {.n = rows == 0 ? 0 : (size_t)((rows - 1) * ld + cols)};
    assert_int_equal(guarded_init(&m.block, m.n * sizeof *m.at, 0), ERR_OK);
    m.at = m.block.data;
    return m;
}

static void matrix_free(Matrix *m) {
    assert_true(guarded_intact(&m->block));
    guarded_clear(&m->block);
}

/* Small integers: every sum is exact, so that the comparison is one of bits. */
static void fill_integers(Matrix *m, int64_t rows, int64_t cols, int64_t ld, uint64_t seed) {
    RngStream stream = rng_stream(seed, "gemm");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            Rng rng = rng_at(stream, 0, (uint64_t)(i * cols + j));
            m->at[i * ld + j] = (float)rng_below(&rng, 9) - 4.0f;
        }
}

static double element(const Gemm *g, const float *a, const float *b, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t p = 0; p < g->k; p++)
        sum += (double)(g->trans_a ? a[p * g->lda + i] : a[i * g->lda + p]) *
               (double)(g->trans_b ? b[j * g->ldb + p] : b[p * g->ldb + j]);
    return sum;
}

static void run(const Gemm *g, const float *a, const float *b, float *c) {
    Guarded scratch;
    assert_true(gemm_scratch_bytes(g) <= 768 * 1024);
    assert_int_equal(guarded_init(&scratch, gemm_scratch_bytes(g), 0), ERR_OK);
    gemm_run(g, a, b, c, scratch.data);
    assert_true(guarded_intact(&scratch));
    guarded_clear(&scratch);
}

/* pad is added to every leading dimension; what lies between rows is NaN, and stays so in C. */
static void check(Gemm g, int64_t pad) {
    int64_t a_rows = g.trans_a ? g.k : g.m, a_cols = g.trans_a ? g.m : g.k;
    int64_t b_rows = g.trans_b ? g.n : g.k, b_cols = g.trans_b ? g.k : g.n;
    g.lda = a_cols + pad, g.ldb = b_cols + pad, g.ldc = g.n + pad;
    Matrix a = matrix_new(a_rows, a_cols, g.lda), b = matrix_new(b_rows, b_cols, g.ldb);
    Matrix c = matrix_new(g.m, g.n, g.ldc), old = matrix_new(g.m, g.n, g.ldc);
    fill_integers(&a, a_rows, a_cols, g.lda, 1);
    fill_integers(&b, b_rows, b_cols, g.ldb, 2);
    fill_integers(&old, g.m, g.n, g.ldc, 3);
    memcpy(c.at, old.at, c.n * sizeof *c.at);
    for (int64_t i = 0; i < g.m && !g.add; i++)
        for (int64_t j = 0; j < g.n; j++) c.at[i * g.ldc + j] = NAN;
    run(&g, a.at, b.at, c.at);
    for (int64_t i = 0; i < g.m; i++)
        for (int64_t j = 0; j < g.ldc && i * g.ldc + j < (int64_t)c.n; j++) {
            const double got = (double)c.at[i * g.ldc + j];
            double want = NAN;
            if (j < g.n) want = element(&g, a.at, b.at, i, j) + (g.add ? (double)old.at[i * g.ldc + j] : 0.0);
            if (got != want && !(isnan(got) && isnan(want)))
                fail_msg("%lldx%lldx%lld %c%c add %d ld+%lld: (%lld,%lld) is %g, expected %g", (long long)g.m,
                         (long long)g.n, (long long)g.k, g.trans_a ? 'T' : 'N', g.trans_b ? 'T' : 'N', g.add,
                         (long long)pad, (long long)i, (long long)j, got, want);
        }
    matrix_free(&a);
    matrix_free(&b);
    matrix_free(&c);
    matrix_free(&old);
}

static void check_all(int64_t m, int64_t n, int64_t k) {
    for (int bits = 0; bits < 8; bits++) {
        Gemm g = {m, n, k, bits & 1, bits & 2, bits & 4, 0, 0, 0};
        check(g, bits % 3);
    }
}

static void test_small_shapes(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 6, 7, 11, 12, 13, 16, 17, 31, 32, 33};
    enum { N = sizeof sizes / sizeof sizes[0] };
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int p = 0; p < N; p += 3) check_all(sizes[i], sizes[j], sizes[(p + i + j) % N]);
}

static void test_block_edges(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{95, 255, 255}, {96, 256, 256}, {97, 257, 257}, {193, 40, 513}, {1, 600, 300},
                                        {300, 1, 300},  {16, 512, 64},  {8, 513, 288},  {48, 100, 7}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) check_all(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void test_empty(void **state) {
    (void)state;
    check_all(0, 5, 5);
    check_all(5, 0, 5);
    check_all(5, 5, 0);
}

static void fill_normal(Matrix *m, uint64_t step) {
    for (size_t i = 0; i < m->n; i++) {
        Rng rng = rng_at(rng_stream(7, "real"), step, i);
        m->at[i] = (float)rng_normal(&rng);
    }
}

/* Rows and columns of C computed apart have the bits of the whole; so has a second run. */
static void test_cuts_keep_bits(void **state) {
    (void)state;
    enum { M = 61, N = 83, K = 700 };
    Matrix a = matrix_new(M, K, K), b = matrix_new(K, N, N), whole = matrix_new(M, N, N), parts = matrix_new(M, N, N);
    fill_normal(&a, 0);
    fill_normal(&b, 1);
    Gemm g = gemm_nn(M, N, K, false);
    run(&g, a.at, b.at, whole.at);
    for (int64_t i = 0; i < M; i += 7)
        for (int64_t j = 0; j < N; j += 29) {
            Gemm part = g;
            part.m = M - i < 7 ? M - i : 7;
            part.n = N - j < 29 ? N - j : 29;
            run(&part, a.at + i * K, b.at + j, parts.at + i * N + j);
        }
    assert_memory_equal(whole.at, parts.at, whole.n * sizeof(float));
    run(&g, a.at, b.at, parts.at);
    assert_memory_equal(whole.at, parts.at, whole.n * sizeof(float));
    double worst = 0;
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++)
            worst = fmax(worst, fabs((double)whole.at[i * N + j] - element(&g, a.at, b.at, i, j)));
    assert_true(worst < 1e-4);
    matrix_free(&a);
    matrix_free(&b);
    matrix_free(&whole);
    matrix_free(&parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small_shapes), cmocka_unit_test(test_block_edges),
                                       cmocka_unit_test(test_empty), cmocka_unit_test(test_cuts_keep_bits)};
    int n_failed = 0;
    for (int isa = 0; isa < ISA_COUNT; isa++) { /* each that this CPU has */
        char name[32];
        (void)snprintf(name, sizeof name, "gemm %s", isa_name((Isa)isa));
        if (isa_is_here((Isa)isa) && isa_pin(isa_name((Isa)isa)) == ERR_OK)
            n_failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    return n_failed;
}

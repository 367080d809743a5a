/* The emulation of CUDA itself: it computes what CUDA would, and ends the program where hardware would be undefined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/emu/emu.h"
#include "tests/emu/planted.h"

enum { N = 300, RUN = 128, N_ORDERS = 20, TO_DEVICE = 1, TO_HOST = 2, ON_DEVICE = 3 };
enum {
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_CONFIGURATION = 9,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_BROKEN = 901
};
enum { CAPTURE_IMPLICIT = 906, BLAS_NOT_INITIALIZED = 1, BLAS_INVALID_VALUE = 7 };

#if defined(__SANITIZE_ADDRESS__)
static const char *const stray_text = "AddressSanitizer: heap-buffer-overflow", *const stray_shared_text = stray_text;
#else
static const char *const stray_text = "reverse_rows wrote beside an allocation of 1200 bytes";
static const char *const stray_shared_text = NULL; /* only the sanitizer sees it */
#endif

static float *device_floats(int n) {
    void *block = NULL;
    assert_int_equal(planted_malloc(&block, (size_t)n * sizeof(float)), 0);
    return block;
}

static void put(float *to, const float *from, int n) {
    assert_int_equal(planted_copy(to, from, (size_t)n * sizeof *to, TO_DEVICE), 0);
}

static void get(float *to, const float *from, int n) {
    assert_int_equal(planted_copy(to, from, (size_t)n * sizeof *to, TO_HOST), 0);
}

static float turned(int i) {
    const int first = i / RUN * RUN, last = first + RUN < N ? first + RUN : N;
    return (float)(first + last - 1 - i);
}

static int run_turned(Planted what, uint64_t seed) {
    float host[N], *x = device_floats(N), *y = device_floats(N);
    int n_wrong = 0;
    for (int i = 0; i < N; i++) host[i] = (float)i;
    put(x, host, N);
    emu_order(seed);
    assert_int_equal(planted_run(what, y, x, N), 0);
    emu_order(0);
    get(host, y, N);
    for (int i = 0; i < N; i++) n_wrong += !(host[i] == turned(i));
    assert_int_equal(planted_free(x), 0);
    assert_int_equal(planted_free(y), 0);
    return n_wrong;
}

static void test_orders(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed <= N_ORDERS; seed++) assert_int_equal(run_turned(PLANTED_NOTHING, seed), 0);
}

static void test_missing_barrier(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it reports the race that is planted here, as it should */
#endif
    for (uint64_t seed = 0; seed <= N_ORDERS; seed++) assert_true(run_turned(PLANTED_NO_BARRIER, seed) > 0);
}

/* A barrier that only matters when a warp runs ahead of the others. */
static int run_sum(Planted what, uint64_t seed) {
    float host[RUN], *x = device_floats(RUN), *y = device_floats(RUN);
    int n_wrong = 0;
    for (int i = 0; i < RUN; i++) host[i] = (float)i;
    put(x, host, RUN);
    emu_order(seed);
    assert_int_equal(planted_run(what, y, x, RUN), 0);
    emu_order(0);
    get(host, y, RUN);
    for (int i = 0; i < RUN; i++) n_wrong += !(host[i] == (float)(RUN * (RUN * (RUN - 1) / 2)));
    assert_int_equal(planted_free(x), 0);
    assert_int_equal(planted_free(y), 0);
    return n_wrong;
}

static void test_warps_run_ahead(void **state) {
    int n_seen = 0;
    (void)state;
    for (uint64_t seed = 0; seed <= N_ORDERS; seed++) {
        assert_int_equal(run_sum(PLANTED_SUM_TWICE, seed), 0);
        n_seen += run_sum(PLANTED_SUM_NO_BARRIER, seed) > 0;
    }
    print_message("    seen in %d of %d orders\n", n_seen, N_ORDERS);
    assert_true(n_seen >= N_ORDERS / 2);
}

/* ---- what ends the program ---- */

static void run_planted(Planted what) {
    float host[N] = {0}, *x = device_floats(N), *y = device_floats(N);
    put(x, host, N);
    (void)planted_run(what, y, x, N);
}

/* text NULL: nothing is seen. */
static void expect_end(Planted what, const char *text) {
    char said[16384];
    size_t n = 0;
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        run_planted(what);
        _exit(0);
    }
    (void)close(ends[1]);
    for (ssize_t got = 1; got > 0 && n<sizeof said - 1; n += got> 0 ? (size_t)got : 0)
        got = read(ends[0], said + n, sizeof said - 1 - n);
    said[n] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (text == NULL) {
        assert_int_equal(status, 0);
        return;
    }
    if (status == 0 || strstr(said, text) == NULL) fail_msg("expected \"%s\", got: %s", text, said);
}

static void test_stray_write(void **state) {
    (void)state;
    expect_end(PLANTED_STRAY, stray_text);
    expect_end(PLANTED_STRAY_BEFORE, stray_text);
    expect_end(PLANTED_SHARED_STRAY, stray_shared_text);
}

static void test_divergence(void **state) {
    (void)state;
    expect_end(PLANTED_DIVERGENCE,
               "diverge_at_barrier, block (0,0,0): thread (0,0,0) waits in __syncthreads at tests/emu/"
               "planted.cu:");
    expect_end(PLANTED_DIVERGENCE, "while thread (1,0,0) waits in __syncthreads at tests/emu/planted.cu:");
    expect_end(PLANTED_RETURN, "while thread (5,0,0) has returned");
}

static void test_lanes(void **state) {
    (void)state;
    expect_end(PLANTED_LANE_MISSING, "waits in __shfl_xor_sync for lanes ffffffff at tests/emu/planted.cu:");
    expect_end(PLANTED_LANE_MISSING, "while thread (7,0,0) has returned");
    expect_end(PLANTED_LANE_BEYOND, "waits for lane 5, and the block has no such thread");
    expect_end(PLANTED_LANE_NOT_NAMED, "it must be one of those lanes");
    expect_end(PLANTED_LANE_OUTSIDE, "reads lane 20, which is not among them");
    expect_end(PLANTED_SHARED_SIZE, "shared_too_large wants 49156 bytes of shared memory, a block has 49152");
}

/* ---- what a block computes ---- */

static void test_collectives(void **state) {
    enum { BLOCKS = 3, THREADS = 96 };
    float host[BLOCKS * THREADS * 5], *y = device_floats(BLOCKS * THREADS * 5);
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        emu_order(seed);
        assert_int_equal(planted_collectives(y, BLOCKS, THREADS), 0);
        get(host, y, BLOCKS * THREADS * 5);
        for (int i = 0; i < BLOCKS * THREADS; i++) {
            const int lane = i % 32, warp = i % THREADS / 32;
            assert_true(host[5 * i] == (float)(32 * 32 * warp + 31 * 16));
            assert_true(host[5 * i + 1] == (float)(lane + 1));
            assert_true(host[5 * i + 2] == (float)(lane % 8 < 5 ? lane + 3 : lane));
            assert_true(host[5 * i + 3] == 11.0f);
            assert_true(host[5 * i + 4] == 2.0f);
        }
    }
    emu_order(0);
    assert_int_equal(planted_free(y), 0);
}

static void test_shared_is_fresh(void **state) {
    float host[64], *y = device_floats(64);
    (void)state;
    assert_int_equal(planted_read_shared(y, 2), 0);
    get(host, y, 64);
    for (int i = 0; i < 64; i++) assert_true(host[i] != host[i]);
    assert_int_equal(emu_stats().shared_bytes, 32 * sizeof(float));
    assert_int_equal(planted_free(y), 0);
}

static int launch(float *y, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                  size_t shared) {
    const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    return planted_launch(y, grid, block, shared);
}

static void test_configurations(void **state) {
    float host[6 * 24], *y = device_floats(6 * 24);
    const uint64_t before = emu_stats().n_launches;
    (void)state;
    assert_int_equal(launch(y, 0, 1, 1, 32, 1, 1, 128), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 65536, 1, 32, 1, 1, 128), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 65536, 32, 1, 1, 128), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 1, 1025, 1, 1, 8192), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 1, 32, 33, 1, 8192), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 1, 1, 1, 65, 8192), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 1, 32, 0, 1, 128), INVALID_CONFIGURATION);
    assert_int_equal(launch(y, 1, 1, 1, 32, 1, 1, (48 << 10) + 1), INVALID_CONFIGURATION);
    assert_int_equal(emu_stats().n_launches, before);
    assert_int_equal(launch(y, 3, 1, 2, 4, 2, 3, 96), 0);
    get(host, y, 6 * 24);
    for (int i = 0; i < 6 * 24; i++) assert_true(host[i] == (float)(i / 24 * 1000 + i % 24) + 0.5f);
    assert_int_equal(emu_stats().n_launches, before + 1);
    assert_int_equal(planted_shared_limit((64 << 10) + 1), INVALID_VALUE);
    assert_int_equal(planted_shared_limit(50 << 10), 0);
    assert_int_equal(launch(y, 1, 1, 1, 24, 1, 1, 50 << 10), 0);
    assert_int_equal(emu_stats().shared_bytes, 50 << 10);
    assert_int_equal(planted_free(y), 0);
}

/* ---- memory, graphs, products ---- */

static void test_memory(void **state) {
    float host[4] = {1, 2, 3, 4}, *x = device_floats(4);
    const EmuStats before = emu_stats();
    void *block = &block;
    (void)state;
    assert_int_equal(planted_copy(x, host, sizeof host, TO_DEVICE), 0);
    assert_int_equal(planted_copy(x, host, sizeof host + 1, TO_DEVICE), INVALID_VALUE);
    assert_int_equal(planted_copy(host, x, sizeof host, TO_DEVICE), INVALID_VALUE);
    assert_int_equal(planted_copy(x + 1, x, sizeof host, ON_DEVICE), INVALID_VALUE);
    emu_devices(1, before.live_bytes + 100);
    assert_int_equal(planted_malloc(&block, 101), OUT_OF_MEMORY);
    assert_null(block);
    assert_int_equal(planted_malloc(&block, 100), 0);
    assert_int_equal(emu_stats().live_bytes, before.live_bytes + 100);
    assert_int_equal(planted_free((char *)block + 1), INVALID_VALUE);
    assert_int_equal(planted_free(block), 0);
    assert_int_equal(emu_stats().n_live, before.n_live);
    emu_devices(1, (size_t)1 << 30);
    emu_fail_at(2, OUT_OF_MEMORY);
    assert_int_equal(planted_free(NULL), 0);
    assert_int_equal(planted_malloc(&block, 100), OUT_OF_MEMORY);
    assert_int_equal(planted_free(x), 0);
}

/* A replay does the same to what the memory holds by then. */
static void test_capture(void **state) {
    float x[3] = {1, 2, 3}, y[3] = {0}, *dx = device_floats(3), *dy = device_floats(3);
    const uint64_t before = emu_stats().n_launches, live = emu_stats().n_live;
    int after = 0;
    (void)state;
    put(dx, x, 3);
    put(dy, y, 3);
    assert_int_equal(planted_capture(dy, dx, 3, 0), 0);
    get(y, dy, 3);
    assert_true(y[2] == 0.0f); /* a capture runs nothing */
    assert_int_equal(planted_capture(dy, dx, 3, 2), 0);
    get(y, dy, 3);
    for (int i = 0; i < 3; i++) assert_true(y[i] == 3.0f * (float)(i + 1));
    assert_int_equal(emu_stats().n_launches, before + 4);
    assert_int_equal(planted_capture_misuse(PLANTED_SYNCHRONIZE, &after), CAPTURE_UNSUPPORTED);
    assert_int_equal(after, CAPTURE_BROKEN);
    assert_int_equal(planted_capture_misuse(PLANTED_MALLOC, &after), CAPTURE_UNSUPPORTED);
    assert_int_equal(after, CAPTURE_BROKEN);
    assert_int_equal(planted_capture_misuse(PLANTED_NULL_STREAM, &after), CAPTURE_IMPLICIT);
    assert_int_equal(after, CAPTURE_BROKEN);
    assert_int_equal(emu_stats().n_live, live);
    assert_int_equal(planted_free(dx), 0);
    assert_int_equal(planted_free(dy), 0);
}

/* Element (i, j) of op(X), column-major. */
static float at(const float *x, bool trans, int64_t ld, int64_t i, int64_t j) {
    return trans ? x[i * ld + j] : x[j * ld + i];
}

static void check_gemm(bool trans_a, bool trans_b) {
    enum { M = 3, NN = 4, K = 5, LD = 7 };
    float a[LD * LD], b[LD * LD], c[LD * LD], before[LD * LD];
    float *da = device_floats(LD * LD), *db = device_floats(LD * LD), *dc = device_floats(LD * LD);
    const PlantedGemm g = {trans_a, trans_b, false, M, NN, K, LD, LD, LD, 2.0f, -1.0f, 1024, 0};
    for (int i = 0; i < LD * LD; i++) a[i] = (float)(i % 11), b[i] = (float)(i % 7) - 3.0f, before[i] = (float)(i % 5);
    put(da, a, LD * LD);
    put(db, b, LD * LD);
    put(dc, before, LD * LD);
    assert_int_equal(planted_gemm(&g, da, db, dc), 0);
    get(c, dc, LD * LD);
    for (int64_t j = 0; j < LD; j++)
        for (int64_t i = 0; i < LD; i++) {
            float sum = 0.0f;
            for (int64_t k = 0; k < K; k++) sum += at(a, trans_a, LD, i, k) * at(b, trans_b, LD, k, j);
            const float old = before[j * LD + i], expected = i < M && j < NN ? 2.0f * sum - old : old;
            assert_true(c[j * LD + i] == expected);
        }
    assert_int_equal(planted_free(da), 0);
    assert_int_equal(planted_free(db), 0);
    assert_int_equal(planted_free(dc), 0);
}

static void test_products(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) check_gemm((i & 1) != 0, (i & 2) != 0);
}

static void test_products_refused(void **state) {
    float *x = device_floats(64);
    const PlantedGemm good = {.m = 2, .n = 3, .k = 4, .lda = 2, .ldb = 4, .ldc = 2, .workspace_bytes = 512};
    PlantedGemm g = good;
    (void)state;
    const uint64_t hidden = emu_stats().n_hidden;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), 0);
    g.lda = 1;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    g = good, g.ldb = 3;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    g = good, g.trans_b = true, g.ldb = 2; /* stored [n, k] */
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    g = good, g.ldc = 0;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    g = good, g.m = -1;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    g = good, g.workspace_offset = 8;
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), BLAS_INVALID_VALUE);
    assert_int_equal(emu_stats().n_hidden, hidden);
    g = good, g.sets_stream_last = true; /* takes the workspace away again */
    assert_int_equal(planted_gemm(&g, x, x + 16, x + 32), 0);
    assert_int_equal(emu_stats().n_hidden, hidden + 1);
    assert_int_equal(planted_gemm_after_destroy(), BLAS_NOT_INITIALIZED);
    assert_int_equal(planted_free(x), 0);
    assert_int_equal(emu_stats().n_live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders),          cmocka_unit_test(test_missing_barrier),
                                       cmocka_unit_test(test_warps_run_ahead), cmocka_unit_test(test_stray_write),
                                       cmocka_unit_test(test_divergence),      cmocka_unit_test(test_lanes),
                                       cmocka_unit_test(test_collectives),     cmocka_unit_test(test_shared_is_fresh),
                                       cmocka_unit_test(test_configurations),  cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_capture),         cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_products_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

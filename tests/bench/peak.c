/* Chains of fused multiply-adds: enough of them to hide each one's latency. */
#include "tests/bench/peak.h"

#include <math.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHAINS = 12, CALL_ROUNDS = 1 << 16 };

static volatile float sink;

static double clock_seconds(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_wall(void) { return clock_seconds(CLOCK_MONOTONIC); }
double bench_cpu(void) { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

/* Each runs CALL_ROUNDS rounds of CHAINS multiply-adds and returns their floating-point operations. */
#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double run_avx512(void) {
    __m512 chain[CHAINS], scale = _mm512_set1_ps(0.999F), shift = _mm512_set1_ps(0.001F);
    for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_set1_ps((float)c);
    for (int i = 0; i < CALL_ROUNDS; i++)
        for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_fmadd_ps(chain[c], scale, shift);
    for (int c = 1; c < CHAINS; c++) chain[0] = _mm512_add_ps(chain[0], chain[c]);
    sink = _mm512_cvtss_f32(chain[0]);
    return 2.0 * 16 * CHAINS * CALL_ROUNDS;
}

__attribute__((target("avx2,fma"))) static double run_avx2(void) {
    __m256 chain[CHAINS], scale = _mm256_set1_ps(0.999F), shift = _mm256_set1_ps(0.001F);
    for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_set1_ps((float)c);
    for (int i = 0; i < CALL_ROUNDS; i++)
        for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_fmadd_ps(chain[c], scale, shift);
    for (int c = 1; c < CHAINS; c++) chain[0] = _mm256_add_ps(chain[0], chain[c]);
    sink = _mm256_cvtss_f32(chain[0]);
    return 2.0 * 8 * CHAINS * CALL_ROUNDS;
}

static int has_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
static double run_avx512(void) { return 0; }
static double run_avx2(void) { return 0; }
static int has_avx512(void) { return 0; }
static int has_avx2(void) { return 0; }
#endif

static double run_scalar(void) {
    float chain[CHAINS];
    for (int c = 0; c < CHAINS; c++) chain[c] = (float)c;
    for (int i = 0; i < CALL_ROUNDS; i++)
        for (int c = 0; c < CHAINS; c++) chain[c] = fmaf(chain[c], 0.999F, 0.001F);
    for (int c = 1; c < CHAINS; c++) chain[0] += chain[c];
    sink = chain[0];
    return 2.0 * CHAINS * CALL_ROUNDS;
}

const char *peak_instructions(void) { return has_avx512() ? "avx512f" : has_avx2() ? "avx2" : "scalar"; }

double peak_gflops(double seconds) {
    double (*run)(void) = has_avx512() ? run_avx512 : has_avx2() ? run_avx2 : run_scalar;
    double best = 0, start = bench_wall();
    do { /* the best of short pieces: what the core can do, not what it was let do */
        double before = bench_cpu(), flops = run(), took = bench_cpu() - before;
        best = fmax(best, flops / took * 1e-9);
    } while (bench_wall() - start < seconds);
    return best;
}

#include "kernels/tile.h"

#include <string.h>

#include "kernels/err.h"
#include "kernels/isa.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TILE_X86
#include <immintrin.h>

#define TILE(name) avx512_##name
#define TILE_TARGET __attribute__((target("avx512f")))
#define TILE_LANES 16
#define TILE_ROWS 12
#define TILE_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define TILE_V __m512
#define TILE_LOAD _mm512_loadu_ps
#define TILE_STORE _mm512_storeu_ps
#define TILE_FILL _mm512_set1_ps
#define TILE_ADD _mm512_add_ps
#define TILE_FMA _mm512_fmadd_ps
#include "kernels/tile_body.inc"

#define TILE(name) avx2_##name
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES 8
#define TILE_ROWS 6
#define TILE_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define TILE_V __m256
#define TILE_LOAD _mm256_loadu_ps
#define TILE_STORE _mm256_storeu_ps
#define TILE_FILL _mm256_set1_ps
#define TILE_ADD _mm256_add_ps
#define TILE_FMA _mm256_fmadd_ps
#include "kernels/tile_body.inc"
#endif

enum { PLAIN_COLS = 16 };

static void plain_column(int64_t m, const Tile *t, float *c, int64_t ldc) {
    for (int64_t r = 0; r < m; r++) {
        float acc[PLAIN_COLS] = {0};
        for (int64_t q = 0; q < t->n_segments * t->k; q++) {
            const float element = t->a[r * t->a_row + q / t->k * t->a_segment + q % t->k * t->a_col];
            const float *b = t->b + q * t->b_row;
#ifdef __FP_FAST_FMAF
            for (int j = 0; j < PLAIN_COLS; j++) acc[j] = __builtin_fmaf(element, b[j], acc[j]);
#else
            for (int j = 0; j < PLAIN_COLS; j++) acc[j] += element * b[j];
#endif
        }
        const float *from = t->add ? c + r * ldc : t->bias;
        for (int j = 0; j < PLAIN_COLS; j++) c[r * ldc + j] = from == NULL ? acc[j] : from[j] + acc[j];
    }
}

const char *tile_class(void) {
    static const char *const classes[ISA_COUNT] = {
        [ISA_PLAIN] = "cpu-plain", [ISA_AVX2] = "cpu-avx2", [ISA_AVX512] = "cpu-avx512"};
    return classes[isa_in_use()];
}

TileKernel tile_kernel(int64_t n_cols) {
#ifdef TILE_X86
    const Isa isa = isa_in_use();
    const bool narrow = n_cols % 32 >= 1 && n_cols % 32 <= 16 && n_cols < 128;
    if (isa == ISA_AVX512 && !narrow) return (TileKernel){32, avx512_column};
    if (isa >= ISA_AVX2) return (TileKernel){16, avx2_column};
#endif
    (void)n_cols;
    return (TileKernel){PLAIN_COLS, plain_column};
}

/* dst[p dst_ld + j] = src[j src_ld + p] for 8 values of p and of j. */
#ifdef TILE_X86
__attribute__((target("avx"))) static void transpose_8x8(float *dst, int64_t dst_ld, const float *src, int64_t src_ld) {
    for (int h = 0; h < 8; h += 4, src += 4, dst += 4 * dst_ld) { /* columns h..h+3 of all eight rows */
        __m256 row[4];
        for (int j = 0; j < 4; j++)
            row[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + j * src_ld)),
                                          _mm_loadu_ps(src + (j + 4) * src_ld), 1);
        __m256 low01 = _mm256_unpacklo_ps(row[0], row[1]), high01 = _mm256_unpackhi_ps(row[0], row[1]);
        __m256 low23 = _mm256_unpacklo_ps(row[2], row[3]), high23 = _mm256_unpackhi_ps(row[2], row[3]);
        _mm256_storeu_ps(dst, _mm256_shuffle_ps(low01, low23, 0x44));
        _mm256_storeu_ps(dst + dst_ld, _mm256_shuffle_ps(low01, low23, 0xee));
        _mm256_storeu_ps(dst + 2 * dst_ld, _mm256_shuffle_ps(high01, high23, 0x44));
        _mm256_storeu_ps(dst + 3 * dst_ld, _mm256_shuffle_ps(high01, high23, 0xee));
    }
}
#define HAS_TRANSPOSE __builtin_cpu_supports("avx")
#else
static void transpose_8x8(float *dst, int64_t dst_ld, const float *src, int64_t src_ld) {
    for (int p = 0; p < 8; p++)
        for (int j = 0; j < 8; j++) dst[p * dst_ld + j] = src[j * src_ld + p];
}
#define HAS_TRANSPOSE true
#endif

static void pack_plain(float *restrict dst, const float *restrict src, int64_t row, int64_t col, int64_t k, int n,
                       int width) {
    for (int64_t p = 0; p < k; p++, dst += width, src += row) {
        for (int j = 0; j < n; j++) dst[j] = src[j * col];
        for (int j = n; j < width; j++) dst[j] = 0.0f;
    }
}

void tile_pack(float *restrict dst, const float *restrict b, int64_t ld, int64_t k, int n, int width) {
    if (n < width) {
        pack_plain(dst, b, ld, 1, k, n, width);
        return;
    }
    for (int64_t p = 0; p < k; p++, b += ld)
        for (int j = 0; j < width; j += 16, dst += 16) memcpy(dst, b + j, 16 * sizeof *dst);
}

void tile_pack_transposed(float *restrict dst, const float *restrict b, int64_t ld, int64_t k, int n, int width) {
    const int64_t k8 = HAS_TRANSPOSE ? k / 8 * 8 : 0;
    for (int64_t p = 0; p < k8; p += 8)
        for (int j = 0; j < width; j += 8)
            if (j + 8 <= n)
                transpose_8x8(dst + p * width + j, width, b + j * ld + p, ld);
            else
                for (int q = 0; q < 8; q++)
                    for (int i = j; i < j + 8; i++) dst[(p + q) * width + i] = i < n ? b[i * ld + p + q] : 0.0f;
    pack_plain(dst + k8 * width, b + k8, 1, ld, k - k8, n, width);
}

void tile_column(const TileKernel *kernel, int64_t m, int cols, const Tile *t, float *c, int64_t ldc) {
    float full[TILE_MAX_ROWS * TILE_MAX_COLS];
    Tile tile = *t;
    if (cols == kernel->cols) {
        kernel->run(m, t, c, ldc);
        return;
    }
    tile.add = false;
    tile.bias = NULL;
    for (int64_t i = 0; i < m; i += TILE_MAX_ROWS, tile.a += TILE_MAX_ROWS * tile.a_row) {
        const int64_t rows = tile_min(m - i, TILE_MAX_ROWS);
        kernel->run(rows, &tile, full, kernel->cols);
        for (int64_t r = 0; r < rows; r++) {
            const float *from = full + r * kernel->cols;
            float *to = c + (i + r) * ldc;
            const float *plus = t->add ? to : t->bias;
            for (int j = 0; j < cols; j++) to[j] = plus == NULL ? from[j] : plus[j] + from[j];
        }
    }
}

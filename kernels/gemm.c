/* Matrix product: blocks of B and A are packed into panels that the register tile reads in order. The blocking is that
 * of Goto & van de Geijn 2008. Not parallel. */
#include "kernels/gemm.h"

#include <string.h>

#include "kernels/err.h"

/* A block of B is K_BLOCK x N_BLOCK, one of A M_BLOCK x K_BLOCK floats: both stay in a core's second-level cache.
 * MAX_ROWS and MAX_COLS bound the tile of every instruction set; M_BLOCK and N_BLOCK are multiples of every tile. */
enum { K_BLOCK = GEMM_K_BLOCK, N_BLOCK = 256, M_BLOCK = 96, MAX_ROWS = 12, MAX_COLS = 32 };

/* The operands of one tile: element (r, p) of A is a[r a_row + p a_col], B has rows of a full tile's width. */
typedef struct Tile {
    const float *a, *b;
    int64_t a_row, a_col, b_row, k;
    bool add;
} Tile;

typedef struct Kernel {
    int rows, cols;
    void (*run)(int rows, const Tile *t, float *c, int64_t ldc);
} Kernel;

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define TILE(name) avx512_##name
#define TILE_TARGET __attribute__((target("avx512f")))
#define TILE_LANES 16
#define TILE_ROWS 12
#define TILE_V __m512
#define TILE_LOAD _mm512_loadu_ps
#define TILE_STORE _mm512_storeu_ps
#define TILE_FILL _mm512_set1_ps
#define TILE_ADD _mm512_add_ps
#define TILE_FMA _mm512_fmadd_ps
#include "kernels/gemm_tile.h"

#define TILE(name) avx2_##name
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES 8
#define TILE_ROWS 6
#define TILE_V __m256
#define TILE_LOAD _mm256_loadu_ps
#define TILE_STORE _mm256_storeu_ps
#define TILE_FILL _mm256_set1_ps
#define TILE_ADD _mm256_add_ps
#define TILE_FMA _mm256_fmadd_ps
#include "kernels/gemm_tile.h"
#endif

enum { PLAIN_ROWS = 4, PLAIN_COLS = 16 };

static void plain_run(int rows, const Tile *t, float *c, int64_t ldc) {
    for (int r = 0; r < rows; r++) {
        float acc[PLAIN_COLS] = {0};
        for (int64_t p = 0; p < t->k; p++) {
            float s = t->a[r * t->a_row + p * t->a_col];
            const float *b = t->b + p * t->b_row;
#ifdef __FP_FAST_FMAF
            for (int j = 0; j < PLAIN_COLS; j++) acc[j] = __builtin_fmaf(s, b[j], acc[j]);
#else
            for (int j = 0; j < PLAIN_COLS; j++) acc[j] += s * b[j];
#endif
        }
        for (int j = 0; j < PLAIN_COLS; j++) c[r * ldc + j] = t->add ? c[r * ldc + j] + acc[j] : acc[j];
    }
}

static Kernel pick_kernel(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512f")) return (Kernel){12, 32, avx512_run};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (Kernel){6, 16, avx2_run};
#endif
    return (Kernel){PLAIN_ROWS, PLAIN_COLS, plain_run};
}

static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

static int64_t packed_b_floats(const Gemm *g) {
    return min_i64(g->k, K_BLOCK) * min_i64(round_up(g->n, MAX_COLS), N_BLOCK);
}

size_t gemm_scratch_bytes(const Gemm *g) {
    int64_t a = min_i64(g->k, K_BLOCK) * min_i64(round_up(g->m, MAX_ROWS), M_BLOCK);
    return (size_t)(packed_b_floats(g) + a) * sizeof(float);
}

/* dst[k, width] = k x n elements of a matrix whose element (p, j) is src[p row + j col]; columns n.. are zero. */
static void pack(float *restrict dst, const float *restrict src, int64_t row, int64_t col, int64_t k, int n,
                 int width) {
    if (col == 1 && n == width) {
        for (int64_t p = 0; p < k; p++, dst += width, src += row) memcpy(dst, src, (size_t)width * sizeof *dst);
        return;
    }
    for (int64_t p = 0; p < k; p++, dst += width, src += row) {
        for (int j = 0; j < n; j++) dst[j] = src[j * col];
        for (int j = n; j < width; j++) dst[j] = 0.0f;
    }
}

/* One tile whose columns may be fewer than the kernel's: these go through a buffer. */
static void run_tile(const Kernel *kernel, int rows, int cols, const Tile *t, float *c, int64_t ldc) {
    float full[MAX_ROWS * MAX_COLS];
    if (cols == kernel->cols) {
        kernel->run(rows, t, c, ldc);
        return;
    }
    Tile tile = *t;
    tile.add = false;
    kernel->run(rows, &tile, full, kernel->cols);
    for (int r = 0; r < rows; r++) {
        const float *from = full + r * kernel->cols;
        for (int j = 0; j < cols; j++) c[r * ldc + j] = t->add ? c[r * ldc + j] + from[j] : from[j];
    }
}

/* A block of C: m x n from packed A (panels of kernel->rows rows) and packed B (panels of kernel->cols columns). */
static void run_block(const Kernel *kernel, int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c,
                      int64_t ldc, bool add) {
    for (int64_t j = 0; j < n; j += kernel->cols)
        for (int64_t i = 0; i < m; i += kernel->rows) {
            Tile tile = {a + i * k, b + j * k, 1, kernel->rows, kernel->cols, k, add};
            run_tile(kernel, (int)min_i64(m - i, kernel->rows), (int)min_i64(n - j, kernel->cols), &tile,
                     c + i * ldc + j, ldc);
        }
}

static void clear(const Gemm *g, float *c) {
    for (int64_t i = 0; i < g->m && !g->add; i++) memset(c + i * g->ldc, 0, (size_t)g->n * sizeof *c);
}

void gemm_run(const Gemm *g, const float *a, const float *b, float *c, void *scratch) {
    Kernel kernel = pick_kernel();
    float *pb = scratch, *pa = pb + packed_b_floats(g);
    int64_t a_row = g->trans_a ? 1 : g->lda, a_col = g->trans_a ? g->lda : 1;
    int64_t b_row = g->trans_b ? 1 : g->ldb, b_col = g->trans_b ? g->ldb : 1;
    if (g->k == 0) clear(g, c);
    for (int64_t j0 = 0; j0 < g->n; j0 += N_BLOCK)
        for (int64_t p0 = 0; p0 < g->k; p0 += K_BLOCK) {
            int64_t n = min_i64(g->n - j0, N_BLOCK), k = min_i64(g->k - p0, K_BLOCK);
            for (int64_t j = 0; j < n; j += kernel.cols)
                pack(pb + j * k, b + p0 * b_row + (j0 + j) * b_col, b_row, b_col, k, (int)min_i64(n - j, kernel.cols),
                     kernel.cols);
            for (int64_t i0 = 0; i0 < g->m; i0 += M_BLOCK) {
                int64_t m = min_i64(g->m - i0, M_BLOCK);
                for (int64_t i = 0; i < m; i += kernel.rows)
                    pack(pa + i * k, a + (i0 + i) * a_row + p0 * a_col, a_col, a_row, k,
                         (int)min_i64(m - i, kernel.rows), kernel.rows);
                run_block(&kernel, m, n, k, pa, pb, c + i0 * g->ldc + j0, g->ldc, g->add || p0 > 0);
            }
        }
}

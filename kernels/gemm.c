/* Matrix product: blocks of B and A are packed into panels that the register tile reads in order. The blocking is that
 * of Goto & van de Geijn 2008. Not parallel. */
#include "kernels/gemm.h"

#include <string.h>

#include "kernels/err.h"

/* A block of B is K_BLOCK x N_BLOCK, one of A M_BLOCK x K_BLOCK floats: both stay in a core's second-level cache.
 * MAX_ROWS and MAX_COLS bound the tile of every instruction set; M_BLOCK and N_BLOCK are multiples of every tile. */
enum { K_BLOCK = GEMM_K_BLOCK, N_BLOCK = 256, M_BLOCK = 96, MAX_ROWS = 12, MAX_COLS = 32, ALIGN_FLOATS = 16 };

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
#define GEMM_X86
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
#ifdef GEMM_X86
    if (__builtin_cpu_supports("avx512f")) return (Kernel){12, 32, avx512_run};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (Kernel){6, 16, avx2_run};
#endif
    return (Kernel){PLAIN_ROWS, PLAIN_COLS, plain_run};
}

static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/* Floats of a packed block of B and, after it, of a copied block of A. */
static int64_t block_b_floats(const Gemm *g) {
    return min_i64(g->k, K_BLOCK) * min_i64(round_up(g->n, MAX_COLS), N_BLOCK);
}

size_t gemm_scratch_bytes(const Gemm *g) {
    int64_t a = g->trans_a ? min_i64(g->k, K_BLOCK) * min_i64(g->m, M_BLOCK) : 0;
    return (size_t)(block_b_floats(g) + round_up(a, ALIGN_FLOATS)) * sizeof(float);
}

/* dst[p dst_ld + j] = src[j src_ld + p] for 8 values of p and of j. */
#ifdef GEMM_X86
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
#else
static void transpose_8x8(float *dst, int64_t dst_ld, const float *src, int64_t src_ld) {
    for (int p = 0; p < 8; p++)
        for (int j = 0; j < 8; j++) dst[p * dst_ld + j] = src[j * src_ld + p];
}
#endif

/* dst[k, width] = columns 0..n-1 of op(B) whose stored B begins at src; columns n.. are zero. */
static void pack_plain(float *restrict dst, const float *restrict src, int64_t row, int64_t col, int64_t k, int n,
                       int width) {
    for (int64_t p = 0; p < k; p++, dst += width, src += row) {
        for (int j = 0; j < n; j++) dst[j] = src[j * col];
        for (int j = n; j < width; j++) dst[j] = 0.0f;
    }
}

static void pack_rows(float *restrict dst, const float *restrict src, int64_t ld, int64_t k, int n, int width) {
    if (n < width) {
        pack_plain(dst, src, ld, 1, k, n, width);
        return;
    }
    for (int64_t p = 0; p < k; p++, src += ld)
        for (int j = 0; j < width; j += 16, dst += 16) memcpy(dst, src + j, 16 * sizeof *dst);
}

static void pack_transposed(float *restrict dst, const float *restrict src, int64_t ld, int64_t k, int n, int width) {
    int64_t k8 = k / 8 * 8;
    for (int64_t p = 0; p < k8; p += 8)
        for (int j = 0; j < width; j += 8)
            if (j + 8 <= n)
                transpose_8x8(dst + p * width + j, width, src + j * ld + p, ld);
            else
                for (int q = 0; q < 8; q++)
                    for (int i = j; i < j + 8; i++) dst[(p + q) * width + i] = i < n ? src[i * ld + p + q] : 0.0f;
    pack_plain(dst + k8 * width, src + k8, 1, ld, k - k8, n, width);
}

/* One tile; if it has fewer columns than the kernel it goes through a buffer. */
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

/* A column of tiles, whose rows are as equal as can be: a tile of one row would wait for its own sums. */
static void run_column(const Kernel *kernel, int64_t m, int cols, Tile tile, float *c, int64_t ldc) {
    int64_t n_tiles = (m + kernel->rows - 1) / kernel->rows;
    const float *a = tile.a;
    for (int64_t i = 0; i < n_tiles; i++) {
        int64_t first = m * i / n_tiles, last = m * (i + 1) / n_tiles;
        tile.a = a + first * tile.a_row;
        run_tile(kernel, (int)(last - first), cols, &tile, c + first * ldc, ldc);
    }
}

/* B is packed where its rows cannot be read in place: it is transposed, a panel has too few columns, or rows of
 * tiles are so many that reading it in one piece is worth a copy. */
static bool reads_b_in_place(const Gemm *g) { return !g->trans_b && g->m <= 32; }

static void pack_block(const Kernel *kernel, const Gemm *g, const float *b, int64_t n, int64_t k, float *dst) {
    for (int64_t j = 0; j < n; j += kernel->cols) {
        int cols = (int)min_i64(n - j, kernel->cols);
        if (g->trans_b)
            pack_transposed(dst + j * k, b + j * g->ldb, g->ldb, k, cols, kernel->cols);
        else if (!reads_b_in_place(g) || cols < kernel->cols)
            pack_rows(dst + j * k, b + j, g->ldb, k, cols, kernel->cols);
    }
}

/* The rows of A^T in a block, copied where many columns of C will read them. */
static void place_a(const Gemm *g, const float *a, int64_t m, int64_t k, float *copy, Tile *tile) {
    tile->a = a;
    tile->a_row = g->trans_a ? 1 : g->lda;
    tile->a_col = g->trans_a ? g->lda : 1;
    if (!g->trans_a || g->n < 128) return;
    for (int64_t p = 0; p < k; p++) memcpy(copy + p * m, a + p * g->lda, (size_t)m * sizeof *copy);
    tile->a = copy;
    tile->a_col = m;
}

static void clear(const Gemm *g, float *c) {
    for (int64_t i = 0; i < g->m && !g->add; i++) memset(c + i * g->ldc, 0, (size_t)g->n * sizeof *c);
}

/* C[m,n] (+)= rows i0.. of op(A) and the block of B at b, packed at pb. */
static void run_block(const Kernel *kernel, const Gemm *g, const float *a, const float *b, int64_t n, int64_t k,
                      float *pb, float *c, bool add) {
    float *copy = pb + block_b_floats(g);
    for (int64_t i = 0; i < g->m; i += M_BLOCK) {
        int64_t m = min_i64(g->m - i, M_BLOCK);
        Tile tile = {NULL, NULL, 0, 0, 0, k, add};
        place_a(g, a + i * (g->trans_a ? 1 : g->lda), m, k, copy, &tile);
        for (int64_t j = 0; j < n; j += kernel->cols) {
            int cols = (int)min_i64(n - j, kernel->cols);
            bool in_place = reads_b_in_place(g) && cols == kernel->cols;
            tile.b = in_place ? b + j : pb + j * k;
            tile.b_row = in_place ? g->ldb : kernel->cols;
            run_column(kernel, m, cols, tile, c + i * g->ldc + j, g->ldc);
        }
    }
}

void gemm_run(const Gemm *g, const float *a, const float *b, float *c, void *scratch) {
    Kernel kernel = pick_kernel();
    if (g->k == 0) clear(g, c);
    for (int64_t j = 0; j < g->n; j += N_BLOCK)
        for (int64_t p = 0; p < g->k; p += K_BLOCK) {
            int64_t n = min_i64(g->n - j, N_BLOCK), k = min_i64(g->k - p, K_BLOCK);
            const float *block = b + (g->trans_b ? j * g->ldb + p : p * g->ldb + j);
            pack_block(&kernel, g, block, n, k, scratch);
            run_block(&kernel, g, a + (g->trans_a ? p * g->lda : p), block, n, k, scratch, c + j, g->add || p > 0);
        }
}

/* Matrix product: blocks of B and A are packed into panels that the register tile reads in order. The blocking is that
 * of Goto & van de Geijn 2008. Not parallel. */
#include "kernels/gemm.h"

#include <string.h>

#include "kernels/tile.h"

/* A block of B is K_BLOCK x N_BLOCK, one of A M_BLOCK x K_BLOCK floats: both stay in a core's second-level cache.
 * M_BLOCK and N_BLOCK are multiples of every tile. */
enum { K_BLOCK = GEMM_K_BLOCK, N_BLOCK = 256, M_BLOCK = 96, ALIGN_FLOATS = 16 };

/* Floats of a packed block of B and, after it, of a copied block of A. */
static int64_t block_b_floats(const Gemm *g) {
    return tile_min(g->k, K_BLOCK) * tile_min(tile_round_up(g->n, TILE_MAX_COLS), N_BLOCK);
}

size_t gemm_scratch_bytes(const Gemm *g) {
    int64_t a = g->trans_a ? tile_min(g->k, K_BLOCK) * tile_min(g->m, M_BLOCK) : 0;
    return (size_t)(block_b_floats(g) + tile_round_up(a, ALIGN_FLOATS)) * sizeof(float);
}

/* B is packed where its rows cannot be read in place: it is transposed, a panel has too few columns, or rows of
 * tiles are so many that reading it in one piece is worth a copy. */
static bool reads_b_in_place(const Gemm *g) { return !g->trans_b && g->m <= 32; }

static void pack_block(const TileKernel *kernel, const Gemm *g, const float *b, int64_t n, int64_t k, float *dst) {
    for (int64_t j = 0; j < n; j += kernel->cols) {
        int cols = (int)tile_min(n - j, kernel->cols);
        if (g->trans_b)
            tile_pack_transposed(dst + j * k, b + j * g->ldb, g->ldb, k, cols, kernel->cols);
        else if (!reads_b_in_place(g) || cols < kernel->cols)
            tile_pack(dst + j * k, b + j, g->ldb, k, cols, kernel->cols);
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
static void run_block(const TileKernel *kernel, const Gemm *g, const float *a, const float *b, int64_t n, int64_t k,
                      float *pb, float *c, bool add) {
    float *copy = pb + block_b_floats(g);
    for (int64_t i = 0; i < g->m; i += M_BLOCK) {
        int64_t m = tile_min(g->m - i, M_BLOCK);
        Tile tile = {.k = k, .n_segments = 1, .add = add};
        place_a(g, a + i * (g->trans_a ? 1 : g->lda), m, k, copy, &tile);
        for (int64_t j = 0; j < n; j += kernel->cols) {
            int cols = (int)tile_min(n - j, kernel->cols);
            bool in_place = reads_b_in_place(g) && cols == kernel->cols;
            tile.b = in_place ? b + j : pb + j * k;
            tile.b_row = in_place ? g->ldb : kernel->cols;
            tile_column(kernel, m, cols, &tile, c + i * g->ldc + j, g->ldc);
        }
    }
}

void gemm_run(const Gemm *g, const float *a, const float *b, float *c, void *scratch) {
    const TileKernel kernel = tile_kernel(g->n);
    if (g->k == 0) clear(g, c);
    for (int64_t j = 0; j < g->n; j += N_BLOCK)
        for (int64_t p = 0; p < g->k; p += K_BLOCK) {
            int64_t n = tile_min(g->n - j, N_BLOCK), k = tile_min(g->k - p, K_BLOCK);
            const float *block = b + (g->trans_b ? j * g->ldb + p : p * g->ldb + j);
            pack_block(&kernel, g, block, n, k, scratch);
            run_block(&kernel, g, a + (g->trans_a ? p * g->lda : p), block, n, k, scratch, c + j, g->add || p > 0);
        }
}

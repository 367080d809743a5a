/* The register tile under matrix products and convolutions: C[m,n] (+)= A[m,k] B[k,n] for m and n small enough that C
 * stays in registers, and the packing of B into the panels that it reads. An element of C is a sum over k in order,
 * each product fused with its addition, the same bits for any vector width. (A CPU without FMA gives others.)
 * Depends on isa. */
#ifndef KERNELS_TILE_H
#define KERNELS_TILE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds for every instruction set: rows of a tile, its columns (the width of a panel). Buffers are made for these. */
enum { TILE_MAX_ROWS = 12, TILE_MAX_COLS = 32 };

/* Operands of a tile. Element (r, p) of segment s of A is a[r a_row + p a_col + s a_segment], p < k; B has n_segments k
 * rows of a whole panel's width, b_row apart. */
typedef struct Tile {
    const float *a, *b;
    int64_t a_row, a_col, a_segment, b_row;
    int64_t k, n_segments;
    bool add;          /* C += */
    const float *bias; /* else, if not NULL: a row of C's width that is added to every row */
} Tile;

typedef struct TileKernel {
    int cols;
    void (*run)(int64_t m, const Tile *t, float *c, int64_t ldc); /* C[m,cols] */
} TileKernel;

/* Whose tiles are used (isa.h): "cpu-avx512", "cpu-avx2" or "cpu-plain". Scratch depends on nothing else of a CPU. */
const char *tile_class(void);

/* The tile of the instruction set in use that wastes least on n columns. */
TileKernel tile_kernel(int64_t n_cols);

/* C[m,cols], m any, cols <= kernel->cols: columns beyond are not touched. */
void tile_column(const TileKernel *kernel, int64_t m, int cols, const Tile *tile, float *c, int64_t ldc);

/* dst[k, width] = B[k, n]; columns n.. are zero. width: 16 or 32, n <= width. B is stored in rows ld apart, or, for
 * tile_pack_transposed, as its transpose. */
void tile_pack(float *dst, const float *b, int64_t ld, int64_t k, int n, int width);
void tile_pack_transposed(float *dst, const float *b, int64_t ld, int64_t k, int n, int width);

static inline int64_t tile_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t tile_round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

#ifdef __cplusplus
}
#endif
#endif

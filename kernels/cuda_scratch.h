/* What the CUDA kernels take as scratch. Functions of shapes alone: blocks have the sizes that stand here, never those
 * that the card at hand would like, so that a plan made without a card is the plan on every card, and a sum has one
 * order on all of them. The shards of a batch are the CPU's; CUDA has none. The tests run every op with exactly this
 * much, and see what it leaves unused. Depends on libc only. */
#ifndef KERNELS_CUDA_SCRATCH_H
#define KERNELS_CUDA_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CUDA_TILE_BYTES = 64 << 20, /* of columns that a convolution unrolls, of energies, at a time */
    CUDA_SUM_ROWS = 256,        /* rows that one block adds up, unless that makes more than CUDA_SUM_PARTIALS sums */
    CUDA_SUM_PARTIALS = 1 << 18
};

/* The one buffer that cuBLAS is given, for the whole life of a cell (cublasSetWorkspace; one stream). */
enum { CUDA_BLAS_BYTES = 32 << 20 };

/* As many of `rows` rows as fit into CUDA_TILE_BYTES, but at least one. */
int64_t cuda_tile_rows(int64_t rows, size_t row_bytes);
size_t cuda_tile_bytes(int64_t rows, size_t row_bytes);

/* The sums of `cols` columns of an array of `rows` rows: into how many parts the rows are cut, at least 1. */
int64_t cuda_sum_parts(int64_t rows, int64_t cols);

/* Partial sums, in double; 0 if there is one part, which needs none. */
size_t cuda_sum_bytes(int64_t rows, int64_t cols);

#ifdef __cplusplus
}
#endif
#endif

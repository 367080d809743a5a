/* The sums of a matrix's columns, in an order that depends on the rows alone: row r of a block of 64 belongs to lane
 * r % 4, lanes are sums in float, blocks are added in double. Depends on simd. */
#ifndef KERNELS_COLUMNS_H
#define KERNELS_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/simd.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { COLUMNS_WIDTH = 16, COLUMNS_LANES = 4, COLUMNS_ROWS = 64 };

/* out[c] = the sum over r < n_rows of x[r ld + c], for c < n_cols; with add, it is added to out. */
void columns_sum(float *out, const float *x, int64_t n_rows, int64_t n_cols, int64_t ld, bool add);

/* The pieces of such loops, for KERNEL functions: a block of at most COLUMNS_ROWS rows and n <= COLUMNS_WIDTH columns.
 * With n a constant the lanes stay in registers. */
typedef float ColumnsLanes[COLUMNS_LANES][COLUMNS_WIDTH];

KERNEL_INLINE void columns_clear(ColumnsLanes lane) {
    for (int l = 0; l < COLUMNS_LANES; l++)
        for (int j = 0; j < COLUMNS_WIDTH; j++) lane[l][j] = 0.0f;
}

KERNEL_INLINE float columns_fold(ColumnsLanes lane, int j) {
    return (lane[0][j] + lane[2][j]) + (lane[1][j] + lane[3][j]);
}

/* out[j] = the sum of column j. */
KERNEL_INLINE void columns_block(float *out, const float *x, int64_t n_rows, int n, int64_t ld) {
    ColumnsLanes lane;
    int64_t r = 0;
    columns_clear(lane);
    for (; r + COLUMNS_LANES <= n_rows; r += COLUMNS_LANES, x += COLUMNS_LANES * ld)
        for (int l = 0; l < COLUMNS_LANES; l++)
            for (int j = 0; j < n; j++) lane[l][j] += x[l * ld + j];
    for (int l = 0; r < n_rows; r++, l++, x += ld)
        for (int j = 0; j < n; j++) lane[l][j] += x[j];
    for (int j = 0; j < n; j++) out[j] = columns_fold(lane, j);
}

#ifdef __cplusplus
}
#endif
#endif

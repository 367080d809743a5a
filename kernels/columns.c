#include "kernels/columns.h"

#include <string.h>

#include "kernels/simd.h"

enum { COLUMNS = 16, LANES = 4, BLOCK_ROWS = 64 };

/* sum[j] += the sum of n_rows <= BLOCK_ROWS rows of COLUMNS columns. */
KERNEL_INLINE void add_block(double *sum, const float *x, int64_t n_rows, int64_t ld) {
    float lane[LANES][COLUMNS] = {{0}};
    int64_t r = 0;
    for (; r + LANES <= n_rows; r += LANES, x += LANES * ld)
        for (int l = 0; l < LANES; l++)
            for (int j = 0; j < COLUMNS; j++) lane[l][j] += x[l * ld + j];
    for (int l = 0; r < n_rows; r++, l++, x += ld)
        for (int j = 0; j < COLUMNS; j++) lane[l][j] += x[j];
    for (int j = 0; j < COLUMNS; j++) sum[j] += (double)((lane[0][j] + lane[2][j]) + (lane[1][j] + lane[3][j]));
}

/* The same for n_cols < COLUMNS columns. */
KERNEL_INLINE void add_narrow_block(double *sum, const float *x, int64_t n_rows, int64_t n_cols, int64_t ld) {
    float lane[LANES][COLUMNS] = {{0}};
    for (int64_t r = 0; r < n_rows; r++, x += ld)
        for (int64_t j = 0; j < n_cols; j++) lane[r % LANES][j] += x[j];
    for (int j = 0; j < n_cols; j++) sum[j] += (double)((lane[0][j] + lane[2][j]) + (lane[1][j] + lane[3][j]));
}

KERNEL void columns_sum(float *out, const float *x, int64_t n_rows, int64_t n_cols, int64_t ld, bool add) {
    for (int64_t c = 0; c < n_cols; c += COLUMNS) {
        const int64_t n = n_cols - c < COLUMNS ? n_cols - c : COLUMNS;
        double sum[COLUMNS] = {0};
        for (int64_t r = 0; r < n_rows; r += BLOCK_ROWS) {
            const int64_t rows = n_rows - r < BLOCK_ROWS ? n_rows - r : BLOCK_ROWS;
            if (n == COLUMNS)
                add_block(sum, x + r * ld + c, rows, ld);
            else
                add_narrow_block(sum, x + r * ld + c, rows, n, ld);
        }
        for (int64_t j = 0; j < n; j++) out[c + j] = add ? out[c + j] + (float)sum[j] : (float)sum[j];
    }
}

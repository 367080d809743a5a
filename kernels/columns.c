#include "kernels/columns.h"

KERNEL_INLINE void sum_strip(float *out, const float *x, int64_t n_rows, int n, int64_t ld, bool add) {
    double sum[COLUMNS_WIDTH] = {0};
    float block[COLUMNS_WIDTH];
    for (int64_t r = 0; r < n_rows; r += COLUMNS_ROWS) {
        columns_block(block, x + r * ld, n_rows - r < COLUMNS_ROWS ? n_rows - r : COLUMNS_ROWS, n, ld);
        for (int j = 0; j < n; j++) sum[j] += (double)block[j];
    }
    for (int j = 0; j < n; j++) out[j] = add ? out[j] + (float)sum[j] : (float)sum[j];
}

KERNEL void columns_sum(float *out, const float *x, int64_t n_rows, int64_t n_cols, int64_t ld, bool add) {
    int64_t c = 0;
    for (; c + COLUMNS_WIDTH <= n_cols; c += COLUMNS_WIDTH) sum_strip(out + c, x + c, n_rows, COLUMNS_WIDTH, ld, add);
    if (c < n_cols) sum_strip(out + c, x + c, n_rows, (int)(n_cols - c), ld, add);
}

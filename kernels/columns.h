/* The sums of a matrix's columns, in an order that depends on the rows alone: row r of a block of 64 belongs to lane
 * r % 4, lanes are sums in float, blocks are added in double. Depends on simd. */
#ifndef KERNELS_COLUMNS_H
#define KERNELS_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out[c] = the sum over r < n_rows of x[r ld + c], for c < n_cols; with add, it is added to out. */
void columns_sum(float *out, const float *x, int64_t n_rows, int64_t n_cols, int64_t ld, bool add);

#ifdef __cplusplus
}
#endif
#endif

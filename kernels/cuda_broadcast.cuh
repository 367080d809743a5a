/* Tensors of different shapes against each other on CUDA: what kernels/broadcast.h does, by the same maps. C++17. */
#ifndef KERNELS_CUDA_BROADCAST_CUH
#define KERNELS_CUDA_BROADCAST_CUH

#include "kernels/broadcast.h"
#include "kernels/cuda_context.cuh"

/* As broadcast_apply: y may be a or b where that has y's size. */
Err cuda_broadcast_apply(const OpCall *call, const Broadcast *map, BroadcastFn fn, void *y, const void *a,
                         const void *b, bool accumulate);

/* y [rows, cols]: each row is `row` [cols]. */
Err cuda_repeat_row(const OpCall *call, void *y, const void *row, int64_t rows, int64_t cols);

/* As broadcast_sum: sums in double; the call's scratch holds cuda_sum_bytes(rows, columns). */
Err cuda_broadcast_sum(const OpCall *call, const Broadcast *map, void *out, const void *dy, const void *b,
                       bool accumulate);

/* out[c] = the sum of column c of x [rows, cols], or added to it: the gradient of a bias. The same sums, scratch at
 * `scratch`. */
Err cuda_column_sums(const OpCall *call, void *out, const void *x, int64_t rows, int64_t cols, bool accumulate,
                     void *scratch);

#endif

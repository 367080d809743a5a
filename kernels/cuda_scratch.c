#include "kernels/cuda_scratch.h"

int64_t cuda_tile_rows(int64_t rows, size_t row_bytes) {
    const int64_t fit = row_bytes == 0 ? rows : (int64_t)((size_t)CUDA_TILE_BYTES / row_bytes);
    const int64_t n = fit < 1 ? 1 : fit;
    return n < rows ? n : rows;
}

size_t cuda_tile_bytes(int64_t rows, size_t row_bytes) { return (size_t)cuda_tile_rows(rows, row_bytes) * row_bytes; }

int64_t cuda_sum_parts(int64_t rows, int64_t cols) {
    const int64_t most = cols < 1 ? 1 : CUDA_SUM_PARTIALS / cols, parts = (rows + CUDA_SUM_ROWS - 1) / CUDA_SUM_ROWS;
    const int64_t n = parts < most ? parts : most;
    return n < 1 ? 1 : n;
}

size_t cuda_sum_bytes(int64_t rows, int64_t cols) {
    const int64_t parts = cuda_sum_parts(rows, cols);
    return parts == 1 ? 0 : (size_t)parts * (size_t)cols * sizeof(double);
}

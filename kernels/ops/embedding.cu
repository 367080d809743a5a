/* embedding on CUDA: see embedding.c. The device cannot refuse a token: one beyond the table makes its row NaN, which
 * ends a training as diverged, and adds to no gradient. */
#include "kernels/cuda_kernel.cuh"

enum { TOKEN, TABLE };

__global__ void embedding_rows(int64_t n_elements, int64_t n_entries, int64_t width, float *y, const int32_t *token,
                               const float *table) {
    const int64_t k = cuda_thread();
    if (k >= n_elements) return;
    const int64_t row = cuda_divide(k, width), column = k - row * width;
    const int32_t entry = token[row];
    y[k] = entry < 0 ? 0.0f : entry < n_entries ? table[entry * width + column] : NAN;
}

/* A thread owns one element of the table and walks all rows: the order of its sum is that of the rows. The threads of a
 * block follow one entry, so that all read the same token and either none or all go on to dy. */
__global__ void embedding_gradient(int64_t n_rows, int64_t width, int64_t chunks, bool add, float *dtable,
                                   const int32_t *token, const float *dy) {
    const int64_t entry = cuda_divide(blockIdx.x, chunks);
    const int64_t column = (blockIdx.x - entry * chunks) * CUDA_BLOCK + threadIdx.x;
    if (column >= width) return;
    float *const at = &dtable[entry * width + column];
    float sum = add ? *at : 0.0f;
    for (int64_t r = 0; r < n_rows; r++)
        if (token[r] == entry) sum += dy[r * width + column];
    *at = sum;
}

static Err fwd(const OpCall *call) {
    const Shape *table = &call->spec->x[TABLE];
    const int64_t n = shape_count(&call->spec->y[0]);
    return cuda_run(call, embedding_rows, cuda_blocks(n, CUDA_BLOCK), n, table->dim[0], table->dim[1],
                    static_cast<float *>(call->y[0]), static_cast<const int32_t *>(call->x[TOKEN]),
                    static_cast<const float *>(call->x[TABLE]));
}

static Err bwd(const OpCall *call) {
    const int64_t n_entries = call->spec->x[TABLE].dim[0], width = call->spec->x[TABLE].dim[1];
    const int64_t chunks = (width + CUDA_BLOCK - 1) / CUDA_BLOCK;
    return cuda_run(call, embedding_gradient, cuda_blocks(n_entries * chunks, 1), shape_count(&call->spec->x[TOKEN]),
                    width, chunks, (call->accumulate & OP_X(TABLE)) != 0, static_cast<float *>(call->dx[TABLE]),
                    static_cast<const int32_t *>(call->x[TOKEN]), static_cast<const float *>(call->dy[0]));
}

OP_CUDA(embedding, fwd, bwd);

/* Kernels with and without planted bugs: what the emulation must do, and what it must catch. */
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "tests/emu/planted.h"

enum { THREADS = 128 };

template <typename... P, typename... A>
static int run(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, A... args) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, args...);
}

/* Each block turns its part around. */
__global__ void reverse_rows(float *y, const float *x, int n, bool waits, int stray) {
    SHARED(float, row, [THREADS]);
    const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (i < n) row[threadIdx.x] = x[i];
    if (waits) __syncthreads();
    const int last = min(n - (int)blockIdx.x * THREADS, (int)THREADS) - 1;
    if (i < n) y[i] = row[last - (int)threadIdx.x];
    if (i == 0 && stray != 0) y[n - 1 + stray] = 1.0f;
}

/* The sum of 128 elements in each of them, and the sum of those. */
__global__ void sum_twice(float *y, const float *x, bool waits) {
    SHARED(float, part, [THREADS / 32]);
    float total = x[threadIdx.x];
    for (int pass = 0; pass < 2; pass++) {
        for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(0xffffffffu, total, step);
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = total;
        __syncthreads();
        total = (part[0] + part[1]) + (part[2] + part[3]);
        if (waits) __syncthreads(); /* before part is written again */
    }
    y[threadIdx.x] = total;
}

__global__ void diverge_at_barrier(float *y) {
    if (threadIdx.x % 2 == 0)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 0.0f;
}

__global__ void return_before_barrier(float *y) {
    if (threadIdx.x == 5) return;
    __syncthreads();
    y[threadIdx.x] = 0.0f;
}

__global__ void shuffle_without_lane(float *y) {
    if (threadIdx.x == 7) return;
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}

__global__ void shuffle_not_named(float *y) { y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0); }

__global__ void shuffle_from_outside(float *y) {
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 20);
}

__global__ void shared_too_large(float *y) {
    SHARED(float, big, [12289]);
    y[threadIdx.x] = big[threadIdx.x] = 0.0f;
}

__global__ void shared_stray(float *y, int at) {
    SHARED(float, row, [THREADS]);
    float *const hidden = row; /* from checks of the array's bounds */
    hidden[at] = 1.0f;
    y[threadIdx.x] = row[0];
}

int planted_run(Planted what, float *y, const float *x, int n) {
    const dim3 grid((unsigned)(n + THREADS - 1) / THREADS), one(1), block(THREADS), warp(32);
    switch (what) {
    case PLANTED_NOTHING: return run(reverse_rows, grid, block, 0, nullptr, y, x, n, true, 0);
    case PLANTED_NO_BARRIER: return run(reverse_rows, grid, block, 0, nullptr, y, x, n, false, 0);
    case PLANTED_SUM_TWICE: return run(sum_twice, one, block, 0, nullptr, y, x, true);
    case PLANTED_SUM_NO_BARRIER: return run(sum_twice, one, block, 0, nullptr, y, x, false);
    case PLANTED_STRAY: return run(reverse_rows, grid, block, 0, nullptr, y, x, n, true, 1);
    case PLANTED_STRAY_BEFORE: return run(reverse_rows, grid, block, 0, nullptr, y, x, n, true, -n);
    case PLANTED_DIVERGENCE: return run(diverge_at_barrier, one, block, 0, nullptr, y);
    case PLANTED_RETURN: return run(return_before_barrier, one, block, 0, nullptr, y);
    case PLANTED_LANE_MISSING: return run(shuffle_without_lane, one, warp, 0, nullptr, y);
    case PLANTED_LANE_BEYOND: return run(shuffle_without_lane, one, dim3(5), 0, nullptr, y);
    case PLANTED_LANE_NOT_NAMED: return run(shuffle_not_named, one, warp, 0, nullptr, y);
    case PLANTED_LANE_OUTSIDE: return run(shuffle_from_outside, one, warp, 0, nullptr, y);
    case PLANTED_SHARED_SIZE: return run(shared_too_large, one, block, 0, nullptr, y);
    case PLANTED_SHARED_STRAY: return run(shared_stray, one, block, 0, nullptr, y, (int)THREADS);
    }
    return -1;
}

/* ---- what all threads of a block can do ---- */

/* y[0..31] of each block: a sum by shuffles, a vote, an inclusive sum; 8 lanes at a time in the fourth. */
__global__ void collectives(float *y) {
    const int lane = (int)threadIdx.x % 32;
    float sum = (float)threadIdx.x, upto = 1.0f, eighth = (float)lane;
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    for (unsigned step = 1; step < 32; step *= 2) {
        const float other = __shfl_up_sync(0xffffffffu, upto, step);
        if (lane >= (int)step) upto += other;
    }
    eighth = __shfl_down_sync(0xffffffffu, eighth, 3, 8);
    const unsigned votes = __ballot_sync(0xffffffffu, lane % 3 == 0);
    float *mine = y + 5 * ((int)blockIdx.x * (int)blockDim.x + (int)threadIdx.x);
    mine[0] = sum;
    mine[1] = upto;
    mine[2] = eighth;
    mine[3] = (float)__popc(votes);
    mine[4] = (float)(2 * __any_sync(0xffffffffu, lane == 31) + __all_sync(0xffffffffu, lane < 31));
}

int planted_collectives(float *y, int n_blocks, int n_threads) {
    return run(collectives, dim3((unsigned)n_blocks), dim3((unsigned)n_threads), 0, nullptr, y);
}

__global__ void where(float *y, float value) {
    SHARED_DYNAMIC(float, row);
    const unsigned i = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    row[i] = value;
    __syncthreads();
    y[b * blockDim.x * blockDim.y * blockDim.z + i] = row[i] + (float)(b * 1000 + i);
}

int planted_launch(float *y, const unsigned grid[3], const unsigned block[3], size_t shared) {
    return run(where, dim3(grid[0], grid[1], grid[2]), dim3(block[0], block[1], block[2]), shared, nullptr, y, 0.5);
}

int planted_shared_limit(int bytes) {
    return cudaFuncSetAttribute(where, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

/* Shared memory is NaN before it is written, in each block anew. */
__global__ void read_shared(float *y) {
    SHARED(float, row, [32]);
    y[blockIdx.x * 32 + threadIdx.x] = row[threadIdx.x];
    row[threadIdx.x] = 1.0f;
}

int planted_read_shared(float *y, int n_blocks) {
    return run(read_shared, dim3((unsigned)n_blocks), dim3(32), 0, nullptr, y);
}

/* ---- memory, graphs and products, as far as C can call them ---- */

int planted_malloc(void **out, size_t bytes) { return cudaMalloc(out, bytes); }
int planted_free(void *block) { return cudaFree(block); }
int planted_copy(void *dst, const void *src, size_t bytes, int kind) {
    return cudaMemcpy(dst, src, bytes, static_cast<cudaMemcpyKind>(kind));
}

__global__ void add_to(float *y, const float *x, float factor, int n) {
    const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (i < n) y[i] += factor * x[i];
}

/* A stream of two launches and a product is captured once and replayed n_replays times. */
int planted_capture(float *y, float *x, int n, int n_replays) {
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    int code = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (code == 0) code = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (code == 0) code = run(add_to, dim3(1), dim3(THREADS), 0, stream, y, x, 1.0f, n);
    if (code == 0) code = run(add_to, dim3(1), dim3(THREADS), 0, stream, x, y, 1.0f, n);
    if (code == 0) code = cudaStreamEndCapture(stream, &graph);
    if (code == 0) code = cudaGraphInstantiate(&exec, graph);
    for (int i = 0; code == 0 && i < n_replays; i++) code = cudaGraphLaunch(exec, stream);
    if (code == 0) code = cudaGraphExecDestroy(exec);
    if (code == 0) code = cudaGraphDestroy(graph);
    if (code == 0) code = cudaStreamDestroy(stream);
    return code;
}

/* What must not be done while a stream is captured; the capture is broken after it. */
int planted_capture_misuse(PlantedMisuse what, int *after) {
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    void *block = nullptr;
    int code = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (code == 0) code = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (code != 0) return code;
    switch (what) {
    case PLANTED_SYNCHRONIZE: code = cudaStreamSynchronize(stream); break;
    case PLANTED_NULL_STREAM: code = cudaMemset(nullptr, 0, 0); break;
    case PLANTED_MALLOC: code = cudaMalloc(&block, 4); break;
    }
    *after = cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    (void)cudaStreamDestroy(stream);
    return code;
}

int planted_gemm(const PlantedGemm *g, const float *a, const float *b, float *c) {
    cublasHandle_t handle = nullptr;
    void *workspace = nullptr;
    int code = cublasCreate(&handle);
    if (code == 0 && g->workspace_bytes > 0) {
        (void)cudaMalloc(&workspace, g->workspace_bytes);
        code = cublasSetWorkspace(handle, static_cast<char *>(workspace) + g->workspace_offset,
                                  g->workspace_bytes - g->workspace_offset);
    }
    if (code == 0 && g->sets_stream_last) code = cublasSetStream(handle, nullptr);
    if (code == 0)
        code = cublasSgemm_64(handle, g->trans_a ? CUBLAS_OP_T : CUBLAS_OP_N, g->trans_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                              g->m, g->n, g->k, &g->alpha, a, g->lda, b, g->ldb, &g->beta, c, g->ldc);
    (void)cublasDestroy(handle);
    (void)cudaFree(workspace);
    return code;
}

int planted_gemm_after_destroy(void) {
    cublasHandle_t handle = nullptr;
    const float one = 1.0f;
    int code = cublasCreate(&handle);
    if (code == 0) code = cublasDestroy(handle);
    if (code != 0) return -1;
    return cublasSgemm_64(handle, CUBLAS_OP_N, CUBLAS_OP_N, 0, 0, 0, &one, nullptr, 1, nullptr, 1, &one, nullptr, 1);
}

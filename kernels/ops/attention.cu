/* attention on CUDA: see attention.c. Beside its products a pass has two launches: the first gives a warp to each
 * position of each sample, the second a block to 32 neighbouring columns of a sample, whose warps share the positions.
 * What the second needs of all positions (the softmax, the mean of its gradient) each of its blocks adds up for itself:
 * that reads L numbers, and saves a launch between the two. */
#include "kernels/carve.h"
#include "kernels/cuda_broadcast.cuh"
#include "kernels/cuda_gemm.cuh"
#include "kernels/cuda_rows.cuh"
#include "kernels/vmath.h"

enum { S, KEYS, VALUES, W, V };
enum { GLIMPSE, ALPHA, Q };
enum { WARPS = CUDA_BLOCK / CUDA_WARP };

struct AttentionSize {
    int64_t batch, state, positions, width, features; /* B, Ds, L, A, Dh */
};

static AttentionSize size_of(const OpCall *call) {
    const Shape *x = call->spec->x;
    return {x[KEYS].dim[0], x[S].dim[1], x[KEYS].dim[1], x[KEYS].dim[2], x[VALUES].dim[2]};
}

/* As cuda_bytes of attention.c plans it. */
struct AttentionScratch {
    float *scores;  /* [B,L]: energies, or da */
    float *dq, *dv; /* [B,A]: of each sample; backward, as the rest */
    void *sums;     /* of dv's columns */
};

static AttentionScratch scratch_of(const OpCall *call) {
    const AttentionSize z = size_of(call);
    Carve c = {static_cast<char *>(call->scratch), 0};
    AttentionScratch scratch = {};
    scratch.scores = static_cast<float *>(carve(&c, z.batch * z.positions, sizeof(float)));
    scratch.dq = static_cast<float *>(carve(&c, z.batch * z.width, sizeof(float)));
    scratch.dv = static_cast<float *>(carve(&c, z.batch * z.width, sizeof(float)));
    scratch.sums = carve(&c, 0, 1);
    return scratch;
}

/* A launch with a warp for each position of each sample. */
template <typename... P, typename... A> static Err run_positions(const OpCall *call, void (*kernel)(P...), A... args) {
    const AttentionSize z = size_of(call);
    return cuda_run(call, kernel, cuda_blocks(z.batch * z.positions, WARPS), z, args...);
}

/* ---- columns of one sample ---- */

/* What this thread works on: positions first, first + WARPS, ... of a column, which may lie beyond the last one. */
struct AttentionColumn {
    int64_t sample, column, first;
};

static int64_t column_tiles(int64_t width) { return (width + CUDA_WARP - 1) / CUDA_WARP; }

__device__ __forceinline__ AttentionColumn attention_column(int64_t tiles) {
    const int64_t sample = cuda_divide(blockIdx.x, tiles);
    return {sample, (blockIdx.x - sample * tiles) * CUDA_WARP + threadIdx.x % CUDA_WARP, threadIdx.x / CUDA_WARP};
}

/* The sum over a column's threads, in the order of warps. All threads of the block must come here. */
__device__ __forceinline__ float attention_column_sum(float value) {
    SHARED(float, part, [WARPS][CUDA_WARP]);
    const int lane = static_cast<int>(threadIdx.x) % CUDA_WARP;
    part[threadIdx.x / CUDA_WARP][lane] = value;
    __syncthreads();
    value = part[0][lane];
    for (int w = 1; w < WARPS; w++) value += part[w][lane];
    __syncthreads(); /* before part is written again */
    return value;
}

/* ---- forward ---- */

__global__ void attention_energies(AttentionSize z, float *energy, const float *q, const float *keys, const float *v) {
    const int64_t row = cuda_row<CUDA_WARP>(), first = cuda_row_thread<CUDA_WARP>();
    if (row >= z.batch * z.positions) return;
    q += cuda_divide(row, z.positions) * z.width;
    keys += row * z.width;
    float sum = 0.0f;
    for (int64_t k = first; k < z.width; k += CUDA_WARP) sum = fmaf(v[k], vmath_tanh(q[k] + keys[k]), sum);
    sum = cuda_reduce<CUDA_WARP>(CudaAdd{}, sum);
    if (first == 0) energy[row] = sum;
}

/* The glimpse; alpha is written by the block that has the sample's first columns. */
__global__ void attention_glimpse(AttentionSize z, int64_t tiles, float *glimpse, float *alpha, const float *energy,
                                  const float *values) {
    const AttentionColumn at = attention_column(tiles);
    float largest = -INFINITY, sum = 0.0f;
    energy += at.sample * z.positions;
    for (int64_t j = threadIdx.x; j < z.positions; j += CUDA_BLOCK) largest = fmaxf(largest, energy[j]);
    largest = cuda_block_reduce(CudaMax{}, largest);
    for (int64_t j = threadIdx.x; j < z.positions; j += CUDA_BLOCK) sum += vmath_exp(energy[j] - largest);
    const float inverse = 1.0f / cuda_block_reduce(CudaAdd{}, sum);
    if (at.column < CUDA_WARP)
        for (int64_t j = threadIdx.x; j < z.positions; j += CUDA_BLOCK)
            alpha[at.sample * z.positions + j] = vmath_exp(energy[j] - largest) * inverse;
    sum = 0.0f;
    if (at.column < z.features) {
        values += at.sample * z.positions * z.features + at.column;
        for (int64_t j = at.first; j < z.positions; j += WARPS)
            sum = fmaf(vmath_exp(energy[j] - largest) * inverse, values[j * z.features], sum);
    }
    sum = attention_column_sum(sum);
    if (at.first == 0 && at.column < z.features) glimpse[at.sample * z.features + at.column] = sum;
}

/* The glimpse may lie on s, of which q is all that is needed. */
static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const AttentionSize z = size_of(call);
    const Gemm product = gemm_nn(z.batch, z.width, z.state, false);
    const int64_t tiles = column_tiles(z.features);
    float *energy = scratch_of(call).scores;
    TRY(cuda_gemm(call, &product, call->x[S], call->x[W], call->y[Q]));
    TRY(run_positions(call, attention_energies, energy, static_cast<const float *>(call->y[Q]),
                      static_cast<const float *>(call->x[KEYS]), static_cast<const float *>(call->x[V])));
    TRY(cuda_run(call, attention_glimpse, cuda_blocks(z.batch * tiles, 1), z, tiles,
                 static_cast<float *>(call->y[GLIMPSE]), static_cast<float *>(call->y[ALPHA]),
                 static_cast<const float *>(energy), static_cast<const float *>(call->x[VALUES])));
done:
    return err;
}

/* ---- backward ---- */

/* What is not wanted, and a gradient that did not come in, is NULL. */
struct AttentionPositions {
    float *da, *dvalues;
    bool add; /* to dvalues */
    const float *dglimpse, *dalpha, *alpha, *values;
};

/* da and dvalues, from the same reading of dglimpse. */
__global__ void attention_positions_backward(AttentionSize z, AttentionPositions p) {
    const int64_t row = cuda_row<CUDA_WARP>(), first = cuda_row_thread<CUDA_WARP>();
    if (row >= z.batch * z.positions) return;
    const float *dglimpse = p.dglimpse == nullptr ? nullptr : p.dglimpse + cuda_divide(row, z.positions) * z.features;
    if (p.dvalues != nullptr) {
        const float alpha = p.alpha[row];
        for (int64_t k = first; k < z.features; k += CUDA_WARP) {
            const float v = dglimpse == nullptr ? 0.0f : alpha * dglimpse[k];
            float *const at = &p.dvalues[row * z.features + k];
            *at = p.add ? *at + v : v;
        }
    }
    if (p.da == nullptr) return;
    float sum = 0.0f;
    for (int64_t k = first; k < z.features && dglimpse != nullptr; k += CUDA_WARP)
        sum = fmaf(p.values[row * z.features + k], dglimpse[k], sum);
    sum = cuda_reduce<CUDA_WARP>(CudaAdd{}, sum);
    if (first == 0) p.da[row] = sum + (p.dalpha == nullptr ? 0.0f : p.dalpha[row]);
}

struct AttentionColumns {
    float *dq, *dv, *dkeys; /* dkeys NULL: not wanted */
    bool add;               /* to dkeys */
    const float *da, *alpha, *q, *keys, *v;
};

/* de from da; then for each column tanh once more. */
__global__ void attention_columns_backward(AttentionSize z, int64_t tiles, AttentionColumns c) {
    const AttentionColumn at = attention_column(tiles);
    const float *alpha = c.alpha + at.sample * z.positions, *da = c.da + at.sample * z.positions;
    float mean = 0.0f, dq = 0.0f, dv = 0.0f;
    for (int64_t j = threadIdx.x; j < z.positions; j += CUDA_BLOCK) mean = fmaf(alpha[j], da[j], mean);
    mean = cuda_block_reduce(CudaAdd{}, mean);
    const bool is_column = at.column < z.width;
    const int64_t in_row = at.sample * z.width + at.column;
    if (is_column) {
        const float q = c.q[in_row], v = c.v[at.column];
        for (int64_t j = at.first; j < z.positions; j += WARPS) {
            const int64_t k = (at.sample * z.positions + j) * z.width + at.column;
            const float de = alpha[j] * (da[j] - mean), t = vmath_tanh(q + c.keys[k]);
            const float d = (de * v) * (1.0f - t * t);
            dq += d;
            dv = fmaf(de, t, dv);
            if (c.dkeys != nullptr) c.dkeys[k] = c.add ? c.dkeys[k] + d : d;
        }
    }
    dq = attention_column_sum(dq);
    dv = attention_column_sum(dv);
    if (!is_column || at.first != 0) return;
    c.dq[in_row] = dq;
    c.dv[in_row] = dv;
}

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static Err positions_backward(const OpCall *call, float *da) {
    const AttentionPositions p = {
        da,
        static_cast<float *>(call->dx[VALUES]),
        adds(call, VALUES),
        static_cast<const float *>(call->dy[GLIMPSE]),
        static_cast<const float *>(call->dy[ALPHA]),
        static_cast<const float *>(call->y[ALPHA]),
        static_cast<const float *>(call->x[VALUES]),
    };
    return run_positions(call, attention_positions_backward, p);
}

static Err columns_backward(const OpCall *call, const AttentionScratch *scratch) {
    const AttentionSize z = size_of(call);
    const int64_t tiles = column_tiles(z.width);
    const AttentionColumns c = {
        scratch->dq,
        scratch->dv,
        static_cast<float *>(call->dx[KEYS]),
        adds(call, KEYS),
        scratch->scores,
        static_cast<const float *>(call->y[ALPHA]),
        static_cast<const float *>(call->y[Q]),
        static_cast<const float *>(call->x[KEYS]),
        static_cast<const float *>(call->x[V]),
    };
    return cuda_run(call, attention_columns_backward, cuda_blocks(z.batch * tiles, 1), z, tiles, c);
}

/* ds, which may lie on dglimpse, comes last. */
static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const AttentionSize z = size_of(call);
    const AttentionScratch scratch = scratch_of(call);
    const Gemm dw = gemm_tn(z.state, z.width, z.batch, adds(call, W));
    const Gemm ds = gemm_nt(z.batch, z.state, z.width, adds(call, S));
    const bool wants_energy =
        call->dx[S] != nullptr || call->dx[KEYS] != nullptr || call->dx[W] != nullptr || call->dx[V] != nullptr;
    TRY(positions_backward(call, wants_energy ? scratch.scores : nullptr));
    if (!wants_energy) goto done;
    TRY(columns_backward(call, &scratch));
    if (call->dx[V] != nullptr)
        TRY(cuda_column_sums(call, call->dx[V], scratch.dv, z.batch, z.width, adds(call, V), scratch.sums));
    if (call->dx[W] != nullptr) TRY(cuda_gemm(call, &dw, call->x[S], scratch.dq, call->dx[W]));
    if (call->dx[S] != nullptr) TRY(cuda_gemm(call, &ds, scratch.dq, call->x[W], call->dx[S]));
done:
    return err;
}

OP_CUDA(attention, fwd, bwd);

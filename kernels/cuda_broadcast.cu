/* Broadcasting and the sums that are its gradient. */
#include "kernels/cuda_broadcast.cuh"

#include "kernels/cuda_map.cuh"
#include "kernels/cuda_scratch.h"

/* ---- elementwise ---- */

struct BroadcastCopy {
    __device__ float operator()(float a, float) const { return a; }
};
struct BroadcastAdd {
    __device__ float operator()(float a, float b) const { return a + b; }
};
struct BroadcastMul {
    __device__ float operator()(float a, float b) const { return a * b; }
};

/* A thread has one element, or WIDTH neighbours along the last group: then size and strides of that group are counted
 * in vectors, and an operand that does not move along it is one number for all of them. The loop has a fixed length so
 * that what it reads of the map stays in registers. */
template <int WIDTH, typename F>
__global__ void broadcast_elements(F f, Broadcast map, int64_t n, bool add, float *y, const float *a, const float *b) {
    const int64_t k = cuda_thread();
    if (k >= n) return;
    int64_t rest = k;
    [[maybe_unused]] bool a_moves = false, b_moves = false;
    for (int g = SHAPE_MAX_RANK - 1; g >= 0; g--) {
        if (g >= map.n) continue;
        const int64_t above = g == 0 ? 0 : cuda_divide(rest, map.size[g]), i = rest - above * map.size[g];
        a += i * map.a_stride[g];
        b += i * map.b_stride[g];
        rest = above;
        if (g < map.n - 1) continue;
        a_moves = map.a_stride[g] != 0;
        b_moves = map.b_stride[g] != 0;
    }
    y += k * WIDTH;
    if constexpr (WIDTH == 1) {
        const float v = f(*a, *b);
        *y = add ? *y + v : v;
    } else {
        const float4 va = a_moves ? cuda_load4(a) : make_float4(*a, *a, *a, *a);
        const float4 vb = b_moves ? cuda_load4(b) : make_float4(*b, *b, *b, *b);
        const float4 v = cuda_apply4(f, va, vb);
        cuda_store4(y, add ? cuda_add4(cuda_load4(y), v) : v);
    }
}

static int64_t elements_of(const Broadcast *map) {
    int64_t n = 1;
    for (int g = 0; g < map->n; g++) n *= map->size[g];
    return n;
}

/* Whole vectors, at aligned addresses: all other strides are multiples of the last group's size, or 0. */
static bool is_vector(const Broadcast *map, const void *y, const void *a, const void *b) {
    const int last = map->n - 1;
    return map->size[last] % CUDA_VECTOR == 0 && cuda_is_aligned(y) &&
           (map->a_stride[last] == 0 || cuda_is_aligned(a)) && (map->b_stride[last] == 0 || cuda_is_aligned(b));
}

template <typename F>
static Err apply(const OpCall *call, const Broadcast *map, F f, float *y, const float *a, const float *b, bool add) {
    const int64_t n = elements_of(map);
    if (!is_vector(map, y, a, b))
        return cuda_run(call, broadcast_elements<1, F>, cuda_blocks(n, CUDA_BLOCK), f, *map, n, add, y, a, b);
    Broadcast wide = *map;
    wide.size[map->n - 1] /= CUDA_VECTOR;
    wide.a_stride[map->n - 1] *= CUDA_VECTOR;
    wide.b_stride[map->n - 1] *= CUDA_VECTOR;
    return cuda_run(call, broadcast_elements<CUDA_VECTOR, F>, cuda_blocks(n, CUDA_BLOCK * CUDA_VECTOR), f, wide,
                    n / CUDA_VECTOR, add, y, a, b);
}

Err cuda_broadcast_apply(const OpCall *call, const Broadcast *map, BroadcastFn fn, void *y, const void *a,
                         const void *b, bool accumulate) {
    float *to = static_cast<float *>(y);
    const float *from = static_cast<const float *>(a), *other = static_cast<const float *>(b);
    if (fn == BROADCAST_ADD) return apply(call, map, BroadcastAdd{}, to, from, other, accumulate);
    if (fn == BROADCAST_MUL) return apply(call, map, BroadcastMul{}, to, from, other, accumulate);
    Broadcast alone = *map; /* b is not read: a stands for it */
    for (int g = 0; g < alone.n; g++) alone.b_stride[g] = alone.a_stride[g];
    return apply(call, &alone, BroadcastCopy{}, to, from, from, accumulate);
}

Err cuda_repeat_row(const OpCall *call, void *y, const void *row, int64_t rows, int64_t cols) {
    const Shape from = {2, {1, cols}}, to = {2, {rows, cols}};
    const Broadcast map = broadcast_of(&from, &to);
    return cuda_broadcast_apply(call, &map, BROADCAST_COPY, y, row, nullptr, false);
}

/* ---- sums ---- */

/* What is added up for each output: terms, numbered from 0. */
struct TermsOfGradient {
    Broadcast kept, summed; /* groups of y; a_stride: in dy, b_stride: in b */
    const float *dy, *b;    /* b NULL: 1 */

    static __device__ void seek(const Broadcast &groups, int64_t i, int64_t *dy_at, int64_t *b_at) {
        for (int g = groups.n - 1; g >= 0; g--) {
            const int64_t above = g == 0 ? 0 : cuda_divide(i, groups.size[g]), k = i - above * groups.size[g];
            *dy_at += k * groups.a_stride[g];
            *b_at += k * groups.b_stride[g];
            i = above;
        }
    }
    __device__ double sum(int64_t output, int64_t first, int64_t last, int64_t step) const {
        int64_t dy_start = 0, b_start = 0;
        double sum = 0.0;
        seek(kept, output, &dy_start, &b_start);
        for (int64_t i = first; i < last; i += step) {
            int64_t dy_at = dy_start, b_at = b_start;
            seek(summed, i, &dy_at, &b_at);
            sum += b == nullptr ? (double)dy[dy_at] : (double)dy[dy_at] * (double)b[b_at];
        }
        return sum;
    }
};

struct TermsOfParts {
    const double *part; /* [parts][outputs] */
    int64_t n_out;

    __device__ double sum(int64_t output, int64_t first, int64_t last, int64_t step) const {
        double sum = 0.0;
        for (int64_t i = first; i < last; i += step) sum += part[i * n_out + output];
        return sum;
    }
};

/* How a block is cut: CUDA_BLOCK = outputs x lanes, both powers of two. Neighbouring threads have neighbouring outputs,
 * or neighbouring terms, whichever lie side by side in memory. */
struct SumShape {
    int64_t n_out, n_terms, parts, tiles;
    int lanes;
    bool outputs_first, add;
};

/* Lanes of an output take every lanes-th term of a part; then they are added in a tree. */
template <typename Terms> __global__ void sum_terms(Terms terms, SumShape s, float *out, double *part) {
    SHARED(double, sums, [CUDA_BLOCK]);
    const int outs = CUDA_BLOCK / s.lanes, t = (int)threadIdx.x;
    const int x = s.outputs_first ? t % outs : t / s.lanes, lane = s.outputs_first ? t / outs : t % s.lanes;
    const int64_t i_part = cuda_divide(blockIdx.x, s.tiles), tile = blockIdx.x - i_part * s.tiles;
    const int64_t output = tile * outs + x;
    const int64_t first = s.n_terms * i_part / s.parts, last = s.n_terms * (i_part + 1) / s.parts;
    double *const mine = &sums[x * s.lanes + lane];
    *mine = output < s.n_out ? terms.sum(output, first + lane, last, s.lanes) : 0.0;
    for (int step = s.lanes / 2; step > 0; step /= 2) {
        __syncthreads();
        if (lane < step) *mine += mine[step];
    }
    if (lane > 0 || output >= s.n_out) return;
    if (part != nullptr)
        part[i_part * s.n_out + output] = *mine;
    else
        out[output] = (float)(*mine + (s.add ? (double)out[output] : 0.0));
}

static int power_of_two(int64_t n, int most) {
    int p = 1;
    while (p < n && p < most) p *= 2;
    return p;
}

enum { SIDE_BY_SIDE = 32 };

/* Enough neighbours for whole memory transactions, the rest of the block for the terms. */
static SumShape shape_of(int64_t n_out, int64_t n_terms, int64_t parts, bool outputs_first, bool add) {
    const int64_t each = (n_terms + parts - 1) / parts;
    int lanes = power_of_two(each, CUDA_BLOCK);
    if (outputs_first) {
        const int outs = power_of_two(n_out, SIDE_BY_SIDE);
        if (lanes > CUDA_BLOCK / outs) lanes = CUDA_BLOCK / outs;
    } else if (n_out > 1 && lanes > SIDE_BY_SIDE) {
        const int outs = power_of_two(n_out, CUDA_BLOCK / SIDE_BY_SIDE);
        lanes = CUDA_BLOCK / outs;
    }
    const int64_t outs = CUDA_BLOCK / lanes, tiles = (n_out + outs - 1) / outs;
    return {n_out, n_terms, parts, tiles, lanes, outputs_first, add};
}

template <typename Terms>
static Err run_sum(const OpCall *call, Terms terms, const SumShape &s, float *out, double *part) {
    return cuda_run(call, sum_terms<Terms>, cuda_blocks(s.tiles * s.parts, 1), terms, s, out, part);
}

static void add_group(Broadcast *to, int64_t size, int64_t dy_stride, int64_t b_stride) {
    to->size[to->n] = size;
    to->a_stride[to->n] = dy_stride;
    to->b_stride[to->n++] = b_stride;
}

static Err sum_all(const OpCall *call, const TermsOfGradient &terms, int64_t n_out, int64_t n_terms, bool outputs_first,
                   float *out, bool add, void *scratch) {
    const int64_t parts = cuda_sum_parts(n_terms, n_out);
    const SumShape first = shape_of(n_out, n_terms, parts, outputs_first, add);
    if (parts == 1) return run_sum(call, terms, first, out, nullptr);
    double *part = static_cast<double *>(scratch);
    const Err err = run_sum(call, terms, first, out, part);
    if (err != ERR_OK) return err;
    return run_sum(call, TermsOfParts{part, n_out}, shape_of(n_out, parts, 1, true, add), out, nullptr);
}

Err cuda_broadcast_sum(const OpCall *call, const Broadcast *map, void *out, const void *dy, const void *b,
                       bool accumulate) {
    TermsOfGradient terms = {};
    terms.dy = static_cast<const float *>(dy);
    terms.b = static_cast<const float *>(b);
    int64_t dy_stride[SHAPE_MAX_RANK], step = 1, n_out = 1, n_terms = 1;
    for (int g = map->n - 1; g >= 0; g--) {
        dy_stride[g] = step;
        step *= map->size[g];
    }
    for (int g = 0; g < map->n; g++) {
        const bool keep = map->a_stride[g] != 0;
        add_group(keep ? &terms.kept : &terms.summed, map->size[g], dy_stride[g], map->b_stride[g]);
        *(keep ? &n_out : &n_terms) *= map->size[g];
    }
    return sum_all(call, terms, n_out, n_terms, map->a_stride[map->n - 1] != 0, static_cast<float *>(out), accumulate,
                   call->scratch);
}

Err cuda_column_sums(const OpCall *call, void *out, const void *x, int64_t rows, int64_t cols, bool accumulate,
                     void *scratch) {
    TermsOfGradient terms = {};
    terms.dy = static_cast<const float *>(x);
    add_group(&terms.kept, cols, 1, 0);
    add_group(&terms.summed, rows, cols, 0);
    return sum_all(call, terms, cols, rows, true, static_cast<float *>(out), accumulate, scratch);
}

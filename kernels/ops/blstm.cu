/* blstm on CUDA: see blstm.c. Both directions walk side by side: a step is one product, a batch of the two, and one
 * launch for the cells. So that the directions lie at fixed distances, which cuBLAS asks for, their w_h are copied into
 * one array; the states of a step are kept densely beside y for the same reason. The gates hold the products.
 * dw_h = sum_t h_(t-1)' dz_t is one product over all rows of a direction, shifted by a step: what would meet the last
 * state of the sample before it is a first step's dz, which is cleared when all else has been made of it. */
#include "kernels/carve.h"
#include "kernels/cuda_gemm.cuh"
#include "kernels/lstm_cell.cuh"

enum { X, W_X = 1, W_H, B_X, B_H, PER_DIRECTION = 4 }; /* W_X.. of direction d lie d * PER_DIRECTION further on */
enum { Y, GATES, CELLS };
enum { N_DIRECTIONS = 2 };

struct BlstmSize {
    int64_t batch, steps, inputs, hidden, width; /* B, T, D, H, 4H */
};

static BlstmSize size_of(const OpCall *call) {
    const Shape *x = &call->spec->x[X], *w_h = &call->spec->x[W_H];
    return {x->dim[0], x->dim[1], x->dim[2], w_h->dim[0], 4 * w_h->dim[0]};
}

/* As cuda_bytes of blstm.c plans it. */
struct BlstmScratch {
    float *w_h;     /* [2,H,4H] */
    float *h;       /* [2,B,H]: of the last step; backward dh of the next */
    float *dc, *dz; /* [2,B,H], [2,B,T,4H]: backward, as the rest */
    void *sums;     /* of a direction's dz */
};

static BlstmScratch scratch_of(const OpCall *call) {
    const BlstmSize s = size_of(call);
    Carve c = {static_cast<char *>(call->scratch), 0};
    BlstmScratch scratch = {};
    scratch.w_h = static_cast<float *>(carve(&c, N_DIRECTIONS * s.hidden * s.width, sizeof(float)));
    scratch.h = static_cast<float *>(carve(&c, N_DIRECTIONS * s.batch * s.hidden, sizeof(float)));
    scratch.dc = static_cast<float *>(carve(&c, N_DIRECTIONS * s.batch * s.hidden, sizeof(float)));
    scratch.dz = static_cast<float *>(carve(&c, N_DIRECTIONS * s.batch * s.steps * s.width, sizeof(float)));
    scratch.sums = carve(&c, 0, 1);
    return scratch;
}

/* The directions that a call works on. */
struct BlstmDirections {
    int first, n;
};

/* ---- a step ---- */

/* Where the i-th step of direction d lies in time. */
__host__ __device__ __forceinline__ int64_t blstm_time(const BlstmSize &s, int64_t d, int64_t i) {
    return d == 0 ? i : s.steps - 1 - i;
}

/* Row (b, t) of direction d in a tensor [2,B,T,n]. */
__host__ __device__ __forceinline__ int64_t blstm_row(const BlstmSize &s, int64_t d, int64_t b, int64_t t) {
    return (d * s.batch + b) * s.steps + t;
}

/* Where thread k of a step's cells works. */
struct BlstmUnit {
    int64_t d, unit, row, before, y; /* before: the row of the step before, if there is one; y: offset of h_t */
};

__device__ __forceinline__ BlstmUnit blstm_unit(const BlstmSize &s, int64_t first, int64_t i, int64_t k) {
    const int64_t sample = cuda_divide(k, s.hidden), unit = k - sample * s.hidden;
    const int64_t in_call = cuda_divide(sample, s.batch), d = first + in_call, b = sample - in_call * s.batch;
    const int64_t t = blstm_time(s, d, i), row = blstm_row(s, d, b, t);
    return {d, unit, row, d == 0 ? row - 1 : row + 1, ((b * s.steps + t) * N_DIRECTIONS + d) * s.hidden + unit};
}

/* The rows of step i of both directions: the first, and from there the distance to the next direction's. */
static int64_t step_rows(const BlstmSize &s, BlstmDirections directions, int64_t i, int64_t *distance) {
    const int64_t first = blstm_row(s, directions.first, 0, blstm_time(s, directions.first, i));
    *distance = directions.n < N_DIRECTIONS ? 0 : blstm_row(s, 1, 0, blstm_time(s, 1, i)) - first;
    return first;
}

static Err copy_recurrent_weights(const OpCall *call, BlstmDirections directions, float *to) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    for (int d = directions.first; d < directions.first + directions.n; d++, to += s.hidden * s.width)
        TRY(cuda_map(call, LstmCopy{}, s.hidden * s.width, false, to, call->x[W_H + d * PER_DIRECTION]));
done:
    return err;
}

static const float *input(const OpCall *call, int i) { return static_cast<const float *>(call->x[i]); }

/* ---- forward ---- */

struct BlstmForward {
    int64_t i;
    float *y, *gates, *cells, *h;
    const float *b_x[N_DIRECTIONS], *b_h[N_DIRECTIONS];
};

__global__ void blstm_forward_step(BlstmSize s, BlstmForward p) {
    const int64_t k = cuda_thread();
    if (k >= N_DIRECTIONS * s.batch * s.hidden) return;
    const BlstmUnit at = blstm_unit(s, 0, p.i, k);
    const float c0 = p.i == 0 ? 0.0f : p.cells[at.before * s.hidden + at.unit];
    const float *b_x = at.d == 0 ? p.b_x[0] : p.b_x[1], *b_h = at.d == 0 ? p.b_h[0] : p.b_h[1];
    const LstmUnit now =
        lstm_unit_forward(p.gates + at.row * s.width + at.unit, c0, b_x + at.unit, b_h + at.unit, s.hidden);
    p.cells[at.row * s.hidden + at.unit] = now.c;
    p.y[at.y] = now.h;
    p.h[k] = now.h;
}

static Err forward_steps(const OpCall *call) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const BlstmScratch scratch = scratch_of(call);
    const int64_t n_units = N_DIRECTIONS * s.batch * s.hidden;
    float *gates = static_cast<float *>(call->y[GATES]);
    Gemm recur = gemm_nn(s.batch, s.width, s.hidden, true);
    recur.ldc = s.steps * s.width;
    BlstmForward p = {0, static_cast<float *>(call->y[Y]), gates, static_cast<float *>(call->y[CELLS]), scratch.h, {},
                      {}};
    for (int d = 0; d < N_DIRECTIONS; d++) {
        p.b_x[d] = input(call, B_X + d * PER_DIRECTION);
        p.b_h[d] = input(call, B_H + d * PER_DIRECTION);
    }
    for (p.i = 0; p.i < s.steps; p.i++) {
        int64_t distance;
        const int64_t first = step_rows(s, {0, N_DIRECTIONS}, p.i, &distance);
        if (p.i > 0)
            TRY(cuda_gemm_batch(call, &recur, N_DIRECTIONS, scratch.h, s.batch * s.hidden, scratch.w_h,
                                s.hidden * s.width, gates + first * s.width, distance * s.width));
        TRY(cuda_run(call, blstm_forward_step, cuda_blocks(n_units, CUDA_BLOCK), s, p));
    }
done:
    return err;
}

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const Gemm project = gemm_nn(s.batch * s.steps, s.width, s.inputs, false);
    for (int d = 0; d < N_DIRECTIONS; d++)
        TRY(cuda_gemm(call, &project, call->x[X], call->x[W_X + d * PER_DIRECTION],
                      static_cast<float *>(call->y[GATES]) + blstm_row(s, d, 0, 0) * s.width));
    TRY(copy_recurrent_weights(call, {0, N_DIRECTIONS}, scratch_of(call).w_h));
    TRY(forward_steps(call));
done:
    return err;
}

/* ---- backward ---- */

static bool adds(const OpCall *call, int i) { return (call->accumulate & OP_X(i)) != 0; }

static BlstmDirections wanted_directions(const OpCall *call) {
    bool wanted[N_DIRECTIONS];
    for (int d = 0; d < N_DIRECTIONS; d++) {
        wanted[d] = call->dx[X] != nullptr;
        for (int i = W_X; i <= B_H; i++) wanted[d] = wanted[d] || call->dx[i + d * PER_DIRECTION] != nullptr;
    }
    return {wanted[0] ? 0 : 1, wanted[0] && wanted[1] ? N_DIRECTIONS : 1};
}

struct BlstmBackward {
    int64_t i, first, n; /* the step; directions */
    float *dz, *dh, *dc; /* dh and dc of this step on entry, nothing at the last one; dc of the step before on return */
    const float *dy, *gates, *cells;
};

__global__ void blstm_backward_step(BlstmSize s, BlstmBackward p) {
    const int64_t k = cuda_thread();
    if (k >= p.n * s.batch * s.hidden) return;
    const BlstmUnit at = blstm_unit(s, p.first, p.i, k);
    const bool is_last = p.i == s.steps - 1;
    const float dh = (is_last ? 0.0f : p.dh[k]) + p.dy[at.y], dc = is_last ? 0.0f : p.dc[k];
    const float c0 = p.i == 0 ? 0.0f : p.cells[at.before * s.hidden + at.unit];
    const int64_t gate = at.row * s.width + at.unit;
    p.dc[k] =
        lstm_unit_backward(p.dz + gate, dh, dc, p.gates + gate, c0, p.cells[at.row * s.hidden + at.unit], s.hidden);
}

/* dz of the wanted directions. */
static Err backward_steps(const OpCall *call, BlstmDirections directions, const BlstmScratch *scratch) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const int64_t n_units = directions.n * s.batch * s.hidden;
    Gemm recur = gemm_nt(s.batch, s.hidden, s.width, false);
    recur.lda = s.steps * s.width;
    BlstmBackward p = {0,
                       directions.first,
                       directions.n,
                       scratch->dz,
                       scratch->h,
                       scratch->dc,
                       static_cast<const float *>(call->dy[Y]),
                       static_cast<const float *>(call->y[GATES]),
                       static_cast<const float *>(call->y[CELLS])};
    for (p.i = s.steps - 1; p.i >= 0; p.i--) {
        int64_t distance;
        const int64_t first = step_rows(s, directions, p.i, &distance);
        TRY(cuda_run(call, blstm_backward_step, cuda_blocks(n_units, CUDA_BLOCK), s, p));
        if (p.i > 0)
            TRY(cuda_gemm_batch(call, &recur, directions.n, scratch->dz + first * s.width, distance * s.width,
                                scratch->w_h, s.hidden * s.width, scratch->h, s.batch * s.hidden));
    }
done:
    return err;
}

/* dz [B,T,4H] of direction d at the first step of its time becomes 0. */
__global__ void blstm_clear_first_step(BlstmSize s, int d, float *dz) {
    const int64_t k = cuda_thread(), b = cuda_divide(k, s.width);
    if (b < s.batch) dz[(b * s.steps + blstm_time(s, d, 0)) * s.width + (k - b * s.width)] = 0.0f;
}

/* Row r of the states meets row r + 1 of dz; against time, row r + 1 meets row r. dz: of direction d; it loses its
 * first step. */
static Err recurrent_weights_backward(const OpCall *call, int d, float *dz) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const int i = W_H + d * PER_DIRECTION;
    const int64_t y_row = N_DIRECTIONS * s.hidden;
    const float *h = static_cast<const float *>(call->y[Y]) + d * (y_row + s.hidden);
    Gemm g = gemm_tn(s.hidden, s.width, s.batch * s.steps - 1, adds(call, i));
    g.lda = y_row;
    TRY(cuda_run(call, blstm_clear_first_step, cuda_blocks(s.batch * s.width, CUDA_BLOCK), s, d, dz));
    TRY(cuda_gemm(call, &g, h, dz + (1 - d) * s.width, call->dx[i]));
done:
    return err;
}

/* What is made of dz of direction d. */
static Err products_backward(const OpCall *call, int d, bool add_dx, float *dz, void *sums) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const int64_t rows = s.batch * s.steps;
    const int w_x = W_X + d * PER_DIRECTION;
    const Gemm dx = gemm_nt(rows, s.inputs, s.width, add_dx), dw = gemm_tn(s.inputs, s.width, rows, adds(call, w_x));
    if (call->dx[X] != nullptr) TRY(cuda_gemm(call, &dx, dz, call->x[w_x], call->dx[X]));
    if (call->dx[w_x] != nullptr) TRY(cuda_gemm(call, &dw, call->x[X], dz, call->dx[w_x]));
    TRY(lstm_bias_gradients(call, B_X + d * PER_DIRECTION, dz, rows, s.width, sums));
    if (call->dx[W_H + d * PER_DIRECTION] != nullptr) TRY(recurrent_weights_backward(call, d, dz));
done:
    return err;
}

static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const BlstmSize s = size_of(call);
    const BlstmScratch scratch = scratch_of(call);
    const BlstmDirections directions = wanted_directions(call);
    TRY(copy_recurrent_weights(call, directions, scratch.w_h));
    TRY(backward_steps(call, directions, &scratch));
    for (int d = directions.first; d < directions.first + directions.n; d++)
        TRY(products_backward(call, d, d > 0 || adds(call, X), scratch.dz + blstm_row(s, d, 0, 0) * s.width,
                              scratch.sums));
done:
    return err;
}

OP_CUDA(blstm, fwd, bwd);

/* blstm: a bidirectional LSTM over sequences of one length. For direction d, whose time runs forward or backward,
 *   z_t = x_t w_x + h_(t-1) w_h + b_x + b_h;  gates, cell and h_t as in kernels/lstm_cell.h;  h = c = 0 before the
 * start. dz_t from the cell with dh_t = dy_t + dz_(t+1) w_h';  dx = sum_d dz w_x';  dw_x = x' dz;  dw_h = sum_t
 * h_(t-1)' dz_t; db_x = db_h = sum of dz's rows. x [B,T,D], twice (w_x [D,4H], w_h [H,4H], b_x [4H], b_h [4H]) -> y
 * [B,T,2H] (gates [2,B,T,4H], cells [2,B,T,H]). The products with x are one for all steps; the steps are walked by
 * tasks of one direction and a range of samples. Weights are cut by rows and summed over all samples in order: bits do
 * not depend on shards. */
#include <math.h>
#include <string.h>

#include "kernels/carve.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/infer.h"
#include "kernels/lstm_cell.h"
#include "kernels/op.h"
#include "kernels/simd.h"

enum { X, W_X = 1, W_H, B_X, B_H, PER_DIRECTION = 4 }; /* W_X.. of direction d lie d * PER_DIRECTION further on */
enum { Y, GATES, CELLS };
enum { N_DIRECTIONS = 2, N_INPUTS = 1 + N_DIRECTIONS * PER_DIRECTION };

typedef struct Size {
    int64_t batch, steps, inputs, hidden, width; /* B, T, D, H, 4H */
} Size;

static Size size_of(const OpSpec *spec) {
    const Shape *x = &spec->x[X], *w_h = &spec->x[W_H];
    return (Size){x->dim[0], x->dim[1], x->dim[2], w_h->dim[0], 4 * w_h->dim[0]};
}

static Err infer(OpSpec *spec) {
    static const char *const name[] = {"x",          "w_x",        "w_h",        "b_x",       "b_h",
                                       "w_x (back)", "w_h (back)", "b_x (back)", "b_h (back)"};
    Err err = ERR_OK;
    TRY(infer_rank(spec, X, "x", DT_REAL, 3));
    TRY(infer_rank(spec, W_H, "w_h", DT_REAL, 2));
    FAIL_IF(spec->x[W_H].dim[0] > INT64_MAX / 64, ERR_SHAPE, "w_h has %lld rows, which is too many",
            (long long)spec->x[W_H].dim[0]);
    const Size s = size_of(spec);
    for (int d = 0, i = 1; d < N_DIRECTIONS; d++, i += PER_DIRECTION) {
        TRY(infer_shape(spec, i, name[i], DT_REAL, SHAPE2(s.inputs, s.width)));
        TRY(infer_shape(spec, i + 1, name[i + 1], DT_REAL, SHAPE2(s.hidden, s.width)));
        TRY(infer_shape(spec, i + 2, name[i + 2], DT_REAL, SHAPE1(s.width)));
        TRY(infer_shape(spec, i + 3, name[i + 3], DT_REAL, SHAPE1(s.width)));
    }
    infer_output(spec, DT_REAL, SHAPE3(s.batch, s.steps, N_DIRECTIONS * s.hidden));
    infer_output(spec, DT_REAL, SHAPE4(N_DIRECTIONS, s.batch, s.steps, s.width));
    infer_output(spec, DT_REAL, SHAPE4(N_DIRECTIONS, s.batch, s.steps, s.hidden));
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    const Size s = size_of(spec);
    const int64_t rows = N_DIRECTIONS * s.batch * s.steps;
    const int64_t product = 2 * rows * s.width * (s.inputs + s.hidden), cell = 10 * rows * s.hidden;
    return backward ? 2 * product + 2 * cell : product + cell;
}

/* For each task of the recurrence (direction, shard): rows = its samples at most. The step's product is dense: the rows
 * of one step lie T apart in the saved tensors, often a power of two, and would fall into the same cache lines. */
typedef struct Scratch {
    float *dz;               /* [2,B,T,4H], backward */
    float *zero;             /* [H] */
    float *step_z;           /* [tasks,rows,4H] */
    float *step_h, *step_dc; /* [tasks,rows,H]: h or dh; dc is for backward */
    float *w_back;           /* [tasks,4H,H]: w_h transposed, backward */
    char *gemm;              /* [tasks, gemm_bytes] */
    int64_t rows;
    size_t gemm_bytes, bytes;
} Scratch;

static size_t gemm_bytes_of(const Size *s, bool backward, int shards) {
    const int64_t rows = s->batch / shards + 1;
    const Gemm forward_pass[] = {gemm_nn(rows * s->steps, s->width, s->inputs, false),
                                 gemm_nn(rows, s->width, s->hidden, false)};
    const Gemm backward_pass[] = {gemm_nn(rows, s->hidden, s->width, false),
                                  gemm_nt(rows * s->steps, s->inputs, s->width, true),
                                  gemm_tn(s->inputs / shards + 1, s->width, s->batch * s->steps, true),
                                  gemm_tn(s->hidden / shards + 1, s->width, s->steps, true)};
    const Gemm *g = backward ? backward_pass : forward_pass;
    size_t most = 0;
    for (int i = 0; i < (backward ? 4 : 2); i++)
        if (gemm_scratch_bytes(&g[i]) > most) most = gemm_scratch_bytes(&g[i]);
    return (most + CARVE_ALIGN - 1) / CARVE_ALIGN * CARVE_ALIGN;
}

static Scratch scratch_of(const OpSpec *spec, bool backward, int shards, void *base) {
    const Size s = size_of(spec);
    const int64_t tasks = N_DIRECTIONS * shards, rows = s.batch / shards + 1;
    Carve c = {base, 0};
    Scratch scratch = {.rows = rows, .gemm_bytes = gemm_bytes_of(&s, backward, shards)};
    scratch.zero = carve(&c, s.hidden, sizeof(float));
    scratch.step_z = carve(&c, tasks * rows * s.width, sizeof(float));
    scratch.step_h = carve(&c, tasks * rows * s.hidden, sizeof(float));
    scratch.gemm = carve(&c, tasks, scratch.gemm_bytes);
    if (backward) {
        scratch.step_dc = carve(&c, tasks * rows * s.hidden, sizeof(float));
        scratch.w_back = carve(&c, tasks * s.width * s.hidden, sizeof(float));
        scratch.dz = carve(&c, N_DIRECTIONS * s.batch * s.steps * s.width, sizeof(float));
    }
    scratch.bytes = c.bytes;
    return scratch;
}

/* CUDA keeps both w_h side by side [2,H,4H], and h, or dh, of a step [2,B,H]; backward also dc of a step [2,B,H],
 * dz [2,B,T,4H], and db's partial sums. Forward, gates hold the products. */
static size_t cuda_bytes(const OpSpec *spec, bool backward) {
    const Size s = size_of(spec);
    Carve c = {NULL, 0};
    (void)carve(&c, N_DIRECTIONS * s.hidden * s.width, sizeof(float));
    (void)carve(&c, N_DIRECTIONS * s.batch * s.hidden, sizeof(float));
    if (!backward) return c.bytes;
    (void)carve(&c, N_DIRECTIONS * s.batch * s.hidden, sizeof(float));
    (void)carve(&c, N_DIRECTIONS * s.batch * s.steps * s.width, sizeof(float));
    return c.bytes + cuda_sum_bytes(s.batch * s.steps, s.width);
}

/* The reference keeps dz [4H], dh [H] and dc [H] of a step. */
static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)wanted;
    if (device == DEVICE_REF) return backward ? (size_t)(6 * spec->x[W_H].dim[0]) * sizeof(double) : 0;
    if (device == DEVICE_CUDA) return cuda_bytes(spec, backward);
    return scratch_of(spec, backward, shards, NULL).bytes;
}

/* What a task of the recurrence works on: direction d, samples first..first+n_rows-1. Rows of sample b at step t are at
 * (b T + t) times their width from these. */
typedef struct Part {
    Size s;
    Scratch scratch;
    int d;
    int64_t first, n_rows;
    float *step_z, *step_h, *step_dc, *w_back;
    void *gemm;
} Part;

static Part part_of(const OpCall *call, bool backward, int i_task) {
    Part p = {.s = size_of(call->spec), .scratch = scratch_of(call->spec, backward, call->shards, call->scratch)};
    int64_t last;
    p.d = i_task / call->shards;
    par_range(p.s.batch, call->shards, i_task % call->shards, &p.first, &last);
    p.n_rows = last - p.first;
    p.step_z = p.scratch.step_z + i_task * p.scratch.rows * p.s.width;
    p.step_h = p.scratch.step_h + i_task * p.scratch.rows * p.s.hidden;
    p.gemm = p.scratch.gemm + (size_t)i_task * p.scratch.gemm_bytes;
    if (backward) {
        p.step_dc = p.scratch.step_dc + i_task * p.scratch.rows * p.s.hidden;
        p.w_back = p.scratch.w_back + i_task * p.s.width * p.s.hidden;
    }
    return p;
}

/* Row (b, t) of direction d in a tensor [2,B,T,n]. */
static inline int64_t row_of(const Size *s, int d, int64_t b, int64_t t) { return (d * s->batch + b) * s->steps + t; }

/* ---- forward ---- */

/* Step t of all samples of a part; before: the step before it in the direction's time, or -1. step_z holds h w_h. */
KERNEL static void forward_step(const OpCall *call, const Part *p, int64_t t, int64_t before) {
    const int64_t n = p->s.hidden, width = p->s.width;
    const float *b_x = call->x[B_X + p->d * PER_DIRECTION], *b_h = call->x[B_H + p->d * PER_DIRECTION];
    for (int64_t r = 0; r < p->n_rows; r++) {
        const int64_t b = p->first + r, at = row_of(&p->s, p->d, b, t);
        float *gates = (float *)call->y[GATES] + at * width, *cells = call->y[CELLS], *h = p->step_h + r * n;
        const float *z = p->step_z + r * width;
        const float *c0 = before < 0 ? p->scratch.zero : cells + row_of(&p->s, p->d, b, before) * n;
        if (before >= 0) {
            KERNEL_LOOP
            for (int64_t k = 0; k < width; k++) gates[k] += z[k];
        }
        lstm_cell_forward(gates, cells + at * n, h, c0, b_x, b_h, n);
        memcpy((float *)call->y[Y] + ((b * p->s.steps + t) * N_DIRECTIONS + p->d) * n, h, (size_t)n * sizeof *h);
    }
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Part p = part_of(call, false, i_task);
    const Size *s = &p.s;
    const Gemm project = gemm_nn(p.n_rows * s->steps, s->width, s->inputs, false);
    const Gemm recur = gemm_nn(p.n_rows, s->width, s->hidden, false);
    if (p.n_rows == 0) return;
    gemm_run(&project, (const float *)call->x[X] + p.first * s->steps * s->inputs, call->x[W_X + p.d * PER_DIRECTION],
             (float *)call->y[GATES] + row_of(s, p.d, p.first, 0) * s->width, p.gemm);
    for (int64_t i = 0; i < s->steps; i++) {
        const int64_t t = p.d == 0 ? i : s->steps - 1 - i;
        if (i > 0) gemm_run(&recur, p.step_h, call->x[W_H + p.d * PER_DIRECTION], p.step_z, p.gemm);
        forward_step(call, &p, t, i == 0 ? -1 : p.d == 0 ? t - 1 : t + 1);
    }
}

static Err fwd(const OpCall *call) {
    const Scratch scratch = scratch_of(call->spec, false, call->shards, call->scratch);
    memset(scratch.zero, 0, (size_t)call->spec->x[W_H].dim[0] * sizeof(float));
    par_run(call->par, N_DIRECTIONS * call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

/* ---- backward ---- */

static bool wants_direction(const OpCall *call, int d) {
    for (int i = W_X; i <= B_H; i++)
        if (call->dx[i + d * PER_DIRECTION] != NULL) return true;
    return call->dx[X] != NULL;
}

/* Step t of all samples of a part; step_h holds dz w_h' of the step after it, or zeros, step_dc its dc. */
KERNEL static void backward_step(const OpCall *call, const Part *p, int64_t t, int64_t before) {
    const int64_t n = p->s.hidden, width = p->s.width;
    const float *cells = call->y[CELLS];
    for (int64_t r = 0; r < p->n_rows; r++) {
        const int64_t b = p->first + r, at = row_of(&p->s, p->d, b, t);
        const float *dy = (const float *)call->dy[Y] + ((b * p->s.steps + t) * N_DIRECTIONS + p->d) * n;
        const float *c0 = before < 0 ? p->scratch.zero : cells + row_of(&p->s, p->d, b, before) * n;
        float *dh = p->step_h + r * n, *dc = p->step_dc + r * n, *dz = p->step_z + r * width;
        KERNEL_LOOP
        for (int64_t k = 0; k < n; k++) dh[k] += dy[k];
        lstm_cell_backward(dz, dc, dh, dc, (const float *)call->y[GATES] + at * width, c0, cells + at * n, n);
        memcpy(p->scratch.dz + at * width, dz, (size_t)width * sizeof *dz);
    }
}

static void transpose(float *restrict out, const float *restrict x, int64_t n_rows, int64_t n) {
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t k = 0; k < n; k++) out[k * n_rows + r] = x[r * n + k];
}

/* dz of one direction and a range of samples. */
static void recurrence_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Part p = part_of(call, true, i_task);
    const Size *s = &p.s;
    const Gemm recur = gemm_nn(p.n_rows, s->hidden, s->width, false);
    const size_t state_bytes = (size_t)(p.n_rows * s->hidden) * sizeof(float);
    if (p.n_rows == 0 || !wants_direction(call, p.d)) return;
    memset(p.step_h, 0, state_bytes);
    memset(p.step_dc, 0, state_bytes);
    transpose(p.w_back, call->x[W_H + p.d * PER_DIRECTION], s->hidden, s->width);
    for (int64_t i = s->steps - 1; i >= 0; i--) {
        const int64_t t = p.d == 0 ? i : s->steps - 1 - i;
        backward_step(call, &p, t, i == 0 ? -1 : p.d == 0 ? t - 1 : t + 1);
        if (i > 0) gemm_run(&recur, p.step_z, p.w_back, p.step_h, p.gemm);
    }
}

/* dx of a range of samples. */
static void inputs_backward(const OpCall *call, const Size *s, const Scratch *scratch, int i_task) {
    int64_t first, last;
    par_range(s->batch * s->steps, call->shards, i_task, &first, &last);
    for (int d = 0; d < N_DIRECTIONS && first < last; d++) {
        const Gemm g = gemm_nt(last - first, s->inputs, s->width, d > 0 || (call->accumulate & OP_X(X)) != 0);
        gemm_run(&g, scratch->dz + (row_of(s, d, 0, 0) + first) * s->width, call->x[W_X + d * PER_DIRECTION],
                 (float *)call->dx[X] + first * s->inputs, scratch->gemm + (size_t)i_task * scratch->gemm_bytes);
    }
}

/* A range of the rows of dw_h. In each sample the states but the last meet the dz of the step after them. */
static void recurrent_weights_backward(const OpCall *call, const Size *s, const Scratch *scratch, int d, int i_task) {
    const int i = W_H + d * PER_DIRECTION;
    int64_t first, last;
    par_range(s->hidden, call->shards, i_task, &first, &last);
    Gemm g = gemm_tn(last - first, s->width, s->steps - 1, (call->accumulate & OP_X(i)) != 0);
    g.lda = N_DIRECTIONS * s->hidden;
    for (int64_t b = 0; b < s->batch && first < last; b++, g.add = true) {
        const float *h = (const float *)call->y[Y] + (b * s->steps + (d == 0 ? 0 : 1)) * g.lda + d * s->hidden + first;
        const float *dz = scratch->dz + row_of(s, d, b, d == 0 ? 1 : 0) * s->width;
        gemm_run(&g, h, dz, (float *)call->dx[i] + first * s->width,
                 scratch->gemm + (size_t)i_task * scratch->gemm_bytes);
    }
}

KERNEL static void sum_rows(float *out, const float *x, int64_t n_rows, int64_t ld, int64_t n, bool add) {
    lstm_sum_rows(out, x, n_rows, ld, n, add);
}

static void weights_backward(const OpCall *call, const Size *s, const Scratch *scratch, int d, int i_task) {
    const float *dz = scratch->dz + row_of(s, d, 0, 0) * s->width;
    int64_t first, last;
    int i = W_X + d * PER_DIRECTION;
    par_range(s->inputs, call->shards, i_task, &first, &last);
    if (call->dx[i] != NULL && first < last) {
        Gemm g = gemm_tn(last - first, s->width, s->batch * s->steps, (call->accumulate & OP_X(i)) != 0);
        g.lda = s->inputs;
        gemm_run(&g, (const float *)call->x[X] + first, dz, (float *)call->dx[i] + first * s->width,
                 scratch->gemm + (size_t)i_task * scratch->gemm_bytes);
    }
    if (call->dx[W_H + d * PER_DIRECTION] != NULL) recurrent_weights_backward(call, s, scratch, d, i_task);
    par_range(s->width, call->shards, i_task, &first, &last);
    for (i = B_X + d * PER_DIRECTION; i <= B_H + d * PER_DIRECTION; i++)
        if (call->dx[i] != NULL)
            sum_rows((float *)call->dx[i] + first, dz + first, s->batch * s->steps, s->width, last - first,
                     (call->accumulate & OP_X(i)) != 0);
}

static void products_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size s = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    if (call->dx[X] != NULL) inputs_backward(call, &s, &scratch, i_task);
    for (int d = 0; d < N_DIRECTIONS; d++) weights_backward(call, &s, &scratch, d, i_task);
}

static Err bwd(const OpCall *call) {
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    memset(scratch.zero, 0, (size_t)call->spec->x[W_H].dim[0] * sizeof(float));
    par_run(call->par, N_DIRECTIONS * call->shards, recurrence_task, (void *)call);
    par_run(call->par, call->shards, products_task, (void *)call);
    return ERR_OK;
}

/* ---- reference: one sample and one direction after the other ---- */

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

typedef struct RefStep {
    int64_t now, before;    /* rows of [2,B,T,.]; before < 0 at the start */
    int64_t x, h, h_before; /* offsets of x_t and h_t in x and y */
} RefStep;

static RefStep ref_step(const Size *s, int d, int64_t b, int64_t i) {
    const int64_t t = d == 0 ? i : s->steps - 1 - i, back = d == 0 ? -1 : 1;
    const int64_t h = ((b * s->steps + t) * N_DIRECTIONS + d) * s->hidden;
    const int64_t now = row_of(s, d, b, t);
    return (RefStep){now, i == 0 ? -1 : now + back, (b * s->steps + t) * s->inputs, h,
                     h + back * N_DIRECTIONS * s->hidden};
}

static void ref_forward_step(const OpCall *call, const Size *s, int d, const RefStep *at) {
    const double *w_x = call->x[W_X + d * PER_DIRECTION], *w_h = call->x[W_H + d * PER_DIRECTION];
    const double *b_x = call->x[B_X + d * PER_DIRECTION], *b_h = call->x[B_H + d * PER_DIRECTION];
    const double *x = (const double *)call->x[X] + at->x;
    double *y = call->y[Y], *cells = call->y[CELLS], *gate = (double *)call->y[GATES] + at->now * s->width;
    const int64_t n = s->hidden;
    for (int64_t m = 0; m < s->width; m++) {
        double z = b_x[m] + b_h[m];
        for (int64_t k = 0; k < s->inputs; k++) z += x[k] * w_x[k * s->width + m];
        for (int64_t k = 0; k < n && at->before >= 0; k++) z += y[at->h_before + k] * w_h[k * s->width + m];
        gate[m] = m >= 2 * n && m < 3 * n ? tanh(z) : sigmoid(z);
    }
    for (int64_t k = 0; k < n; k++) {
        const double c0 = at->before < 0 ? 0.0 : cells[at->before * n + k];
        cells[at->now * n + k] = gate[n + k] * c0 + gate[k] * gate[2 * n + k];
        y[at->h + k] = gate[3 * n + k] * tanh(cells[at->now * n + k]);
    }
}

static Err ref_fwd(const OpCall *call) {
    const Size s = size_of(call->spec);
    for (int d = 0; d < N_DIRECTIONS; d++)
        for (int64_t b = 0; b < s.batch; b++)
            for (int64_t i = 0; i < s.steps; i++) {
                const RefStep at = ref_step(&s, d, b, i);
                ref_forward_step(call, &s, d, &at);
            }
    return ERR_OK;
}

/* dz [4H] of a step; dc becomes that of the step before. */
static void ref_cell_backward(const OpCall *call, const Size *s, const RefStep *at, const double *dh, double *dc,
                              double *dz) {
    const int64_t n = s->hidden;
    const double *cells = call->y[CELLS], *gate = (const double *)call->y[GATES] + at->now * s->width;
    for (int64_t k = 0; k < n; k++) {
        const double i = gate[k], f = gate[n + k], g = gate[2 * n + k], o = gate[3 * n + k];
        const double t = tanh(cells[at->now * n + k]), c0 = at->before < 0 ? 0.0 : cells[at->before * n + k];
        const double dh_k = dh[k] + ((const double *)call->dy[Y])[at->h + k];
        const double dcell = dc[k] + dh_k * o * (1.0 - t * t);
        dz[k] = dcell * g * i * (1.0 - i);
        dz[n + k] = dcell * c0 * f * (1.0 - f);
        dz[2 * n + k] = dcell * i * (1.0 - g * g);
        dz[3 * n + k] = dh_k * t * o * (1.0 - o);
        dc[k] = dcell * f;
    }
}

/* What dz of a step adds to the gradients; dh becomes that of the step before. */
static void ref_products_backward(const OpCall *call, const Size *s, int d, const RefStep *at, double *dh,
                                  const double *dz) {
    const int at_d = d * PER_DIRECTION;
    const double *x = call->x[X], *y = call->y[Y], *w_x = call->x[W_X + at_d], *w_h = call->x[W_H + at_d];
    double *dx = call->dx[X], *dw_x = call->dx[W_X + at_d], *dw_h = call->dx[W_H + at_d];
    for (int i = B_X + at_d; i <= B_H + at_d; i++)
        for (int64_t m = 0; m < s->width && call->dx[i] != NULL; m++) ((double *)call->dx[i])[m] += dz[m];
    for (int64_t k = 0; k < s->inputs; k++)
        for (int64_t m = 0; m < s->width; m++) {
            if (dx != NULL) dx[at->x + k] += dz[m] * w_x[k * s->width + m];
            if (dw_x != NULL) dw_x[k * s->width + m] += dz[m] * x[at->x + k];
        }
    for (int64_t k = 0; k < s->hidden; k++) {
        dh[k] = 0.0;
        for (int64_t m = 0; m < s->width; m++) {
            dh[k] += dz[m] * w_h[k * s->width + m];
            if (dw_h != NULL && at->before >= 0) dw_h[k * s->width + m] += dz[m] * y[at->h_before + k];
        }
    }
}

static Err ref_bwd(const OpCall *call) {
    const Size s = size_of(call->spec);
    double *dz = call->scratch, *dh = dz + s.width, *dc = dh + s.hidden;
    for (int i = 0; i < N_INPUTS; i++)
        for (int64_t k = 0; k < shape_count(&call->spec->x[i]); k++)
            if (call->dx[i] != NULL && !(call->accumulate & OP_X(i))) ((double *)call->dx[i])[k] = 0.0;
    for (int d = 0; d < N_DIRECTIONS; d++)
        for (int64_t b = 0; b < s.batch && wants_direction(call, d); b++) {
            memset(dh, 0, (size_t)(2 * s.hidden) * sizeof *dh);
            for (int64_t i = s.steps - 1; i >= 0; i--) {
                const RefStep at = ref_step(&s, d, b, i);
                ref_cell_backward(call, &s, &at, dh, dc, dz);
                ref_products_backward(call, &s, d, &at, dh, dz);
            }
        }
    return ERR_OK;
}

/* ---- descriptor ---- */

#define DIRECTION(d, n)                                                                                                \
    {.shape = {2, {d, 4 * n}}, .scale = 0.3}, {.shape = {2, {n, 4 * n}}, .scale = 0.3}, {.shape = {1, {4 * n}}}, {     \
        .shape = { 1, {4 * n} }                                                                                        \
    }
#define CASE(text, b, t, d, n)                                                                                         \
    {                                                                                                                  \
        .name = text, .n_x = N_INPUTS, .x = { {.shape = {3, {b, t, d}}}, DIRECTION(d, n), DIRECTION(d, n) }            \
    }
static const OpCase cases[] = {
    CASE("prime", 5, 7, 3, 11),   CASE("one_sample", 1, 5, 13, 2), CASE("one_step", 3, 1, 5, 7),
    CASE("one_unit", 4, 3, 1, 1), CASE("two_steps", 2, 2, 17, 5),  CASE("many_rows", 19, 15, 2, 3),
};
#undef CASE
#undef DIRECTION

/* What dz of a direction is made of. */
#define DZ(d) (OP_Y(GATES) | OP_Y(CELLS) | OP_X(W_H + (d)*PER_DIRECTION))
#define NEEDS(d)                                                                                                       \
    [W_X + (d)*PER_DIRECTION] = DZ(d) | OP_X(X), [W_H + (d)*PER_DIRECTION] = DZ(d) | OP_Y(Y),                          \
           [B_X + (d)*PER_DIRECTION] = DZ(d), [B_H + (d)*PER_DIRECTION] = DZ(d)

const Op op_blstm = {
    .name = "blstm",
    .n_x_min = N_INPUTS,
    .n_x_max = N_INPUTS,
    .n_out = 1,
    .differentiable = OP_X(N_INPUTS) - 1u,
    .bwd_needs = {[X] = DZ(0) | DZ(1) | OP_X(W_X) | OP_X(W_X + PER_DIRECTION), NEEDS(0), NEEDS(1)},
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .flops = flops,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

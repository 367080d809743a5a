/* lstm_step: one step of an LSTM whose input is [x1 | x2].
 *   z = x1 w1 + x2 w2 + h w_h + b_x + b_h, where w1, w2, w_h are the rows of w;  gates, c', h' as in
 * kernels/lstm_cell.h. dz from the cell;  dx1 = dz w1', dx2 = dz w2', dh = dz w_h';  dw = [x1 | x2 | h]' dz;  db_x =
 * db_h = sum of dz's rows. x1 [B,D1], x2 [B,D2], h [B,H], c [B,H], w [D1+D2+H,4H], b_x [4H], b_h [4H] -> h' [B,H], c'
 * [B,H] (gates [B,4H]). Samples are cut into tasks, and for dw, whose sum runs over the samples, the rows of w: bits do
 * not depend on shards.
 */
#include <math.h>
#include <string.h>

#include "kernels/carve.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/infer.h"
#include "kernels/lstm_cell.h"
#include "kernels/op.h"
#include "kernels/simd.h"

enum { X1, X2, H0, C0, W, B_X, B_H };
enum { H1, C1, GATES };
enum { N_PARTS = 3 }; /* x1, x2, h */

typedef struct Size {
    int64_t batch, hidden, part[N_PARTS], inputs; /* inputs = D1 + D2 + H */
} Size;

static Size size_of(const OpSpec *spec) {
    Size s = {.batch = spec->x[H0].dim[0], .hidden = spec->x[H0].dim[1]};
    for (int i = 0; i < N_PARTS; i++) s.inputs += s.part[i] = spec->x[i].dim[1];
    return s;
}

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    for (int i = 0; i < N_PARTS; i++) TRY(infer_rank(spec, i, (const char *[]){"x1", "x2", "h"}[i], DT_REAL, 2));
    const Size s = size_of(spec);
    const Shape state = spec->x[H0];
    FAIL_IF(s.hidden > INT64_MAX / 16, ERR_SHAPE, "h has %lld columns, which is too many", (long long)s.hidden);
    const Shape gates = SHAPE2(s.batch, 4 * s.hidden), bias = SHAPE1(4 * s.hidden);
    TRY(infer_shape(spec, X1, "x1", DT_REAL, SHAPE2(s.batch, s.part[X1])));
    TRY(infer_shape(spec, X2, "x2", DT_REAL, SHAPE2(s.batch, s.part[X2])));
    TRY(infer_shape(spec, C0, "c", DT_REAL, state));
    TRY(infer_shape(spec, W, "w", DT_REAL, SHAPE2(s.inputs, 4 * s.hidden)));
    TRY(infer_shape(spec, B_X, "b_x", DT_REAL, bias));
    TRY(infer_shape(spec, B_H, "b_h", DT_REAL, bias));
    infer_output(spec, DT_REAL, state);
    infer_output(spec, DT_REAL, state);
    infer_output(spec, DT_REAL, gates);
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    const Size s = size_of(spec);
    const int64_t product = 2 * s.batch * s.inputs * 4 * s.hidden, cell = 10 * s.batch * s.hidden;
    return backward ? 2 * product + 2 * cell : product + cell;
}

/* Backward only, but for `gemm`. */
typedef struct Scratch {
    float *dz;   /* [B,4H] */
    float *zero; /* [H] */
    float *dc;   /* [shards,H]: a row of dc that is not wanted, or is to be added */
    char *gemm;  /* [shards, gemm_bytes] */
    size_t gemm_bytes, bytes;
} Scratch;

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static Scratch scratch_of(const OpSpec *spec, bool backward, int shards, void *base) {
    const Size s = size_of(spec);
    const int64_t rows = s.batch / shards + 1, widest = 4 * s.hidden;
    Carve c = {base, 0};
    Scratch scratch = {0};
    const Gemm z = gemm_nn(rows, widest, s.inputs, true), dx = gemm_nt(rows, s.inputs, widest, true),
               dw = gemm_tn(s.inputs / shards + 1, widest, s.batch, true);
    scratch.gemm_bytes = backward ? max_size(gemm_scratch_bytes(&dx), gemm_scratch_bytes(&dw)) : gemm_scratch_bytes(&z);
    scratch.gemm_bytes = (scratch.gemm_bytes + CARVE_ALIGN - 1) / CARVE_ALIGN * CARVE_ALIGN;
    scratch.gemm = carve(&c, shards, scratch.gemm_bytes);
    if (backward) {
        scratch.dz = carve(&c, s.batch * widest, sizeof(float));
        scratch.zero = carve(&c, s.hidden, sizeof(float));
        scratch.dc = carve(&c, shards * s.hidden, sizeof(float));
    }
    scratch.bytes = c.bytes;
    return scratch;
}

/* CUDA keeps dz [B,4H] and db's partial sums. */
static size_t cuda_bytes(const OpSpec *spec) {
    const Size s = size_of(spec);
    Carve c = {NULL, 0};
    (void)carve(&c, s.batch * 4 * s.hidden, sizeof(float));
    return c.bytes + cuda_sum_bytes(s.batch, 4 * s.hidden);
}

/* The reference's backward pass keeps dz. */
static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)wanted;
    if (device == DEVICE_REF) return backward ? (size_t)shape_count(&spec->y[GATES]) * sizeof(double) : 0;
    if (device == DEVICE_CUDA) return backward ? cuda_bytes(spec) : 0;
    return scratch_of(spec, backward, shards, NULL).bytes;
}

/* ---- forward ---- */

KERNEL static void forward_rows(float *gates, float *c1, float *h1, const float *c0, const float *b_x, const float *b_h,
                                int64_t n_rows, int64_t n) {
    for (int64_t r = 0; r < n_rows; r++)
        lstm_cell_forward(gates + r * 4 * n, c1 + r * n, h1 + r * n, c0 + r * n, b_x, b_h, n);
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size s = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, false, call->shards, call->scratch);
    const int64_t width = 4 * s.hidden;
    int64_t first, last;
    par_range(s.batch, call->shards, i_task, &first, &last);
    float *z = (float *)call->y[GATES] + first * width;
    const float *w = call->x[W];
    for (int i = 0; i < N_PARTS; w += s.part[i++] * width) {
        const Gemm g = gemm_nn(last - first, width, s.part[i], i > 0);
        gemm_run(&g, (const float *)call->x[i] + first * s.part[i], w, z,
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    }
    const int64_t at = first * s.hidden;
    forward_rows(z, (float *)call->y[C1] + at, (float *)call->y[H1] + at, (const float *)call->x[C0] + at, call->x[B_X],
                 call->x[B_H], last - first, s.hidden);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

/* ---- backward ---- */

/* The rows of one task through the cell. A gradient that did not come in is a row of zeros, again and again. */
typedef struct Cells {
    float *dz, *dc0;
    const float *dh, *dc, *gates, *c0, *c1;
    int64_t dh_step, dc_step;
} Cells;

KERNEL static void backward_rows(const Cells *a, float *dc_row, bool add, int64_t n_rows, int64_t n) {
    for (int64_t r = 0; r < n_rows; r++) {
        float *dc0 = a->dc0 == NULL || add ? dc_row : a->dc0 + r * n;
        lstm_cell_backward(a->dz + r * 4 * n, dc0, a->dh + r * a->dh_step, a->dc + r * a->dc_step, a->gates + r * 4 * n,
                           a->c0 + r * n, a->c1 + r * n, n);
        if (a->dc0 != NULL && add) lstm_sum_rows(a->dc0 + r * n, dc_row, 1, n, n, true);
    }
}

/* dz of a range of samples, and from it the gradients of their inputs. */
static void samples_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size s = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    const int64_t n = s.hidden, width = 4 * n;
    int64_t first, last;
    par_range(s.batch, call->shards, i_task, &first, &last);
    const float *dh = call->dy[H1], *dc = call->dy[C1], *w = call->x[W];
    const Cells cells = {
        .dz = scratch.dz + first * width,
        .dc0 = call->dx[C0] == NULL ? NULL : (float *)call->dx[C0] + first * n,
        .dh = dh == NULL ? scratch.zero : dh + first * n,
        .dc = dc == NULL ? scratch.zero : dc + first * n,
        .gates = (const float *)call->y[GATES] + first * width,
        .c0 = (const float *)call->x[C0] + first * n,
        .c1 = (const float *)call->y[C1] + first * n,
        .dh_step = dh == NULL ? 0 : n,
        .dc_step = dc == NULL ? 0 : n,
    };
    backward_rows(&cells, scratch.dc + i_task * n, (call->accumulate & OP_X(C0)) != 0, last - first, n);
    for (int i = 0; i < N_PARTS; w = w == NULL ? NULL : w + s.part[i] * width, i++) {
        if (call->dx[i] == NULL) continue;
        const Gemm g = gemm_nt(last - first, s.part[i], width, (call->accumulate & OP_X(i)) != 0);
        gemm_run(&g, cells.dz, w, (float *)call->dx[i] + first * s.part[i],
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    }
}

KERNEL static void sum_rows(float *out, const float *x, int64_t n_rows, int64_t ld, int64_t n, bool add) {
    lstm_sum_rows(out, x, n_rows, ld, n, add);
}

/* A range of the rows of dw, and a range of the biases. */
static void weights_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size s = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    const int64_t width = 4 * s.hidden;
    int64_t first, last, begin = 0;
    par_range(s.inputs, call->shards, i_task, &first, &last);
    for (int i = 0; i < N_PARTS && call->dx[W] != NULL; begin += s.part[i++]) {
        const int64_t from = first > begin ? first : begin, end = begin + s.part[i], to = last < end ? last : end;
        if (from >= to) continue;
        Gemm g = gemm_tn(to - from, width, s.batch, (call->accumulate & OP_X(W)) != 0);
        g.lda = s.part[i];
        gemm_run(&g, (const float *)call->x[i] + (from - begin), scratch.dz, (float *)call->dx[W] + from * width,
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    }
    par_range(width, call->shards, i_task, &first, &last);
    for (int i = B_X; i <= B_H; i++)
        if (call->dx[i] != NULL)
            sum_rows((float *)call->dx[i] + first, scratch.dz + first, s.batch, width, last - first,
                     (call->accumulate & OP_X(i)) != 0);
}

static Err bwd(const OpCall *call) {
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    memset(scratch.zero, 0, (size_t)call->spec->x[H0].dim[1] * sizeof(float));
    par_run(call->par, call->shards, samples_task, (void *)call);
    if (call->dx[W] != NULL || call->dx[B_X] != NULL || call->dx[B_H] != NULL)
        par_run(call->par, call->shards, weights_task, (void *)call);
    return ERR_OK;
}

/* ---- reference ---- */

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

/* Element (b, j) of the inputs side by side: part *i, column *k. */
static void locate(const Size *s, int64_t j, int *i, int64_t *k) {
    for (*i = 0, *k = j; *k >= s->part[*i]; (*i)++) *k -= s->part[*i];
}

static Err ref_fwd(const OpCall *call) {
    const Size s = size_of(call->spec);
    const int64_t n = s.hidden;
    const double *w = call->x[W], *b_x = call->x[B_X], *b_h = call->x[B_H], *c0 = call->x[C0];
    double *h1 = call->y[H1], *c1 = call->y[C1], *gates = call->y[GATES];
    for (int64_t b = 0; b < s.batch; b++) {
        double *z = gates + b * 4 * n;
        for (int64_t m = 0; m < 4 * n; m++) {
            z[m] = b_x[m] + b_h[m];
            for (int64_t j = 0; j < s.inputs; j++) {
                int i;
                int64_t k;
                locate(&s, j, &i, &k);
                z[m] += ((const double *)call->x[i])[b * s.part[i] + k] * w[j * 4 * n + m];
            }
            z[m] = m >= 2 * n && m < 3 * n ? tanh(z[m]) : sigmoid(z[m]);
        }
        for (int64_t k = 0; k < n; k++) {
            const double c = z[n + k] * c0[b * n + k] + z[k] * z[2 * n + k];
            c1[b * n + k] = c;
            h1[b * n + k] = z[3 * n + k] * tanh(c);
        }
    }
    return ERR_OK;
}

/* dz and dc. */
static void ref_cells(const OpCall *call, double *dz) {
    const Size s = size_of(call->spec);
    const int64_t n = s.hidden;
    const double *c0 = call->x[C0], *c1 = call->y[C1], *dh = call->dy[H1], *dc = call->dy[C1];
    double *dc0 = call->dx[C0];
    for (int64_t b = 0; b < s.batch; b++)
        for (int64_t k = 0; k < n; k++) {
            const double *gate = (const double *)call->y[GATES] + b * 4 * n + k;
            const double i = gate[0], f = gate[n], g = gate[2 * n], o = gate[3 * n], t = tanh(c1[b * n + k]);
            const double in_h = dh == NULL ? 0.0 : dh[b * n + k], in_c = dc == NULL ? 0.0 : dc[b * n + k];
            const double d = in_c + in_h * o * (1.0 - t * t);
            double *out = dz + b * 4 * n + k;
            out[0] = d * g * i * (1.0 - i);
            out[n] = d * c0[b * n + k] * f * (1.0 - f);
            out[2 * n] = d * i * (1.0 - g * g);
            out[3 * n] = in_h * t * o * (1.0 - o);
            if (dc0 != NULL) dc0[b * n + k] = d * f + ((call->accumulate & OP_X(C0)) ? dc0[b * n + k] : 0.0);
        }
}

static void ref_clear(const OpCall *call, int i) {
    double *dx = call->dx[i];
    for (int64_t k = 0; dx != NULL && !(call->accumulate & OP_X(i)) && k < shape_count(&call->spec->x[i]); k++)
        dx[k] = 0.0;
}

static Err ref_bwd(const OpCall *call) {
    const Size s = size_of(call->spec);
    const int64_t width = 4 * s.hidden;
    const double *w = call->x[W];
    double *dz = call->scratch, *dw = call->dx[W];
    ref_cells(call, dz);
    for (int i = X1; i <= B_H; i++)
        if (i != C0) ref_clear(call, i);
    for (int64_t b = 0; b < s.batch; b++)
        for (int64_t m = 0; m < width; m++) {
            for (int i = B_X; i <= B_H; i++)
                if (call->dx[i] != NULL) ((double *)call->dx[i])[m] += dz[b * width + m];
            for (int64_t j = 0; j < s.inputs; j++) {
                int i;
                int64_t k;
                locate(&s, j, &i, &k);
                if (dw != NULL)
                    dw[j * width + m] += ((const double *)call->x[i])[b * s.part[i] + k] * dz[b * width + m];
                if (call->dx[i] != NULL)
                    ((double *)call->dx[i])[b * s.part[i] + k] += dz[b * width + m] * w[j * width + m];
            }
        }
    return ERR_OK;
}

/* ---- descriptor ---- */

#define CASE(text, b, d1, d2, n, w_scale)                                                                              \
    {                                                                                                                  \
        .name = text, .n_x = 7, .x = {                                                                                 \
            {.shape = {2, {b, d1}}},                                                                                   \
            {.shape = {2, {b, d2}}},                                                                                   \
            {.shape = {2, {b, n}}},                                                                                    \
            {.shape = {2, {b, n}}},                                                                                    \
            {.shape = {2, {d1 + d2 + n, 4 * n}}, .scale = w_scale},                                                    \
            {.shape = {1, {4 * n}}},                                                                                   \
            {.shape = {1, {4 * n}}}                                                                                    \
        }                                                                                                              \
    }
static const OpCase cases[] = {
    CASE("prime", 5, 7, 11, 13, 0.3),  CASE("one_sample", 1, 3, 5, 7, 0.3),
    CASE("one_unit", 3, 1, 1, 1, 0.5), CASE("equal_widths", 4, 17, 17, 17, 0.2),
    CASE("wide", 2, 5, 67, 31, 0.1),   CASE("many_samples", 263, 2, 3, 2, 0.3),
};
#undef CASE

/* The cell's own gradient. */
#define CELL (OP_X(C0) | OP_Y(C1) | OP_Y(GATES))

const Op op_lstm_step = {
    .name = "lstm_step",
    .n_x_min = 7,
    .n_x_max = 7,
    .n_out = 2,
    .differentiable = OP_X(X1) | OP_X(X2) | OP_X(H0) | OP_X(C0) | OP_X(W) | OP_X(B_X) | OP_X(B_H),
    .bwd_needs = {[X1] = CELL | OP_X(W),
                  [X2] = CELL | OP_X(W),
                  [H0] = CELL | OP_X(W),
                  [C0] = CELL,
                  [W] = CELL | OP_X(X1) | OP_X(X2) | OP_X(H0),
                  [B_X] = CELL,
                  [B_H] = CELL},
    .alias_fwd = OP_X(X1) | OP_X(X2) | OP_X(H0) | OP_X(C0),
    .alias_bwd = OP_X(X1) | OP_X(X2) | OP_X(H0) | OP_X(C0),
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

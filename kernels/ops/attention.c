/* attention: additive attention of one decoder step (Bahdanau 2015).
 *   q = s w,  e_j = v . tanh(q + keys_j),  alpha = softmax(e),  glimpse = sum_j alpha_j values_j.
 *   da_j = dalpha_j + values_j . dglimpse,  de_j = alpha_j (da_j - sum_i alpha_i da_i),  dvalues_j = alpha_j dglimpse;
 *   t_j = tanh(q + keys_j) once more,  dkeys_j = de_j v (1 - t_j^2),  dq = sum_j dkeys_j,  dv = sum de_j t_j;
 *   ds = dq w',  dw = s' dq.
 * s [B,Ds], keys [B,L,A], values [B,L,Dh], w [Ds,A], v [A] -> glimpse [B,Dh], alpha [B,L] (q [B,A]).
 * tanh [B,L,A] is not kept: computing it again costs less than its memory at every one of T steps.
 * Samples are cut into tasks; dw and dv are summed over samples in order: bits do not depend on shards. */
#include <math.h>
#include <string.h>

#include "kernels/carve.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/infer.h"
#include "kernels/lanes.h"
#include "kernels/op.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

enum { S, KEYS, VALUES, W, V };
enum { GLIMPSE, ALPHA, Q };

typedef struct Size {
    int64_t batch, state, positions, width, features; /* B, Ds, L, A, Dh */
} Size;

static Size size_of(const OpSpec *spec) {
    return (Size){spec->x[KEYS].dim[0], spec->x[S].dim[1], spec->x[KEYS].dim[1], spec->x[KEYS].dim[2],
                  spec->x[VALUES].dim[2]};
}

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    TRY(infer_rank(spec, S, "s", DT_REAL, 2));
    TRY(infer_rank(spec, KEYS, "keys", DT_REAL, 3));
    TRY(infer_rank(spec, VALUES, "values", DT_REAL, 3));
    const Size z = size_of(spec);
    TRY(infer_shape(spec, S, "s", DT_REAL, SHAPE2(z.batch, z.state)));
    TRY(infer_shape(spec, VALUES, "values", DT_REAL, SHAPE3(z.batch, z.positions, z.features)));
    TRY(infer_shape(spec, W, "w", DT_REAL, SHAPE2(z.state, z.width)));
    TRY(infer_shape(spec, V, "v", DT_REAL, SHAPE1(z.width)));
    infer_output(spec, DT_REAL, SHAPE2(z.batch, z.features));
    infer_output(spec, DT_REAL, SHAPE2(z.batch, z.positions));
    infer_output(spec, DT_REAL, SHAPE2(z.batch, z.width));
done:
    return err;
}

static int64_t flops(const OpSpec *spec, bool backward) {
    const Size z = size_of(spec);
    const int64_t product = 2 * z.batch * z.state * z.width, cells = z.batch * z.positions;
    return backward ? 2 * product + cells * (9 * z.width + 4 * z.features)
                    : product + cells * (4 * z.width + 2 * z.features);
}

/* Backward only, but for `gemm`. */
typedef struct Scratch {
    float *dq, *dv; /* [B,A]: of each sample */
    float *de;      /* [shards,L] */
    char *gemm;     /* [shards, gemm_bytes] */
    size_t gemm_bytes, bytes;
} Scratch;

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static Scratch scratch_of(const OpSpec *spec, bool backward, int shards, void *base) {
    const Size z = size_of(spec);
    const int64_t rows = z.batch / shards + 1;
    Carve c = {base, 0};
    Scratch scratch = {0};
    const Gemm q = gemm_nn(rows, z.width, z.state, false), ds = gemm_nt(rows, z.state, z.width, true),
               dw = gemm_tn(z.state / shards + 1, z.width, z.batch, true);
    scratch.gemm_bytes = backward ? max_size(gemm_scratch_bytes(&ds), gemm_scratch_bytes(&dw)) : gemm_scratch_bytes(&q);
    scratch.gemm_bytes = (scratch.gemm_bytes + CARVE_ALIGN - 1) / CARVE_ALIGN * CARVE_ALIGN;
    scratch.gemm = carve(&c, shards, scratch.gemm_bytes);
    if (backward) {
        scratch.dq = carve(&c, z.batch * z.width, sizeof(float));
        scratch.dv = carve(&c, z.batch * z.width, sizeof(float));
        scratch.de = carve(&c, shards * z.positions, sizeof(float));
    }
    scratch.bytes = c.bytes;
    return scratch;
}

/* CUDA keeps the energies, or da, [B,L]; backward also dq and dv [B,A], and dv's partial sums. */
static size_t cuda_bytes(const Size *z, bool backward) {
    Carve c = {NULL, 0};
    (void)carve(&c, z->batch * z->positions, sizeof(float));
    if (!backward) return c.bytes;
    (void)carve(&c, z->batch * z->width, sizeof(float));
    (void)carve(&c, z->batch * z->width, sizeof(float));
    return c.bytes + cuda_sum_bytes(z->batch, z->width);
}

/* The reference's backward pass keeps dq [B,A] and de [L]. */
static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)wanted;
    const Size z = size_of(spec);
    if (device == DEVICE_REF) return backward ? (size_t)(z.batch * z.width + z.positions) * sizeof(double) : 0;
    if (device == DEVICE_CUDA) return cuda_bytes(&z, backward);
    return scratch_of(spec, backward, shards, NULL).bytes;
}

/* ---- forward ---- */

/* v . tanh(q + key). */
KERNEL_INLINE float energy(const float *q, const float *key, const float *v, int64_t n) {
    float t[LANES_CHUNK], sum = 0.0f;
    for (int64_t i = 0; i < n; i += LANES_CHUNK) {
        const int64_t n_chunk = n - i < LANES_CHUNK ? n - i : LANES_CHUNK;
        for (int64_t k = 0; k < n_chunk; k++) t[k] = v[i + k] * vmath_tanh(q[i + k] + key[i + k]);
        sum += lanes_sum(t, n_chunk);
    }
    return sum;
}

KERNEL_INLINE void softmax(float *x, int64_t n) {
    const float m = lanes_max(x, n);
    for (int64_t k = 0; k < n; k++) x[k] = vmath_exp(x[k] - m);
    const float inverse = 1.0f / lanes_sum(x, n);
    for (int64_t k = 0; k < n; k++) x[k] *= inverse;
}

/* out [n] = sum_j weight_j x_j over the rows of x, in order; four rows at a time, to go through `out` less often. */
KERNEL_INLINE void weighted_sum(float *restrict out, const float *weight, const float *restrict x, int64_t n_rows,
                                int64_t n) {
    int64_t j = 0;
    for (int64_t k = 0; k < n; k++) out[k] = 0.0f;
    for (; j + 4 <= n_rows; j += 4) {
        const float *a = x + j * n, *b = a + n, *c = b + n, *d = c + n;
        const float wa = weight[j], wb = weight[j + 1], wc = weight[j + 2], wd = weight[j + 3];
        for (int64_t k = 0; k < n; k++) out[k] = (((out[k] + wa * a[k]) + wb * b[k]) + wc * c[k]) + wd * d[k];
    }
    for (; j < n_rows; j++)
        for (int64_t k = 0; k < n; k++) out[k] += weight[j] * x[j * n + k];
}

KERNEL static void forward_samples(const OpCall *call, int64_t first, int64_t last) {
    const Size z = size_of(call->spec);
    const float *v = call->x[V];
    for (int64_t b = first; b < last; b++) {
        const float *q = (const float *)call->y[Q] + b * z.width;
        const float *keys = (const float *)call->x[KEYS] + b * z.positions * z.width;
        float *alpha = (float *)call->y[ALPHA] + b * z.positions;
        for (int64_t j = 0; j < z.positions; j++) alpha[j] = energy(q, keys + j * z.width, v, z.width);
        softmax(alpha, z.positions);
        weighted_sum((float *)call->y[GLIMPSE] + b * z.features, alpha,
                     (const float *)call->x[VALUES] + b * z.positions * z.features, z.positions, z.features);
    }
}

static void fwd_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size z = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, false, call->shards, call->scratch);
    int64_t first, last;
    par_range(z.batch, call->shards, i_task, &first, &last);
    const Gemm g = gemm_nn(last - first, z.width, z.state, false);
    gemm_run(&g, (const float *)call->x[S] + first * z.state, call->x[W], (float *)call->y[Q] + first * z.width,
             scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    forward_samples(call, first, last);
}

static Err fwd(const OpCall *call) {
    par_run(call->par, call->shards, fwd_task, (void *)call);
    return ERR_OK;
}

/* ---- backward ---- */

/* The gradients that pass through the energies. */
static bool wants_energy(const OpCall *call) {
    return call->dx[S] != NULL || call->dx[KEYS] != NULL || call->dx[W] != NULL || call->dx[V] != NULL;
}

KERNEL static void values_backward(const OpCall *call, int64_t b) {
    const Size z = size_of(call->spec);
    const bool add = (call->accumulate & OP_X(VALUES)) != 0;
    const float *alpha = (const float *)call->y[ALPHA] + b * z.positions;
    float *restrict dvalues = (float *)call->dx[VALUES] + b * z.positions * z.features;
    if (call->dy[GLIMPSE] == NULL) {
        if (!add) memset(dvalues, 0, (size_t)(z.positions * z.features) * sizeof *dvalues);
        return;
    }
    const float *restrict dglimpse = (const float *)call->dy[GLIMPSE] + b * z.features;
    for (int64_t j = 0; j < z.positions; j++, dvalues += z.features) {
        if (add)
            for (int64_t k = 0; k < z.features; k++) dvalues[k] += alpha[j] * dglimpse[k];
        else
            for (int64_t k = 0; k < z.features; k++) dvalues[k] = alpha[j] * dglimpse[k];
    }
}

/* de [L] of sample b. In double precision: a softmax does not see what all positions share, and the gradients of the
 * keys' biases are what is left when that is taken away; in float they were off by 1e-5 of themselves. Twice, not to
 * keep L doubles. */
KERNEL static void softmax_backward(const OpCall *call, float *de, int64_t b) {
    const Size z = size_of(call->spec);
    const float *alpha = (const float *)call->y[ALPHA] + b * z.positions;
    const float *values = (const float *)call->x[VALUES] + b * z.positions * z.features;
    const float *dglimpse = call->dy[GLIMPSE], *dalpha = call->dy[ALPHA];
    double mean = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < z.positions; j++) {
            double total = dalpha == NULL ? 0.0 : (double)dalpha[b * z.positions + j];
            if (dglimpse != NULL)
                total += lanes_dot_wide(values + j * z.features, dglimpse + b * z.features, z.features);
            if (pass == 0)
                mean += (double)alpha[j] * total;
            else
                de[j] = (float)((double)alpha[j] * (total - mean));
        }
}

/* One position: dq += dkey, dv += de tanh. dkey (+)= ... if it is wanted. */
KERNEL_INLINE void position_backward(float *restrict dq, float *restrict dv, float *restrict dkey, bool add,
                                     const float *restrict q, const float *restrict key, const float *restrict v,
                                     float de, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        const float t = vmath_tanh(q[k] + key[k]), d = (de * v[k]) * (1.0f - t * t);
        dq[k] += d;
        dv[k] += de * t;
        if (dkey != NULL) dkey[k] = add ? dkey[k] + d : d;
    }
}

KERNEL static void energy_backward(const OpCall *call, const Scratch *scratch, const float *de, int64_t b) {
    const Size z = size_of(call->spec);
    const bool add = (call->accumulate & OP_X(KEYS)) != 0;
    const float *q = (const float *)call->y[Q] + b * z.width, *v = call->x[V];
    const float *key = (const float *)call->x[KEYS] + b * z.positions * z.width;
    float *dq = scratch->dq + b * z.width, *dv = scratch->dv + b * z.width;
    float *dkey = call->dx[KEYS] == NULL ? NULL : (float *)call->dx[KEYS] + b * z.positions * z.width;
    memset(dq, 0, (size_t)z.width * sizeof *dq);
    memset(dv, 0, (size_t)z.width * sizeof *dv);
    for (int64_t j = 0; j < z.positions; j++, key += z.width) {
        if (dkey == NULL)
            position_backward(dq, dv, NULL, false, q, key, v, de[j], z.width);
        else if (add)
            position_backward(dq, dv, dkey + j * z.width, true, q, key, v, de[j], z.width);
        else
            position_backward(dq, dv, dkey + j * z.width, false, q, key, v, de[j], z.width);
    }
}

static void samples_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size z = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    float *de = scratch.de + i_task * z.positions;
    int64_t first, last;
    par_range(z.batch, call->shards, i_task, &first, &last);
    for (int64_t b = first; b < last; b++) {
        if (call->dx[VALUES] != NULL) values_backward(call, b);
        if (!wants_energy(call)) continue;
        softmax_backward(call, de, b);
        energy_backward(call, &scratch, de, b);
    }
    if (call->dx[S] == NULL) return;
    const Gemm g = gemm_nt(last - first, z.state, z.width, (call->accumulate & OP_X(S)) != 0);
    gemm_run(&g, scratch.dq + first * z.width, call->x[W], (float *)call->dx[S] + first * z.state,
             scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
}

KERNEL static void sum_samples(float *restrict out, const float *restrict x, int64_t n_rows, int64_t ld, int64_t n,
                               bool add) {
    for (int64_t k = 0; k < n && !add; k++) out[k] = 0.0f;
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t k = 0; k < n; k++) out[k] += x[r * ld + k];
}

/* A range of the rows of dw, and a range of dv. */
static void weights_task(void *arg, int i_task) {
    const OpCall *call = arg;
    const Size z = size_of(call->spec);
    const Scratch scratch = scratch_of(call->spec, true, call->shards, call->scratch);
    int64_t first, last;
    if (call->dx[W] != NULL) {
        par_range(z.state, call->shards, i_task, &first, &last);
        Gemm g = gemm_tn(last - first, z.width, z.batch, (call->accumulate & OP_X(W)) != 0);
        g.lda = z.state;
        gemm_run(&g, (const float *)call->x[S] + first, scratch.dq, (float *)call->dx[W] + first * z.width,
                 scratch.gemm + (size_t)i_task * scratch.gemm_bytes);
    }
    if (call->dx[V] != NULL) {
        par_range(z.width, call->shards, i_task, &first, &last);
        sum_samples((float *)call->dx[V] + first, scratch.dv + first, z.batch, z.width, last - first,
                    (call->accumulate & OP_X(V)) != 0);
    }
}

static Err bwd(const OpCall *call) {
    par_run(call->par, call->shards, samples_task, (void *)call);
    if (call->dx[W] != NULL || call->dx[V] != NULL) par_run(call->par, call->shards, weights_task, (void *)call);
    return ERR_OK;
}

/* ---- reference ---- */

static Err ref_fwd(const OpCall *call) {
    const Size z = size_of(call->spec);
    const double *s = call->x[S], *keys = call->x[KEYS], *values = call->x[VALUES], *w = call->x[W], *v = call->x[V];
    double *glimpse = call->y[GLIMPSE], *alpha = call->y[ALPHA], *q = call->y[Q];
    for (int64_t b = 0; b < z.batch; b++, alpha += z.positions, q += z.width) {
        double largest = -INFINITY, sum = 0.0;
        for (int64_t a = 0; a < z.width; a++) {
            q[a] = 0.0;
            for (int64_t i = 0; i < z.state; i++) q[a] += s[b * z.state + i] * w[i * z.width + a];
        }
        for (int64_t j = 0; j < z.positions; j++) {
            alpha[j] = 0.0;
            for (int64_t a = 0; a < z.width; a++)
                alpha[j] += v[a] * tanh(q[a] + keys[(b * z.positions + j) * z.width + a]);
            largest = fmax(largest, alpha[j]);
        }
        for (int64_t j = 0; j < z.positions; j++) sum += alpha[j] = exp(alpha[j] - largest);
        for (int64_t j = 0; j < z.positions; j++) alpha[j] /= sum;
        for (int64_t d = 0; d < z.features; d++) {
            glimpse[b * z.features + d] = 0.0;
            for (int64_t j = 0; j < z.positions; j++)
                glimpse[b * z.features + d] += alpha[j] * values[(b * z.positions + j) * z.features + d];
        }
    }
    return ERR_OK;
}

static void ref_clear(const OpCall *call, int i) {
    double *dx = call->dx[i];
    for (int64_t k = 0; dx != NULL && !(call->accumulate & OP_X(i)) && k < shape_count(&call->spec->x[i]); k++)
        dx[k] = 0.0;
}

static void ref_values_backward(const OpCall *call, int64_t b) {
    const Size z = size_of(call->spec);
    const double *alpha = call->y[ALPHA], *dglimpse = call->dy[GLIMPSE];
    double *dvalues = call->dx[VALUES];
    for (int64_t j = b * z.positions; j < (b + 1) * z.positions && dvalues != NULL && dglimpse != NULL; j++)
        for (int64_t d = 0; d < z.features; d++) dvalues[j * z.features + d] += alpha[j] * dglimpse[b * z.features + d];
}

/* de [L] of sample b. In double precision: a softmax does not see what all positions share, and the gradients of the
 * keys' biases are what is left when that is taken away; in float they were off by 1e-5 of themselves. Twice, not to
 * keep L doubles. */
static void ref_softmax_backward(const OpCall *call, double *de, int64_t b) {
    const Size z = size_of(call->spec);
    const double *values = call->x[VALUES], *alpha = (const double *)call->y[ALPHA] + b * z.positions;
    const double *dglimpse = call->dy[GLIMPSE], *dalpha = call->dy[ALPHA];
    double mean = 0.0;
    for (int64_t j = 0; j < z.positions; j++) {
        de[j] = dalpha == NULL ? 0.0 : dalpha[b * z.positions + j];
        for (int64_t d = 0; d < z.features && dglimpse != NULL; d++)
            de[j] += dglimpse[b * z.features + d] * values[(b * z.positions + j) * z.features + d];
        mean += alpha[j] * de[j];
    }
    for (int64_t j = 0; j < z.positions; j++) de[j] = alpha[j] * (de[j] - mean);
}

/* dkeys, dv and dq [A] of sample b. */
static void ref_energy_backward(const OpCall *call, const double *de, double *dq, int64_t b) {
    const Size z = size_of(call->spec);
    const double *v = call->x[V], *q = (const double *)call->y[Q] + b * z.width;
    double *dkeys = call->dx[KEYS], *dv = call->dx[V];
    for (int64_t a = 0; a < z.width; a++) {
        dq[a] = 0.0;
        for (int64_t j = 0; j < z.positions; j++) {
            const int64_t at = (b * z.positions + j) * z.width + a;
            const double t = tanh(q[a] + ((const double *)call->x[KEYS])[at]), d = de[j] * v[a] * (1.0 - t * t);
            dq[a] += d;
            if (dkeys != NULL) dkeys[at] += d;
            if (dv != NULL) dv[a] += de[j] * t;
        }
    }
}

/* dw and ds from dq [B,A]. */
static void ref_query_backward(const OpCall *call, const double *dq) {
    const Size z = size_of(call->spec);
    const double *s = call->x[S], *w = call->x[W];
    double *ds = call->dx[S], *dw = call->dx[W];
    for (int64_t b = 0; b < z.batch; b++)
        for (int64_t i = 0; i < z.state; i++)
            for (int64_t a = 0; a < z.width; a++) {
                if (ds != NULL) ds[b * z.state + i] += dq[b * z.width + a] * w[i * z.width + a];
                if (dw != NULL) dw[i * z.width + a] += dq[b * z.width + a] * s[b * z.state + i];
            }
}

static Err ref_bwd(const OpCall *call) {
    const Size z = size_of(call->spec);
    double *dq = call->scratch, *de = dq + z.batch * z.width;
    for (int i = KEYS; i <= V; i++) ref_clear(call, i);
    for (int64_t b = 0; b < z.batch; b++) {
        ref_values_backward(call, b);
        if (!wants_energy(call)) continue;
        ref_softmax_backward(call, de, b);
        ref_energy_backward(call, de, dq + b * z.width, b);
    }
    ref_clear(call, S); /* ds may lie on dglimpse */
    ref_query_backward(call, dq);
    return ERR_OK;
}

/* ---- descriptor ---- */

#define CASE(text, b, ds, l, a, dh, v_scale)                                                                           \
    {                                                                                                                  \
        .name = text, .n_x = 5, .x = {                                                                                 \
            {.shape = {2, {b, ds}}},                                                                                   \
            {.shape = {3, {b, l, a}}},                                                                                 \
            {.shape = {3, {b, l, dh}}},                                                                                \
            {.shape = {2, {ds, a}}, .scale = 0.3},                                                                     \
            {.shape = {1, {a}}, .scale = v_scale}                                                                      \
        }                                                                                                              \
    }
static const OpCase cases[] = {
    CASE("prime", 5, 7, 11, 13, 17, 1),       CASE("one_sample", 1, 3, 5, 19, 2, 1),
    CASE("one_position", 3, 5, 1, 7, 11, 1), /* alpha = 1: only the values have a gradient */
    CASE("one_wide", 4, 2, 3, 1, 1, 1),       CASE("blocks_of_16", 2, 32, 16, 32, 32, 0.3),
    CASE("long", 2, 5, 131, 3, 5, 1),         CASE("wider_than_a_chunk", 1, 3, 2, LANES_CHUNK + 5, 7, 0.1),
    CASE("many_samples", 263, 2, 3, 5, 2, 1),
};
#undef CASE

/* What de, and tanh once more, are made of. */
#define ENERGY (OP_X(KEYS) | OP_X(VALUES) | OP_X(V) | OP_Y(ALPHA) | OP_Y(Q))

const Op op_attention = {
    .name = "attention",
    .n_x_min = 5,
    .n_x_max = 5,
    .n_out = 2,
    .differentiable = OP_X(S) | OP_X(KEYS) | OP_X(VALUES) | OP_X(W) | OP_X(V),
    .bwd_needs =
        {[S] = ENERGY | OP_X(W), [KEYS] = ENERGY, [VALUES] = OP_Y(ALPHA), [W] = ENERGY | OP_X(S), [V] = ENERGY},
    .alias_fwd = OP_X(S),
    .alias_bwd = OP_X(S),
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

/* In both layouts a pixel's weights w = exp(e) (1 - e^2) are made first, with the sum s of its exp(e); then
 * dz = w / s, once s (1 - e_y^2) has been taken off the label's weight. Loops over tanh and over exp are apart: of a
 * short one a processor has more elements in flight, which hides the latency of a chain of some forty operations. */
#include "kernels/pixel_nll.h"

#include "kernels/lanes.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

int64_t pixel_nll_work_floats(int64_t classes) {
    const int64_t lanes = pixel_nll_in_columns(classes) ? 2 * PIXEL_LANES : PIXEL_GROUP;
    return lanes * classes;
}

/* ---- rows ---- */

/* One pixel: its weights, their sum and its loss. */
KERNEL_INLINE float row_sum_tanh(float *w, const float *u, const float *q, int64_t n) {
    float power[LANES_CHUNK], sum = 0.0f;
    for (int64_t i = 0; i < n; i += LANES_CHUNK) {
        const int64_t n_chunk = n - i < LANES_CHUNK ? n - i : (int64_t)LANES_CHUNK;
        KERNEL_LOOP
        for (int64_t k = 0; k < n_chunk; k++) w[i + k] = vmath_tanh(u[i + k] + q[i + k]);
        KERNEL_LOOP
        for (int64_t k = 0; k < n_chunk; k++) {
            const float e = w[i + k];
            power[k] = vmath_exp_unit(e);
            w[i + k] = power[k] * (1.0f - e * e);
        }
        sum += lanes_sum(power, n_chunk);
    }
    return sum;
}

KERNEL_INLINE float row_sum_linear(float *w, float *shift, const float *u, const float *q, int64_t n) {
    float sum = 0.0f;
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) w[k] = u[k] + q[k];
    const float largest = lanes_max(w, n);
    for (int64_t i = 0; i < n; i += LANES_CHUNK) {
        const int64_t n_chunk = n - i < LANES_CHUNK ? n - i : (int64_t)LANES_CHUNK;
        KERNEL_LOOP
        for (int64_t k = 0; k < n_chunk; k++) w[i + k] = vmath_exp(w[i + k] - largest);
        sum += lanes_sum(w + i, n_chunk);
    }
    *shift = largest;
    return sum;
}

/* Weights of pixel p into w, the label's share taken off. Returns s; the pixel's loss is added to *loss. */
KERNEL_INLINE float row_weights(const PixelRun *run, float *w, int64_t p, double *loss) {
    const float *q = run->q + p * run->ld;
    const int32_t y = run->label[p];
    float energy = run->u[y] + q[y], shift = 0.0f, slope = 1.0f, sum;
    if (run->tanh) {
        sum = row_sum_tanh(w, run->u, q, run->classes);
        energy = vmath_tanh(energy);
        slope = 1.0f - energy * energy;
    } else {
        sum = row_sum_linear(w, &shift, run->u, q, run->classes);
    }
    w[y] -= slope * sum;
    *loss += (double)vmath_log(sum) - (double)(energy - shift);
    return sum;
}

KERNEL_INLINE void add_row(float *du, float *dq, const float *w, float scale, int64_t n) {
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) {
        const float d = w[k] * scale;
        dq[k] += d;
        du[k] += d;
    }
}

/* w [PIXEL_GROUP, n]. Sums of four at a time keep du's digits, too. */
KERNEL_INLINE void add_group(float *du, float *const dq[PIXEL_GROUP], const float *w, const float scale[PIXEL_GROUP],
                             int64_t n) {
    const float *w0 = w, *w1 = w + n, *w2 = w + 2 * n, *w3 = w + 3 * n;
    float *dq0 = dq[0], *dq1 = dq[1], *dq2 = dq[2], *dq3 = dq[3];
    const float s0 = scale[0], s1 = scale[1], s2 = scale[2], s3 = scale[3];
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) {
        const float d0 = w0[k] * s0, d1 = w1[k] * s1, d2 = w2[k] * s2, d3 = w3[k] * s3;
        dq0[k] += d0;
        dq1[k] += d1;
        dq2[k] += d2;
        dq3[k] += d3;
        du[k] += (d0 + d1) + (d2 + d3);
    }
}

KERNEL double pixel_nll_rows(const PixelRun *run) {
    float *dq[PIXEL_GROUP], scale[PIXEL_GROUP];
    const int64_t n = run->classes;
    double loss = 0.0;
    int n_group = 0;
    for (int64_t p = 0; p < run->n; p++) {
        if (run->label[p] < 0) continue;
        const float sum = row_weights(run, run->work + n_group * n, p, &loss);
        scale[n_group] = run->weight / sum;
        dq[n_group++] = run->dq + p * run->ld;
        if (n_group < PIXEL_GROUP) continue;
        add_group(run->du, dq, run->work, scale, n);
        n_group = 0;
    }
    for (int i = 0; i < n_group; i++) add_row(run->du, dq[i], run->work + i * n, scale[i], n);
    return loss * (double)run->weight;
}

/* ---- columns ---- */

/* The same for PIXEL_LANES pixels; w [classes, PIXEL_LANES]. */
KERNEL_INLINE void column_sums_tanh(float *w, float *sum, const float *u, const float *q, int64_t ld, int64_t n) {
    for (int l = 0; l < PIXEL_LANES; l++) sum[l] = 0.0f;
    for (int64_t k = 0; k < n; k++) {
        KERNEL_LOOP
        for (int l = 0; l < PIXEL_LANES; l++) w[k * PIXEL_LANES + l] = vmath_tanh(u[k] + q[k * ld + l]);
    }
    for (int64_t k = 0; k < n; k++, w += PIXEL_LANES) {
        KERNEL_LOOP
        for (int l = 0; l < PIXEL_LANES; l++) {
            const float e = w[l], power = vmath_exp_unit(e);
            sum[l] += power;
            w[l] = power * (1.0f - e * e);
        }
    }
}

KERNEL_INLINE void column_sums_linear(float *w, float *sum, float *shift, const float *u, const float *q, int64_t ld,
                                      int64_t n) {
    for (int l = 0; l < PIXEL_LANES; l++) {
        sum[l] = 0.0f;
        shift[l] = u[0] + q[l];
    }
    for (int64_t k = 0; k < n; k++) {
        KERNEL_LOOP
        for (int l = 0; l < PIXEL_LANES; l++) {
            const float z = u[k] + q[k * ld + l];
            shift[l] = z > shift[l] ? z : shift[l];
        }
    }
    for (int64_t k = 0; k < n; k++) {
        KERNEL_LOOP
        for (int l = 0; l < PIXEL_LANES; l++) {
            const float power = vmath_exp(u[k] + q[k * ld + l] - shift[l]);
            sum[l] += power;
            w[k * PIXEL_LANES + l] = power;
        }
    }
}

/* Takes the labels' shares off the weights, and turns sum into the factor of the weights: 0 for pixels left out. */
KERNEL_INLINE double column_labels(const PixelRun *run, float *w, float *sum, const float *shift, int64_t p) {
    float energy[PIXEL_LANES], off[PIXEL_LANES], log_sum[PIXEL_LANES];
    int32_t label[PIXEL_LANES];
    double loss = 0.0;
    for (int l = 0; l < PIXEL_LANES; l++) {
        label[l] = p + l < run->n ? run->label[p + l] : -1;
        const int32_t y = label[l] < 0 ? 0 : label[l];
        energy[l] = run->u[y] + run->q[y * run->ld + p + l];
    }
    if (run->tanh) {
        for (int l = 0; l < PIXEL_LANES; l++) energy[l] = vmath_tanh(energy[l]);
        for (int l = 0; l < PIXEL_LANES; l++) off[l] = sum[l] * (1.0f - energy[l] * energy[l]);
    } else {
        for (int l = 0; l < PIXEL_LANES; l++) energy[l] -= shift[l];
        for (int l = 0; l < PIXEL_LANES; l++) off[l] = sum[l];
    }
    for (int l = 0; l < PIXEL_LANES; l++) log_sum[l] = vmath_log(sum[l]);
    for (int l = 0; l < PIXEL_LANES; l++) sum[l] = run->weight / sum[l];
    for (int l = 0; l < PIXEL_LANES; l++) {
        if (label[l] < 0) {
            sum[l] = 0.0f;
            continue;
        }
        w[label[l] * PIXEL_LANES + l] -= off[l];
        loss += (double)log_sum[l] - (double)energy[l];
    }
    return loss;
}

/* dq += w scale; the same, lane by lane, to lane [classes, PIXEL_LANES]. */
KERNEL_INLINE void add_columns(float *lane, float *dq, int64_t ld, const float *w, const float *scale, int64_t n) {
    for (int64_t k = 0; k < n; k++, dq += ld, w += PIXEL_LANES, lane += PIXEL_LANES) {
        KERNEL_LOOP
        for (int l = 0; l < PIXEL_LANES; l++) {
            const float d = w[l] * scale[l];
            dq[l] += d;
            lane[l] += d;
        }
    }
}

KERNEL double pixel_nll_columns(const PixelRun *run) {
    const int64_t n = run->classes;
    float sum[PIXEL_LANES], shift[PIXEL_LANES], *w = run->work, *lane = w + n * PIXEL_LANES;
    double loss = 0.0;
    for (int64_t i = 0; i < n * PIXEL_LANES; i++) lane[i] = 0.0f;
    for (int64_t p = 0; p < run->n; p += PIXEL_LANES) {
        if (run->tanh)
            column_sums_tanh(w, sum, run->u, run->q + p, run->ld, n);
        else
            column_sums_linear(w, sum, shift, run->u, run->q + p, run->ld, n);
        loss += column_labels(run, w, sum, shift, p);
        add_columns(lane, run->dq + p, run->ld, w, sum, n);
    }
    for (int64_t k = 0; k < n; k++) run->du[k] += lanes_sum(lane + k * PIXEL_LANES, PIXEL_LANES);
    return loss * (double)run->weight;
}

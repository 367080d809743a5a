#include "tests/fill.h"

#include <math.h>

static double draw(const OpCaseInput *input, Rng *rng) {
    double scale = input->scale == 0.0 ? 1.0 : input->scale;
    switch (input->fill) {
    case FILL_NORMAL: {
        double v = rng_normal(rng);
        return scale * (v + (v < 0.0 ? -0.01 : 0.01));
    }
    case FILL_POSITIVE: return scale * rng_range(rng, 0.1, 1.0);
    case FILL_PROB: return rng_range(rng, 0.1, 1.0);
    case FILL_INDEX: return (double)rng_below(rng, (uint32_t)scale);
    case FILL_LABEL: return rng_below(rng, 4) == 0 ? -1.0 : (double)rng_below(rng, (uint32_t)scale);
    case FILL_LABEL_ONE: return -1.0;
    case FILL_MASK: return (double)rng_below(rng, 2);
    case FILL_BOX:
    case FILL_ZERO: return 0.0;
    case FILL_ONE: return 1.0;
    }
    return 0.0;
}

static void normalise_rows(double *out, const Shape *shape) {
    int64_t n = shape_last(shape);
    for (int64_t r = 0; r < shape_rows(shape); r++) {
        double sum = 0.0;
        for (int64_t k = 0; k < n; k++) sum += out[r * n + k];
        for (int64_t k = 0; k < n; k++) out[r * n + k] /= sum;
    }
}

/* x0, y0, x1, y1 of a box with corners apart from each other, or four zeros. */
static void draw_box(double *box, double scale, Rng *rng) {
    bool none = rng_below(rng, 4) == 0;
    for (int d = 0; d < 2; d++) {
        double a = rng_range(rng, 0.0, 0.6 * scale), b = a + rng_range(rng, 0.1, 0.4) * scale;
        box[d] = none ? 0.0 : a;
        box[2 + d] = none ? 0.0 : b;
    }
}

/* A tensor of labels or a mask without any valid element would test nothing. */
static void ensure_one(double *out, const OpCaseInput *input, int64_t n, Rng *rng) {
    bool label = input->fill == FILL_LABEL || input->fill == FILL_LABEL_ONE;
    if ((!label && input->fill != FILL_MASK) || n == 0) return;
    for (int64_t k = 0; k < n; k++)
        if (label ? out[k] >= 0.0 : out[k] > 0.0) return;
    int64_t at = (int64_t)rng_below(rng, (uint32_t)n);
    out[at] = label ? (double)rng_below(rng, (uint32_t)input->scale) : 1.0;
}

void fill_input(double *out, const OpCaseInput *input, RngStream stream, int i_input) {
    int64_t n = shape_count(&input->shape);
    for (int64_t k = 0; k < n; k++) {
        Rng rng = rng_at(stream, (uint64_t)i_input, (uint64_t)k);
        if (input->fill != FILL_BOX)
            out[k] = draw(input, &rng);
        else if (k % 4 == 0)
            draw_box(out + k, input->scale == 0.0 ? 1.0 : input->scale, &rng);
    }
    if (input->fill == FILL_PROB) normalise_rows(out, &input->shape);
    Rng rng = rng_at(stream, (uint64_t)i_input, (uint64_t)n);
    ensure_one(out, input, n, &rng);
    if (input->type == DT_REAL)
        for (int64_t k = 0; k < n; k++) out[k] = (double)(float)out[k];
}

#include "harness/data/resize.h"

#include <math.h>
#include <string.h>

#include "kernels/mem.h"

enum { PAD_VALUE = 128 };

/* Which source pixels make one pixel of the result. */
typedef struct Span {
    int32_t first, n;
    int32_t at; /* of its weights */
} Span;

struct Resizer {
    Fit fit;
    int32_t height, width, max_height, max_width;
    Span *column, *row; /* [W], [H] */
    float *weight_x, *weight_y;
    float *wide; /* [max_height,W,3] after the horizontal pass */
};

/* Weights that one axis may need: a pixel's triangle spans less than 2 scale + 3 source pixels, 3 when enlarging. */
static size_t weight_room(int32_t n_out, int32_t n_in) { return 2 * (size_t)n_in + 4 * (size_t)n_out; }

Err resizer_new(Resizer **out, Fit fit, int32_t max_height, int32_t max_width, const Sample *target) {
    Err err = ERR_OK;
    Resizer *resizer = NULL;
    size_t n_wide = 0;
    *out = NULL;
    TRY(mem_alloc(&resizer, 1, sizeof *resizer));
    resizer->fit = fit;
    resizer->height = target->height;
    resizer->width = target->width;
    resizer->max_height = max_height;
    resizer->max_width = max_width;
    TRY(size_mul3(&n_wide, (size_t)max_height, (size_t)target->width, 3));
    TRY(mem_alloc(&resizer->column, (size_t)target->width, sizeof *resizer->column));
    TRY(mem_alloc(&resizer->row, (size_t)target->height, sizeof *resizer->row));
    TRY(mem_alloc(&resizer->weight_x, weight_room(target->width, max_width), sizeof *resizer->weight_x));
    TRY(mem_alloc(&resizer->weight_y, weight_room(target->height, max_height), sizeof *resizer->weight_y));
    TRY(mem_alloc(&resizer->wide, n_wide, sizeof *resizer->wide));
    *out = resizer;
    resizer = NULL;

done:
    resizer_free(resizer);
    return err;
}

void resizer_free(Resizer *resizer) {
    if (resizer == NULL) return;
    mem_free(resizer->column);
    mem_free(resizer->row);
    mem_free(resizer->weight_x);
    mem_free(resizer->weight_y);
    mem_free(resizer->wide);
    mem_free(resizer);
}

/* Spans of n_out pixels over n_in, with weights that sum to 1. */
static void make_spans(Span *span, float *weight, int32_t n_out, int32_t n_in) {
    double scale = (double)n_in / n_out, support = fmax(1, scale);
    int32_t at = 0;
    for (int32_t i = 0; i < n_out; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int32_t first = (int32_t)fmax(0, floor(centre - support)), last = (int32_t)fmin(n_in, ceil(centre + support));
        span[i] = (Span){first, last - first, at};
        for (int32_t k = first; k < last; k++) sum += fmax(0, 1 - fabs(k + 0.5 - centre) / support);
        for (int32_t k = first; k < last; k++)
            weight[at++] = (float)(fmax(0, 1 - fabs(k + 0.5 - centre) / support) / sum);
    }
}

static void pass_x(const Resizer *resizer, const DatasetItem *item, int32_t width) {
    for (int32_t y = 0; y < item->height; y++) {
        const uint8_t *src = item->pixels + (size_t)y * (size_t)item->width * 3;
        float *dst = resizer->wide + (size_t)y * (size_t)width * 3;
        for (int32_t x = 0; x < width; x++) {
            const Span *span = &resizer->column[x];
            float sum[3] = {0, 0, 0};
            for (int32_t k = 0; k < span->n; k++) {
                float w = resizer->weight_x[span->at + k];
                const uint8_t *pixel = src + 3 * (size_t)(span->first + k);
                for (int c = 0; c < 3; c++) sum[c] += w * (float)pixel[c];
            }
            for (int c = 0; c < 3; c++) dst[3 * x + c] = sum[c];
        }
    }
}

/* Rows of the result at column x0 of row y0 of out. Weights are positive and sum to 1: the sum stays in 0..255. */
static void pass_y(const Resizer *resizer, Sample *out, int32_t y0, int32_t height, int32_t width) {
    for (int32_t y = 0; y < height; y++) {
        const Span *span = &resizer->row[y];
        uint8_t *dst = out->image + (size_t)(y0 + y) * (size_t)out->width * 3;
        for (int32_t i = 0; i < 3 * width; i++) {
            float sum = 0.5f;
            for (int32_t k = 0; k < span->n; k++)
                sum += resizer->weight_y[span->at + k] *
                       resizer->wide[(size_t)(span->first + k) * (size_t)width * 3 + (size_t)i];
            dst[i] = (uint8_t)(sum > 255 ? 255 : sum);
        }
    }
}

static float clip(double value, int32_t limit) { return (float)fmax(0, fmin(limit, value)); }

static void scale_boxes(const DatasetItem *item, Sample *out, double scale_x, double scale_y, int32_t y0) {
    out->has_boxes = item->n_boxes > 0;
    memset(out->box, 0, (size_t)out->max_chars * 4 * sizeof *out->box);
    for (int64_t i = 0; i < item->n_boxes && i < out->max_chars; i++) {
        const float *from = item->box + 4 * i;
        float *to = out->box + 4 * i;
        to[0] = clip(from[0] * scale_x, out->width);
        to[1] = clip(from[1] * scale_y + y0, out->height);
        to[2] = clip(from[2] * scale_x, out->width);
        to[3] = clip(from[3] * scale_y + y0, out->height);
        if (to[2] <= to[0] || to[3] <= to[1]) memset(to, 0, 4 * sizeof *to);
    }
}

void resizer_run(Resizer *resizer, const DatasetItem *item, Sample *out) {
    ASSERT(item->height <= resizer->max_height && item->width <= resizer->max_width);
    int32_t height = resizer->height, width = resizer->width, y0 = 0;
    if (resizer->fit == FIT_PAD) {
        double scale = fmin((double)height / item->height, (double)width / item->width);
        int32_t fitted_h = (int32_t)fmax(1, round(scale * item->height));
        int32_t fitted_w = (int32_t)fmax(1, round(scale * item->width));
        y0 = (height - fitted_h) / 2;
        height = fitted_h;
        width = fitted_w;
        memset(out->image, PAD_VALUE, (size_t)out->height * (size_t)out->width * 3);
    }
    make_spans(resizer->column, resizer->weight_x, width, item->width);
    make_spans(resizer->row, resizer->weight_y, height, item->height);
    pass_x(resizer, item, width);
    pass_y(resizer, out, y0, height, width);
    scale_boxes(item, out, (double)width / item->width, (double)height / item->height, y0);
    sample_own_boxes(out);
}

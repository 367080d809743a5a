/* Outlines go straight from FreeType's rasteriser into the picture, as spans; no bitmap is made. */
#include "harness/data/canvas.h"

#include <math.h>
#include <string.h>

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H
#include FT_BBOX_H
#include FT_IMAGE_H

#include "kernels/mem.h"

enum { RING_POINTS = 24, OWNED_FROM = 115 /* of 255: just above .45 */, NORMAL_BITS = 10 };

struct Canvas {
    int32_t height, width;
    float *rgb;     /* [H,W,3] */
    float *blurred; /* [H,W,3] */
    float *normal;  /* [1 << NORMAL_BITS] quantiles */
    FT_Library library;
    FT_Vector *point;
    char *tag;
};

/* What a span needs to know. */
typedef struct Brush {
    Canvas *canvas;
    const Paint *paint;
    float opacity;
    int16_t *owner;
    int16_t mark;
} Brush;

/* Quantile of the normal distribution; Acklam's rational approximation (2003), relative error below 1.2e-9. */
static double normal_quantile(double p) {
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                               1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                               6.680131188771972e+01, -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                               -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00};
    if (p > 0.5) return -normal_quantile(1 - p);
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    double q = p - 0.5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

/* Midpoint quantiles, scaled to variance 1. */
static void fill_normal(float *normal) {
    enum { N = 1 << NORMAL_BITS };
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double z = normal_quantile((i + 0.5) / N);
        normal[i] = (float)z;
        sum += z * z;
    }
    for (int i = 0; i < N; i++) normal[i] = (float)(normal[i] / sqrt(sum / N));
}

Err canvas_new(Canvas **out, int32_t height, int32_t width, int max_points) {
    Err err = ERR_OK;
    Canvas *canvas = NULL;
    size_t n = 0, n_points = (size_t)(max_points > RING_POINTS ? max_points : RING_POINTS);
    *out = NULL;
    TRY(size_mul3(&n, (size_t)height, (size_t)width, 3));
    TRY(mem_alloc(&canvas, 1, sizeof *canvas));
    canvas->height = height;
    canvas->width = width;
    TRY(mem_alloc(&canvas->rgb, n, sizeof *canvas->rgb));
    TRY(mem_alloc(&canvas->blurred, n, sizeof *canvas->blurred));
    TRY(mem_alloc(&canvas->normal, 1 << NORMAL_BITS, sizeof *canvas->normal));
    TRY(mem_alloc(&canvas->point, n_points, sizeof *canvas->point));
    TRY(mem_alloc(&canvas->tag, n_points, 1));
    FAIL_IF(FT_Init_FreeType(&canvas->library) != 0, ERR_NOMEM, "FreeType cannot start");
    fill_normal(canvas->normal);
    *out = canvas;
    canvas = NULL;

done:
    canvas_free(canvas);
    return err;
}

void canvas_free(Canvas *canvas) {
    if (canvas == NULL) return;
    if (canvas->library != NULL) FT_Done_FreeType(canvas->library);
    mem_free(canvas->rgb);
    mem_free(canvas->blurred);
    mem_free(canvas->normal);
    mem_free(canvas->point);
    mem_free(canvas->tag);
    mem_free(canvas);
}

static float across(int32_t i, int32_t n) { return ((float)i + 0.5f) / (float)n - 0.5f; }

void canvas_fill(Canvas *canvas, const Paint *paint) {
    for (int32_t y = 0; y < canvas->height; y++) {
        float v = across(y, canvas->height);
        float *row = canvas->rgb + (size_t)y * (size_t)canvas->width * 3;
        for (int32_t x = 0; x < canvas->width; x++)
            for (int c = 0; c < 3; c++)
                row[3 * x + c] = paint->base[c] + paint->dx[c] * across(x, canvas->width) + paint->dy[c] * v;
    }
}

static void blend_spans(int y_up, int n, const FT_Span *spans, void *user) {
    const Brush *brush = user;
    const Canvas *canvas = brush->canvas;
    const Paint *paint = brush->paint;
    int32_t y = canvas->height - 1 - y_up;
    if (y < 0 || y >= canvas->height) return;
    float v = across(y, canvas->height);
    for (int i = 0; i < n; i++) {
        int32_t first = spans[i].x < 0 ? 0 : spans[i].x, last = spans[i].x + spans[i].len;
        if (last > canvas->width) last = canvas->width;
        float alpha = brush->opacity * (float)spans[i].coverage / 255.0f;
        for (int32_t x = first; x < last; x++) {
            float *pixel = canvas->rgb + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
            float u = across(x, canvas->width);
            for (int c = 0; c < 3; c++)
                pixel[c] += alpha * (paint->base[c] + paint->dx[c] * u + paint->dy[c] * v - pixel[c]);
            if (brush->owner != NULL && spans[i].coverage >= OWNED_FROM)
                brush->owner[y * canvas->width + x] = brush->mark;
        }
    }
}

static void paint_outline(const Brush *brush, FT_Outline *outline) {
    const Canvas *canvas = brush->canvas;
    FT_Raster_Params params = {.flags = FT_RASTER_FLAG_AA | FT_RASTER_FLAG_DIRECT | FT_RASTER_FLAG_CLIP,
                               .gray_spans = blend_spans,
                               .user = (void *)brush,
                               .clip_box = {0, 0, canvas->width, canvas->height}};
    /* Can only fail for coordinates far outside: then there is nothing to paint. */
    (void)FT_Outline_Render(canvas->library, outline, &params);
}

/* Pixels, y down, to 26.6 fixed point, y up. Kept within what the rasteriser takes. */
static FT_Vector to_fixed(const Canvas *canvas, double x, double y) {
    double limit = 16000, up = canvas->height - y;
    FT_Vector v = {lrint(64 * fmax(-limit, fmin(limit, x))), lrint(64 * fmax(-limit, fmin(limit, up)))};
    return v;
}

void canvas_glyph(Canvas *canvas, const Glyph *glyph, const Place *place, const Paint *paint, int16_t *owner,
                  int16_t mark, double y_ink[2]) {
    y_ink[0] = y_ink[1] = 0;
    if (glyph->n_points == 0) return;
    for (int i = 0; i < glyph->n_points; i++) {
        double dx = place->scale * glyph->point[i][0], dy = -place->scale * glyph->point[i][1];
        canvas->point[i] = to_fixed(canvas, place->x + dx, place->y + dy + place->slope * dx);
    }
    FT_Outline outline = {.n_contours = glyph->n_contours,
                          .n_points = glyph->n_points,
                          .points = canvas->point,
                          .tags = (char *)glyph->tag,
                          .contours = (short *)glyph->contour,
                          .flags = glyph->flags};
    FT_BBox ink;
    if (FT_Outline_Get_BBox(&outline, &ink) == 0 && ink.yMax > ink.yMin) {
        y_ink[0] = canvas->height - (double)ink.yMax / 64;
        y_ink[1] = canvas->height - (double)ink.yMin / 64;
    }
    Brush brush = {canvas, paint, 1.0f, owner, mark};
    paint_outline(&brush, &outline);
}

void canvas_stroke(Canvas *canvas, const double from[2], const double to[2], double thickness, const Paint *paint,
                   double opacity) {
    double dx = to[0] - from[0], dy = to[1] - from[1], len = hypot(dx, dy);
    if (len < 1e-6) return;
    double ox = -dy / len * thickness / 2, oy = dx / len * thickness / 2;
    const double corner[4][2] = {
        {from[0] + ox, from[1] + oy}, {to[0] + ox, to[1] + oy}, {to[0] - ox, to[1] - oy}, {from[0] - ox, from[1] - oy}};
    short contour = 3;
    for (int i = 0; i < 4; i++) {
        canvas->point[i] = to_fixed(canvas, corner[i][0], corner[i][1]);
        canvas->tag[i] = FT_CURVE_TAG_ON;
    }
    FT_Outline outline = {1, 4, canvas->point, canvas->tag, &contour, 0};
    Brush brush = {canvas, paint, (float)opacity, NULL, 0};
    paint_outline(&brush, &outline);
}

/* A circle of four cubic arcs at point[0..11], the usual 0.5523 handles. */
static void add_circle(Canvas *canvas, int at, const double centre[2], double r, int direction) {
    static const double unit[12][2] = {{1, 0},  {1, .5523},   {.5523, 1},   {0, 1},  {-.5523, 1}, {-1, .5523},
                                       {-1, 0}, {-1, -.5523}, {-.5523, -1}, {0, -1}, {.5523, -1}, {1, -.5523}};
    for (int i = 0; i < 12; i++) {
        canvas->point[at + i] = to_fixed(canvas, centre[0] + r * unit[i][0], centre[1] + direction * r * unit[i][1]);
        canvas->tag[at + i] = i % 3 == 0 ? FT_CURVE_TAG_ON : FT_CURVE_TAG_CUBIC;
    }
}

void canvas_ring(Canvas *canvas, const double centre[2], double r, double thickness, const Paint *paint,
                 double opacity) {
    short contour[2] = {11, RING_POINTS - 1};
    bool hollow = r > thickness / 2;
    add_circle(canvas, 0, centre, r + thickness / 2, 1);
    if (hollow) add_circle(canvas, 12, centre, r - thickness / 2, -1);
    FT_Outline outline = {hollow ? 2 : 1, hollow ? RING_POINTS : 12, canvas->point, canvas->tag, contour, 0};
    Brush brush = {canvas, paint, (float)opacity, NULL, 0};
    paint_outline(&brush, &outline);
}

static int32_t clamp_index(int32_t i, int32_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* tap[0..radius], the middle first; sums to 1 with both sides. */
static int blur_taps(double sigma, float tap[3 * CANVAS_BLUR_MAX + 1]) {
    double sum = 0;
    int radius = (int)ceil(3 * sigma);
    if (radius > 3 * CANVAS_BLUR_MAX) radius = 3 * CANVAS_BLUR_MAX;
    for (int k = 0; k <= radius; k++) sum += (k == 0 ? 1 : 2) * exp(-k * k / (2 * sigma * sigma));
    for (int k = 0; k <= radius; k++) tap[k] = (float)(exp(-k * k / (2 * sigma * sigma)) / sum);
    return radius;
}

static void blur_rows(const Canvas *canvas, const float *from, float *to, int radius, const float *tap) {
    int32_t width = canvas->width;
    for (int32_t y = 0; y < canvas->height; y++) {
        const float *src = from + (size_t)y * (size_t)width * 3;
        float *dst = to + (size_t)y * (size_t)width * 3;
        for (int32_t i = 0; i < 3 * width; i++) dst[i] = tap[0] * src[i];
        for (int k = 1; k <= radius; k++) {
            int32_t inner_first = k < width ? k : width, inner_last = width - k > inner_first ? width - k : inner_first;
            for (int32_t i = 3 * inner_first; i < 3 * inner_last; i++)
                dst[i] += tap[k] * (src[i - 3 * k] + src[i + 3 * k]);
            for (int32_t x = 0; x < width; x++) {
                if (x >= inner_first && x < inner_last) x = inner_last;
                if (x >= width) break;
                int32_t left = clamp_index(x - k, width), right = clamp_index(x + k, width);
                for (int c = 0; c < 3; c++) dst[3 * x + c] += tap[k] * (src[3 * left + c] + src[3 * right + c]);
            }
        }
    }
}

static void blur_columns(const Canvas *canvas, const float *from, float *to, int radius, const float *tap) {
    size_t row = (size_t)canvas->width * 3;
    for (int32_t y = 0; y < canvas->height; y++) {
        const float *src = from + (size_t)y * row;
        float *dst = to + (size_t)y * row;
        for (size_t i = 0; i < row; i++) dst[i] = tap[0] * src[i];
        for (int k = 1; k <= radius; k++) {
            const float *above = from + (size_t)clamp_index(y - k, canvas->height) * row;
            const float *below = from + (size_t)clamp_index(y + k, canvas->height) * row;
            for (size_t i = 0; i < row; i++) dst[i] += tap[k] * (above[i] + below[i]);
        }
    }
}

void canvas_blur(Canvas *canvas, double sigma) {
    float tap[3 * CANVAS_BLUR_MAX + 1];
    if (sigma < 0.05) return;
    int radius = blur_taps(sigma, tap);
    blur_rows(canvas, canvas->rgb, canvas->blurred, radius, tap);
    blur_columns(canvas, canvas->blurred, canvas->rgb, radius, tap);
}

static uint8_t to_byte(float value) {
    float scaled = value * 255.0f + 0.5f;
    return (uint8_t)(scaled < 0 ? 0 : scaled > 255 ? 255 : scaled);
}

void canvas_take(const Canvas *canvas, double sigma, RngStream stream, uint64_t step, uint8_t *image) {
    enum { MASK = (1 << NORMAL_BITS) - 1 };
    size_t row = (size_t)canvas->width * 3;
    float strength = (float)sigma;
    for (int32_t y = 0; y < canvas->height; y++) {
        const float *src = canvas->rgb + (size_t)y * row;
        uint8_t *dst = image + (size_t)y * row;
        uint32_t word[4] = {0};
        for (int32_t x = 0; x < canvas->width; x++, src += 3, dst += 3) {
            if (x % 4 == 0 && sigma > 0) rng_block(stream, step, (uint64_t)y, (uint32_t)x / 4, word);
            for (int c = 0; c < 3; c++)
                dst[c] = to_byte(src[c] + strength * canvas->normal[word[x % 4] >> (c * NORMAL_BITS) & MASK]);
        }
    }
}

/* Drawing one decoding step. */
#include "harness/report/overlay_frame.h"

#include <math.h>
#include <string.h>

void frame_colour(cairo_t *cairo, Colour c) { cairo_set_source_rgb(cairo, c.r, c.g, c.b); }

/* ---- the map ---- */

/* Attention along the line at column j: all rows of the map. */
static double column_alpha(const RecordAttention *a, const Glance *g, int64_t j) {
    double sum = 0;
    for (int64_t i = 0; i < a->map_h; i++) sum += (double)g->map[i * a->map_w + j];
    return sum;
}

double frame_peak(const RecordAttention *a, const Glance *g) {
    double peak = 0;
    for (int64_t j = 0; j < a->map_w; j++) peak = fmax(peak, column_alpha(a, g, j));
    return peak;
}

/* Where pixel p lies among n ascending centres: index of the one before and the share of the one after. */
static int64_t place(const float *centre, int64_t n, double p, double *share) {
    int64_t i = 0;
    *share = 0;
    if (n < 2 || p <= (double)centre[0]) return 0;
    while (i + 2 < n && p >= (double)centre[i + 1]) i++;
    *share = fmin(1, (p - (double)centre[i]) / ((double)centre[i + 1] - (double)centre[i]));
    return i;
}

/* The map between its centres, on straight lines; beyond the outer ones it goes on as they are. */
static double alpha_at(const RecordAttention *a, const Glance *g, double x, double y) {
    double u = 0, v = 0;
    int64_t j = place(a->map_x, a->map_w, x, &u), i = place(a->map_y, a->map_h, y, &v);
    int64_t right = j + 1 < a->map_w ? j + 1 : j, below = i + 1 < a->map_h ? i + 1 : i;
    const float *above_row = g->map + i * a->map_w, *below_row = g->map + below * a->map_w;
    double top = (1 - u) * (double)above_row[j] + u * (double)above_row[right];
    double bottom = (1 - u) * (double)below_row[j] + u * (double)below_row[right];
    return (1 - v) * top + v * bottom;
}

/* ---- the image ---- */

/* How much of a pixel shows: the root, so that little attention is still seen. */
static double clarity(double alpha, double top) { return sqrt(fmax(0, fmin(1, alpha / top))); }

/* Channel c around a pixel, out of focus: a binomial window of 5 x 5; the edge repeats. */
static double soft(const Frame *f, int x, int y, int c) {
    static const double weight[5] = {1 / 16.0, 4 / 16.0, 6 / 16.0, 4 / 16.0, 1 / 16.0};
    int height = (int)f->attention->image_h, width = (int)f->attention->image_w;
    const uint8_t *image = f->attention->images + f->sample * height * width * 3;
    double sum = 0;
    for (int i = -2; i <= 2; i++)
        for (int k = -2; k <= 2; k++) {
            int row = y + i < 0 ? 0 : y + i < height ? y + i : height - 1;
            int column = x + k < 0 ? 0 : x + k < width ? x + k : width - 1;
            sum += weight[i + 2] * weight[k + 2] * image[(row * width + column) * 3 + c];
        }
    return sum;
}

/* Where the network looks the picture is as it is; elsewhere it is out of focus, without colour and pale. In levels of
 * 5: what nobody sees of the noise would be most of a PNG. */
static uint32_t veiled(const Frame *f, int x, int y, double shown) {
    const uint8_t *sharp =
        f->attention->images + ((f->sample * f->attention->image_h + y) * f->attention->image_w + x) * 3;
    const double hidden = 1 - shown, level = 5; /* divides 255 */
    double rgb[3];
    uint32_t word = 0;
    for (int c = 0; c < 3; c++) rgb[c] = shown * sharp[c] + hidden * soft(f, x, y, c);
    double grey = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2];
    for (int c = 0; c < 3; c++) {
        double value = rgb[c] + (grey - rgb[c]) * 0.8 * hidden;
        value += (255 - value) * 0.82 * hidden;
        word = word << 8 | (uint32_t)(level * round(value / level));
    }
    return word;
}

static Err make_image(cairo_surface_t **out, const Frame *f) {
    const RecordAttention *a = f->attention;
    int height = (int)a->image_h, width = (int)a->image_w;
    *out = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    if (cairo_surface_status(*out) != CAIRO_STATUS_SUCCESS)
        return err_set(ERR_NOMEM, "out of memory for an image of %d x %d", width, height);
    unsigned char *data = cairo_image_surface_get_data(*out);
    int stride = cairo_image_surface_get_stride(*out);
    /* a map of one row weighs columns, one of several rows weighs places */
    double top = f->top_alpha / (double)a->map_h;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint32_t word = veiled(f, x, y, clarity(alpha_at(a, f->glance, x + 0.5, y + 0.5), top));
            memcpy(data + (ptrdiff_t)y * stride + 4 * (ptrdiff_t)x, &word, sizeof word);
        }
    cairo_surface_mark_dirty(*out);
    return ERR_OK;
}

static Err draw_image(cairo_t *cairo, const Frame *f) {
    cairo_surface_t *image = NULL;
    Err err = make_image(&image, f);
    if (err == ERR_OK) {
        cairo_save(cairo);
        cairo_translate(cairo, f->x, f->y);
        cairo_scale(cairo, f->width / (double)f->attention->image_w, f->height / (double)f->attention->image_h);
        cairo_set_source_surface(cairo, image, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
        cairo_rectangle(cairo, 0, 0, (double)f->attention->image_w, (double)f->attention->image_h);
        cairo_fill(cairo);
        cairo_restore(cairo);
    }
    cairo_surface_destroy(image);
    return err;
}

/* ---- what lies on it ---- */

void frame_box(cairo_t *cairo, double x, double y, double width, double height) {
    cairo_rectangle(cairo, x, y, width, height);
    cairo_set_source_rgba(cairo, 1, 1, 1, 0.85);
    cairo_set_line_width(cairo, 2.6);
    cairo_stroke_preserve(cairo);
    frame_colour(cairo, colour_ink);
    cairo_set_line_width(cairo, 1);
    cairo_stroke(cairo);
}

void frame_mark(cairo_t *cairo, double x, double y, bool hit) {
    const double half = 3.2, height = 5;
    cairo_move_to(cairo, x, y);
    cairo_line_to(cairo, x - half, y + height);
    cairo_line_to(cairo, x + half, y + height);
    cairo_close_path(cairo);
    frame_colour(cairo, hit ? colour_good : colour_bad);
    cairo_set_line_width(cairo, 1);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    if (hit) cairo_fill_preserve(cairo);
    cairo_stroke(cairo);
}

/* Page columns of a pixel column. */
static double to_page(const Frame *f, double x) { return f->x + x * f->width / (double)f->attention->image_w; }

/* The columns of the true box, behind the bars. */
static void draw_shade(cairo_t *cairo, const Frame *f) {
    double x0 = to_page(f, (double)f->glance->box[0]), x1 = to_page(f, (double)f->glance->box[2]);
    cairo_rectangle(cairo, x0, f->y + f->height + FRAME_GAP, x1 - x0, f->bars);
    frame_colour(cairo, colour_shade);
    cairo_fill(cairo);
}

static void draw_bars(cairo_t *cairo, const Frame *f) {
    const RecordAttention *a = f->attention;
    double base = f->y + f->height + FRAME_GAP + f->bars;
    double cell =
        a->map_w > 1 ? (double)(a->map_x[a->map_w - 1] - a->map_x[0]) / (double)(a->map_w - 1) : (double)a->image_w;
    for (int64_t j = 0; j < a->map_w; j++) {
        double v = fmin(1, column_alpha(a, f->glance, j) / f->top_alpha);
        double x0 = to_page(f, fmax(0, (double)a->map_x[j] - cell / 2));
        double x1 = to_page(f, fmin((double)a->image_w, (double)a->map_x[j] + cell / 2));
        cairo_rectangle(cairo, x0, base - v * f->bars, x1 - x0, v * f->bars);
        frame_colour(cairo, colour_heat(v));
        cairo_fill(cairo);
    }
    cairo_move_to(cairo, f->x, base);
    cairo_rel_line_to(cairo, f->width, 0);
    frame_colour(cairo, colour_rule);
    cairo_set_line_width(cairo, 0.6);
    cairo_stroke(cairo);
}

/* Short strokes at the image's edges, so that the character stays free; over bars and mark lies nothing. */
static void draw_centre(cairo_t *cairo, const Frame *f, bool hit) {
    double x = to_page(f, f->glance->centre[0]), stroke = 0.16 * f->height;
    for (int wide = 1; wide >= 0; wide--) {
        cairo_move_to(cairo, x, f->y);
        cairo_rel_line_to(cairo, 0, stroke);
        cairo_move_to(cairo, x, f->y + f->height - stroke);
        cairo_rel_line_to(cairo, 0, stroke);
        frame_colour(cairo, wide ? (Colour){1, 1, 1} : hit ? colour_good : colour_bad);
        cairo_set_line_width(cairo, wide ? 2.8 : 1.3);
        cairo_stroke(cairo);
    }
    frame_mark(cairo, x, f->y + f->height + FRAME_GAP + f->bars, hit);
}

/* From the image down to the mark, behind the bars. */
static void draw_stem(cairo_t *cairo, const Frame *f, bool hit) {
    cairo_move_to(cairo, to_page(f, f->glance->centre[0]), f->y + f->height);
    cairo_rel_line_to(cairo, 0, FRAME_GAP + f->bars);
    frame_colour(cairo, hit ? colour_good : colour_bad);
    cairo_set_line_width(cairo, 0.8);
    cairo_stroke(cairo);
}

Err frame_draw(cairo_t *cairo, const Frame *f) {
    const float *box = f->glance->box;
    double scale_y = f->height / (double)f->attention->image_h;
    Err err = draw_image(cairo, f);
    if (err != ERR_OK) return err;
    bool hit = f->glance->hit || !f->glance->has_box;
    if (f->glance->has_box) draw_shade(cairo, f);
    if (f->glance->has_centre) draw_stem(cairo, f, hit);
    draw_bars(cairo, f);
    if (f->glance->has_box)
        frame_box(cairo, to_page(f, (double)box[0]), f->y + (double)box[1] * scale_y,
                  to_page(f, (double)box[2]) - to_page(f, (double)box[0]), (double)(box[3] - box[1]) * scale_y);
    if (f->glance->has_centre) draw_centre(cairo, f, hit);
    return ERR_OK;
}

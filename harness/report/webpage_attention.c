/* Attention as data: the samples that all rows share, and of one cell per row where it looked at each evaluation. Maps
 * are bytes, each step's scaled to its own peak, which stands beside them. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <cairo.h>

#include "harness/report/glance.h"
#include "harness/report/markup.h"
#include "harness/report/webpage_parts.h"
#include "kernels/mem.h"

/* A page stays small enough to be sent: of many rows, fewer samples are kept. */
enum { MOST_MAP_BYTES = 2 << 20, MOST_SAMPLES = 12 };

typedef struct Shown {
    const Web *web;
    size_t n;
    CellRecord **cell; /* [n] with maps of the same samples */
    size_t *row;       /* [n] */
    int64_t n_samples; /* how many of them are shown */
    size_t n_left_out; /* rows with maps of other samples */
} Shown;

/* ---- what is shown ---- */

static bool same_sample(const RecordAttention *a, const RecordAttention *b, int64_t i) {
    const size_t bytes = (size_t)(a->image_h * a->image_w * 3);
    return strcmp(a->text[i], b->text[i]) == 0 &&
           memcmp(a->images + (size_t)i * bytes, b->images + (size_t)i * bytes, bytes) == 0;
}

static bool same_samples(const RecordAttention *a, const RecordAttention *b) {
    if (a->n_samples != b->n_samples || a->image_h != b->image_h || a->image_w != b->image_w) return false;
    for (int64_t i = 0; i < a->n_samples; i++)
        if (!same_sample(a, b, i)) return false;
    return true;
}

static Err read_rows(Shown *shown) {
    Err err = ERR_OK;
    const Web *web = shown->web;
    CellRecord *cell = NULL;
    TRY(mem_alloc(&shown->cell, web->n_rows, sizeof *shown->cell));
    TRY(mem_alloc(&shown->row, web->n_rows, sizeof *shown->row));
    for (size_t i = 0; i < web->n_rows; i++) {
        if (web->cell[web->row[i].shown] == NULL) continue;
        TRY(results_read(web->results, web->row[i].shown, PART_ATTENTION, &cell));
        const RecordAttention *a = &cell->attention;
        const bool any = a->n > 0 && a->n_samples > 0;
        const bool fits = any && (shown->n == 0 || same_samples(&shown->cell[0]->attention, a));
        shown->n_left_out += any && !fits;
        if (fits) {
            shown->row[shown->n] = i;
            shown->cell[shown->n++] = cell;
        } else {
            record_free(cell);
        }
        cell = NULL;
    }
done:
    record_free(cell);
    return err;
}

static int64_t bytes_of(const Shown *shown, int64_t sample) {
    int64_t bytes = 0;
    for (size_t i = 0; i < shown->n; i++) {
        const RecordAttention *a = &shown->cell[i]->attention;
        bytes += a->n * glance_count(a, sample) * a->map_h * a->map_w;
    }
    return bytes;
}

static void choose_samples(Shown *shown) {
    int64_t bytes = 0;
    const int64_t most = shown->n > 0 ? shown->cell[0]->attention.n_samples : 0;
    for (int64_t i = 0; i < most && i < MOST_SAMPLES; i++) {
        bytes += bytes_of(shown, i);
        if (i > 0 && bytes > MOST_MAP_BYTES) return;
        shown->n_samples = i + 1;
    }
}

/* ---- samples ---- */

typedef struct Bytes {
    unsigned char *data;
    size_t n, room;
    Err err;
} Bytes;

static cairo_status_t add_bytes(void *context, const unsigned char *data, unsigned n) {
    Bytes *bytes = context;
    if (bytes->n + n > bytes->room) {
        const size_t room = 2 * bytes->room + n;
        bytes->err = mem_grow(&bytes->data, bytes->room, room, 1);
        if (bytes->err != ERR_OK) return CAIRO_STATUS_NO_MEMORY;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->n, data, n);
    bytes->n += n;
    return CAIRO_STATUS_SUCCESS;
}

static void fill_surface(cairo_surface_t *surface, const uint8_t *rgb, int64_t height, int64_t width) {
    unsigned char *to = cairo_image_surface_get_data(surface);
    const int stride = cairo_image_surface_get_stride(surface);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const uint8_t *from = rgb + (y * width + x) * 3;
            const uint32_t pixel = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
            memcpy(to + y * stride + x * 4, &pixel, sizeof pixel);
        }
    cairo_surface_mark_dirty(surface);
}

/* An image [height,width,3] as a PNG in a data: address. */
static Err put_image(FILE *to, const uint8_t *rgb, int64_t height, int64_t width) {
    Err err = ERR_OK;
    Bytes png = {0};
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    FAIL_IF(cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS, ERR_NOMEM, "out of memory for a picture");
    cairo_surface_flush(surface);
    fill_surface(surface, rgb, height, width);
    const cairo_status_t status = cairo_surface_write_to_png_stream(surface, add_bytes, &png);
    TRY(png.err);
    FAIL_IF(status != CAIRO_STATUS_SUCCESS, ERR_NOMEM, "cannot make a picture: %s", cairo_status_to_string(status));
    (void)fputs("\"data:image/png;base64,", to);
    markup_base64(to, png.data, png.n);
    (void)fputc('"', to);
done:
    mem_free(png.data);
    cairo_surface_destroy(surface);
    return err;
}

static Err put_sample(const Shown *shown, int64_t sample) {
    Err err = ERR_OK;
    FILE *to = shown->web->to;
    const RecordAttention *a = &shown->cell[0]->attention;
    const size_t bytes = (size_t)(a->image_h * a->image_w * 3);
    (void)fprintf(to, "%s{\"id\":%" PRId64 ",\"text\":", sample > 0 ? ",\n" : "", sample);
    markup_json(to, a->text[sample]);
    (void)fputs(",\"letters\":[", to);
    for (int64_t t = 0; t < glance_count(a, sample); t++) {
        const Glance glance = glance_at(a, 0, sample, t);
        if (t > 0) (void)fputc(',', to);
        markup_json(to, glance.truth);
    }
    (void)fputs("],\"boxes\":[", to);
    for (int64_t t = 0; t < glance_count(a, sample); t++) {
        const Glance glance = glance_at(a, 0, sample, t);
        (void)fputs(t > 0 ? "," : "", to);
        if (glance.has_box)
            (void)fprintf(to, "[%.5g,%.5g,%.5g,%.5g]", (double)glance.box[0], (double)glance.box[1],
                          (double)glance.box[2], (double)glance.box[3]);
        else
            (void)fputs("null", to);
    }
    (void)fputs("],\"image\":", to);
    TRY(put_image(to, a->images + (size_t)sample * bytes, a->image_h, a->image_w));
    (void)fputc('}', to);
done:
    return err;
}

/* ---- maps ---- */

/* What a step looked at, [H*W] bytes scaled to *peak. */
static void quantise(uint8_t *out, double *peak, const float *map, size_t n) {
    *peak = 0;
    for (size_t i = 0; i < n; i++)
        if ((double)map[i] > *peak) *peak = (double)map[i];
    for (size_t i = 0; i < n; i++) {
        const double share = *peak > 0 && map[i] > 0 ? (double)map[i] / *peak : 0;
        out[i] = (uint8_t)(255 * share + 0.5);
    }
}

/* One sample at one evaluation. */
static Err put_looked(const Shown *shown, const RecordAttention *a, int64_t e, int64_t sample) {
    Err err = ERR_OK;
    FILE *to = shown->web->to;
    const size_t size = (size_t)(a->map_h * a->map_w);
    const int64_t n = glance_count(a, sample);
    uint8_t *maps = NULL;
    TRY(mem_alloc(&maps, (size_t)n + 1, size));
    (void)fputs("{\"reading\":", to);
    markup_json(to, glance_reading(a, e, sample));
    (void)fputs(",\"steps\":[", to);
    for (int64_t t = 0; t < n; t++) {
        const Glance glance = glance_at(a, e, sample, t);
        double peak = 0;
        quantise(maps + (size_t)t * size, &peak, glance.map, size);
        (void)fputs(t > 0 ? ",[" : "[", to);
        markup_json(to, glance.read);
        (void)fputc(',', to);
        web_number(to, peak, 4);
        (void)fputc(',', to);
        web_number(to, glance.has_centre ? glance.centre[0] : NAN, 5);
        (void)fputc(',', to);
        web_number(to, glance.has_centre ? glance.centre[1] : NAN, 5);
        (void)fputc(',', to);
        web_number(to, glance.error_px, 4);
        (void)fprintf(to, ",%d]", glance.hit);
    }
    (void)fputs("],\"maps\":\"", to);
    markup_base64(to, maps, (size_t)n * size);
    (void)fputs("\"}", to);
done:
    mem_free(maps);
    return err;
}

static void put_floats(FILE *to, const char *name, const float *value, int64_t n) {
    (void)fprintf(to, ",\"%s\":[", name);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0) (void)fputc(',', to);
        web_number(to, (double)value[i], 5);
    }
    (void)fputc(']', to);
}

static Err put_row(const Shown *shown, size_t i) {
    Err err = ERR_OK;
    FILE *to = shown->web->to;
    const RecordAttention *a = &shown->cell[i]->attention;
    (void)fprintf(to, "%s{\"row\":%zu,\"seed\":%" PRId64 ",\"h\":%" PRId64 ",\"w\":%" PRId64, i > 0 ? ",\n" : "",
                  shown->row[i], results_cell(shown->web->results, shown->web->row[shown->row[i]].shown)->seed,
                  a->map_h, a->map_w);
    put_floats(to, "y", a->map_y, a->map_h);
    put_floats(to, "x", a->map_x, a->map_w);
    (void)fputs(",\"step\":[", to);
    for (int64_t e = 0; e < a->n; e++) (void)fprintf(to, "%s%" PRId64, e > 0 ? "," : "", a->step[e]);
    (void)fputs("],\"looked\":[", to);
    for (int64_t e = 0; e < a->n; e++) {
        (void)fputs(e > 0 ? ",[" : "[", to);
        for (int64_t s = 0; s < shown->n_samples; s++) {
            if (s > 0) (void)fputc(',', to);
            TRY(put_looked(shown, a, e, s));
        }
        (void)fputc(']', to);
    }
    (void)fputs("]}", to);
done:
    return err;
}

static Err put_all(const Shown *shown) {
    Err err = ERR_OK;
    FILE *to = shown->web->to;
    const RecordAttention *a = &shown->cell[0]->attention;
    (void)fprintf(to, "{\"h\":%" PRId64 ",\"w\":%" PRId64 ",\"recorded\":%" PRId64 ",\"left_out\":%zu,\"samples\":[\n",
                  a->image_h, a->image_w, a->n_samples, shown->n_left_out);
    for (int64_t s = 0; s < shown->n_samples; s++) TRY(put_sample(shown, s));
    (void)fputs("],\"rows\":[\n", to);
    for (size_t i = 0; i < shown->n; i++) TRY(put_row(shown, i));
    (void)fputs("]}", to);
done:
    return err;
}

Err web_attention(const Web *web) {
    Err err = ERR_OK;
    Shown shown = {.web = web};
    TRY(read_rows(&shown));
    choose_samples(&shown);
    if (shown.n > 0)
        TRY(put_all(&shown));
    else
        (void)fputs("null", web->to);
done:
    for (size_t i = 0; i < shown.n; i++) record_free(shown.cell[i]);
    mem_free(shown.cell);
    mem_free(shown.row);
    return err;
}

/* Setting frames on a page. Everything is in points. */
#include "harness/report/overlay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/lettering.h"
#include "harness/report/overlay_frame.h"
#include "harness/report/page.h"

enum {
    MARGIN = 18,
    LABEL_MIN = 112, /* left of the frames: what a row is */
    LABEL_MAX = 190,
    LABEL_GAP = 8,
    FRAMES_MAX = 680,  /* right of it: frames side by side, at most */
    FRAMES_MIN = 330,  /* room for the title and the legend */
    IMAGE_MAX_W = 150, /* of a frame's image */
    IMAGE_MAX_H = 48,
    COLUMN_MIN = 92, /* a frame with its caption */
    COLUMN_GAP = 10,
    BARS = 18,
    HEAD_ROOM = 20,    /* above a row of frames: the true characters */
    CAPTION_ROOM = 13, /* below the bars: what was read, the error */
    ROW_GAP = 7,
    GROUP_GAP = 12,
    TITLE_ROOM = 36,
    LEGEND_LINE = 15,
    LABEL_SIZE = 9, /* letters */
    LABEL_SHRUNK = 6,
    READING_MIN = 6
};

typedef struct Sheet {
    const Overlay *overlay;
    Lettering *lettering;
    cairo_t *cairo;
    double image_w, image_h; /* of a frame */
    double pitch;            /* from frame to frame */
    double row_h;            /* of a row of frames, with its gap */
    double label_w;          /* what stands left of the frames, with its gap */
    int columns;
    double top_alpha;
    double width, height; /* of the page */
} Sheet;

/* ---- measuring ---- */

static int64_t longest_text(const Overlay *o) {
    int64_t longest = 1;
    for (size_t g = 0; g < o->n_groups; g++) {
        int64_t n = glance_count(o->group[g].row[0].attention, o->group[g].sample);
        if (n > longest) longest = n;
    }
    return longest;
}

/* The largest attention of all frames, up to the next tenth: what a full bar stands for. */
static double find_top(const Overlay *o) {
    double top = 0;
    for (size_t g = 0; g < o->n_groups; g++)
        for (size_t r = 0; r < o->group[g].n_rows; r++) {
            const OverlayRow *row = &o->group[g].row[r];
            for (int64_t t = 0; t < glance_count(row->attention, o->group[g].sample); t++) {
                Glance glance = glance_at(row->attention, row->evaluation, o->group[g].sample, t);
                top = fmax(top, frame_peak(row->attention, &glance));
            }
        }
    return fmin(1, fmax(0.1, ceil(top * 10 - 1e-6) / 10));
}

/* Lines of frames that a text of n characters is cut into, of equal length but for the last. */
static int lines_of(const Sheet *s, int64_t n) { return (int)((n + s->columns - 1) / s->columns); }

static double group_height(const Sheet *s, const OverlayGroup *group) {
    int lines = lines_of(s, glance_count(group->row[0].attention, group->sample));
    if (lines == 0) lines = 1;
    return lines * (HEAD_ROOM + (double)group->n_rows * s->row_h) + GROUP_GAP;
}

static double longest_label(const Sheet *s) {
    double longest = LABEL_MIN;
    for (size_t g = 0; g < s->overlay->n_groups; g++)
        for (size_t r = 0; r < s->overlay->group[g].n_rows; r++)
            longest = fmax(longest, LABEL_GAP + lettering_width(s->lettering, LETTER_BOLD, LABEL_SIZE,
                                                                s->overlay->group[g].row[r].label));
    return fmin(LABEL_MAX, longest);
}

static double legend(Sheet *s, double y, bool draw);

static void measure(Sheet *s) {
    const Overlay *o = s->overlay;
    const RecordAttention *first = o->group[0].row[0].attention;
    double w = (double)first->image_w, h = (double)first->image_h;
    double scale = fmin(IMAGE_MAX_W / w, IMAGE_MAX_H / h);
    if (scale > 0.5) scale = floor(2 * scale) / 2; /* whole pixels of a PNG to the pixel */
    s->image_w = w * scale;
    s->image_h = h * scale;
    s->pitch = fmax(COLUMN_MIN, s->image_w) + COLUMN_GAP;
    s->row_h = s->image_h + FRAME_GAP + BARS + FRAME_MARK + CAPTION_ROOM + ROW_GAP;
    int most = (int)((FRAMES_MAX + COLUMN_GAP) / s->pitch);
    int64_t longest = longest_text(o), lines = (longest + most - 1) / most;
    s->columns = (int)((longest + lines - 1) / lines);
    s->label_w = longest_label(s);
    s->width = 2 * MARGIN + s->label_w + fmax(FRAMES_MIN, s->columns * s->pitch - COLUMN_GAP);
    s->top_alpha = find_top(o);
    s->height = MARGIN + TITLE_ROOM;
    for (size_t g = 0; g < o->n_groups; g++) s->height += group_height(s, &o->group[g]);
    s->height = legend(s, s->height, false) + MARGIN;
}

/* ---- what a row is ---- */

static double write(const Sheet *s, LetterStyle style, double size, Colour colour, double x, double y, double align,
                    const char *text) {
    frame_colour(s->cairo, colour);
    return lettering_draw(s->lettering, s->cairo, style, size, x, y, align, text);
}

static void underline(const Sheet *s, double x, double y, double width) {
    cairo_move_to(s->cairo, x, y);
    cairo_rel_line_to(s->cairo, width, 0);
    cairo_set_line_width(s->cairo, 1);
    cairo_stroke(s->cairo);
}

/* What was read, character by character: wrong ones are underlined. */
static void draw_reading(const Sheet *s, const OverlayRow *row, int64_t sample, double x, double y) {
    const double room = s->label_w - LABEL_GAP, end = x + room;
    const char *reading = glance_reading(row->attention, row->evaluation, sample);
    int64_t n = glance_count(row->attention, sample);
    double size = 10, whole = lettering_width(s->lettering, LETTER_MONO, size, reading);
    if (whole > room) size = fmax(READING_MIN, size * room / whole);
    if (*reading == '\0') write(s, LETTER_PLAIN, 8, colour_bad, x, y, 0, "read nothing");
    for (int64_t t = 0; *reading != '\0' && x < end - 0.5 * size; t++) {
        char letter[GLANCE_LETTER];
        uint32_t c = 0;
        int bytes = utf8_decode(reading, strlen(reading), &c);
        if (bytes == 0) bytes = 1;
        (void)snprintf(letter, sizeof letter, "%.*s", bytes, reading);
        bool right = t < n && glance_at(row->attention, row->evaluation, sample, t).right;
        double width = write(s, LETTER_MONO, size, right ? colour_ink : colour_bad, x, y, 0, letter);
        if (!right) underline(s, x + 0.4, y + 2.4, width - 0.8);
        x += width;
        reading += bytes;
    }
}

static void draw_label(const Sheet *s, const OverlayRow *row, int64_t sample, double y, bool first_line) {
    char text[80];
    GlanceSum sum = glance_sum(row->attention, row->evaluation, sample);
    frame_colour(s->cairo, first_line ? colour_ink : colour_quiet);
    double room = s->label_w - LABEL_GAP;
    double whole = lettering_width(s->lettering, LETTER_BOLD, LABEL_SIZE, row->label);
    double size = whole > room ? fmax(LABEL_SHRUNK, LABEL_SIZE * room / whole) : LABEL_SIZE;
    (void)lettering_draw_in(s->lettering, s->cairo, LETTER_BOLD, size, MARGIN, y + 9, room + 0.01, row->label);
    if (!first_line) return;
    if (row->label[0] == '\0') y -= 13;
    draw_reading(s, row, sample, MARGIN, y + 23);
    if (sum.n_boxes == 0)
        (void)snprintf(text, sizeof text, "no boxes");
    else
        (void)snprintf(text, sizeof text, "%lld of %lld in the box", (long long)sum.n_hits, (long long)sum.n_boxes);
    write(s, LETTER_PLAIN, 7.5, colour_quiet, MARGIN, y + 36, 0, text);
    if (sum.n_boxes == 0) return;
    (void)snprintf(text, sizeof text, "mean error %.1f px", sum.error_px);
    write(s, LETTER_PLAIN, 7.5, colour_quiet, MARGIN, y + 46, 0, text);
}

/* ---- frames ---- */

/* Below the bars: what was read, and how far off the centre is. */
static void draw_caption(const Sheet *s, const Frame *f) {
    const Glance *g = f->glance;
    char text[40];
    double y = f->y + f->height + FRAME_GAP + f->bars + FRAME_MARK + 9.5;
    Colour colour = g->right ? colour_ink : colour_bad;
    double x = f->x + write(s, LETTER_PLAIN, 8, colour, f->x, y, 0, g->right ? "✓ " : "✗ ");
    if (g->read[0] != '\0')
        write(s, LETTER_MONO, 9, colour, x, y, 0, g->read);
    else
        write(s, LETTER_PLAIN, 8, colour, x, y, 0, "ended");
    if (!g->has_centre) return;
    if (!g->has_box)
        (void)snprintf(text, sizeof text, "no box");
    else
        (void)snprintf(text, sizeof text, "%.1f px%s", g->error_px, g->hit || s->pitch < 120 ? "" : ", outside");
    colour = !g->has_box ? colour_quiet : g->hit ? colour_ink : colour_bad;
    write(s, LETTER_PLAIN, 8, colour, f->x + s->pitch - COLUMN_GAP, y, 1, text);
}

static Err draw_frame(const Sheet *s, const OverlayRow *row, int64_t sample, int64_t t, double x, double y) {
    Glance glance = glance_at(row->attention, row->evaluation, sample, t);
    Frame frame = {.attention = row->attention,
                   .sample = sample,
                   .glance = &glance,
                   .x = x,
                   .y = y,
                   .width = s->image_w,
                   .height = s->image_h,
                   .bars = BARS,
                   .top_alpha = s->top_alpha};
    Err err = frame_draw(s->cairo, &frame);
    draw_caption(s, &frame);
    return err;
}

/* The true characters of steps [from, until) over their columns. */
static void draw_head(const Sheet *s, const OverlayGroup *group, int64_t from, int64_t until, double y) {
    const OverlayRow *row = &group->row[0];
    for (int64_t t = from; t < until; t++) {
        char number[24];
        Glance glance = glance_at(row->attention, row->evaluation, group->sample, t);
        double x = MARGIN + s->label_w + (double)(t - from) * s->pitch;
        (void)snprintf(number, sizeof number, "%lld", (long long)t + 1);
        write(s, LETTER_PLAIN, 7.5, colour_quiet, x, y + 14, 0, number);
        write(s, LETTER_MONO, 14, colour_ink, x + s->image_w / 2, y + 14, 0.5, glance.truth);
    }
}

static Err draw_group(const Sheet *s, const OverlayGroup *group, double y) {
    Err err = ERR_OK;
    int64_t n = glance_count(group->row[0].attention, group->sample);
    for (int line = 0; line < lines_of(s, n); line++) {
        int64_t from = line * (int64_t)s->columns, until = from + s->columns < n ? from + s->columns : n;
        write(s, LETTER_PLAIN, 7.5, colour_quiet, MARGIN, y + 14, 0, group->heading);
        draw_head(s, group, from, until, y);
        y += HEAD_ROOM;
        for (size_t r = 0; r < group->n_rows; r++, y += s->row_h) {
            draw_label(s, &group->row[r], group->sample, y, line == 0);
            for (int64_t t = from; t < until; t++)
                TRY(draw_frame(s, &group->row[r], group->sample, t, MARGIN + s->label_w + (double)(t - from) * s->pitch,
                               y));
        }
    }
done:
    return err;
}

/* ---- legend ---- */

enum { KEY_GAP = 5, ITEM_GAP = 16, SCALE_LEN = 70, N_ITEMS = 5 };

/* The sign of an item, with its left end at x on the line y. Returns its width. */
static double draw_key(const Sheet *s, int item, double x, double y, bool draw) {
    static const double width[N_ITEMS] = {13, 8, 8, 0, 0};
    if (item < 3 && !draw) return width[item] + KEY_GAP;
    if (item == 0) frame_box(s->cairo, x + 1, y - 8, 11, 9);
    if (item == 1 || item == 2) frame_mark(s->cairo, x + 4, y - 6.5, item == 1);
    if (item < 3) return width[item] + KEY_GAP;
    if (item == 4) return 0;
    char top[24];
    (void)snprintf(top, sizeof top, "%.1f", s->top_alpha);
    double zero = lettering_width(s->lettering, LETTER_PLAIN, 7.5, "0") + 3;
    double all = zero + SCALE_LEN + 3 + lettering_width(s->lettering, LETTER_PLAIN, 7.5, top) + KEY_GAP;
    if (!draw) return all;
    write(s, LETTER_PLAIN, 7.5, colour_quiet, x, y, 0, "0");
    for (int i = 0; i < SCALE_LEN; i++) {
        double v = (i + 0.5) / SCALE_LEN, height = 2 + 8 * v;
        cairo_rectangle(s->cairo, x + zero + i, y + 1 - height, 1.2, height);
        frame_colour(s->cairo, colour_heat(v));
        cairo_fill(s->cairo);
    }
    write(s, LETTER_PLAIN, 7.5, colour_quiet, x + zero + SCALE_LEN + 3, y, 0, top);
    return all;
}

/* What the signs mean, in as many lines as the page needs. Returns where it ends. */
static double legend(Sheet *s, double y, bool draw) {
    static const char *const words[N_ITEMS] = {"true box", "centre of attention, in its box", "centre outside its box",
                                               "attention on one position", "✗ misread"};
    double x = MARGIN;
    y += LEGEND_LINE;
    for (int item = 0; item < N_ITEMS; item++) {
        double width = draw_key(s, item, x, y, false) + lettering_width(s->lettering, LETTER_PLAIN, 7.5, words[item]);
        if (x > MARGIN && x + width > s->width - MARGIN) {
            x = MARGIN;
            y += LEGEND_LINE;
        }
        if (draw) {
            double key = draw_key(s, item, x, y, true);
            write(s, LETTER_PLAIN, 7.5, colour_quiet, x + key, y, 0, words[item]);
        }
        x += width + ITEM_GAP;
    }
    return y;
}

/* ---- the page ---- */

static Err draw_sheet(Sheet *s) {
    Err err = ERR_OK;
    const Overlay *o = s->overlay;
    double y = MARGIN;
    frame_colour(s->cairo, colour_ink);
    (void)lettering_draw_in(s->lettering, s->cairo, LETTER_BOLD, 12, MARGIN, y + 10, s->width - 2 * MARGIN, o->title);
    frame_colour(s->cairo, colour_quiet);
    (void)lettering_draw_in(s->lettering, s->cairo, LETTER_PLAIN, 8, MARGIN, y + 23, s->width - 2 * MARGIN, o->about);
    y += TITLE_ROOM;
    for (size_t g = 0; g < o->n_groups; g++) {
        TRY(draw_group(s, &o->group[g], y));
        y += group_height(s, &o->group[g]);
    }
    (void)legend(s, y, true);
done:
    return err;
}

Err overlay_write(const Overlay *overlay, const char *path) {
    Err err = ERR_OK;
    Page *page = NULL;
    Sheet sheet = {.overlay = overlay};
    ASSERT(overlay->n_groups > 0 && overlay->group[0].n_rows > 0);
    TRY(page_check_name(path));
    TRY(lettering_open(&sheet.lettering, overlay->family, overlay->n_families));
    measure(&sheet);
    TRY(page_open(&page, path, sheet.width, sheet.height));
    sheet.cairo = page_cairo(page);
    TRY(draw_sheet(&sheet));
    err = page_finish(page);
    page = NULL;
done:
    page_discard(page);
    lettering_close(sheet.lettering);
    return err;
}

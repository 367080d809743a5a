/* Curves drawn: each cell thin, the mean of a row strong with its band, its name at its end. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/lettering.h"
#include "harness/report/colour.h"
#include "harness/report/curve.h"
#include "harness/report/page.h"
#include "kernels/mem.h"

/* Points. */
enum {
    MARGIN = 18,
    TITLE_ROOM = 38,
    TICK_ROOM = 46,
    PLOT_WIDTH = 440,
    PLOT_HEIGHT = 250,
    FOOT_ROOM = 34,
    NAME_GAP = 14,
    NAME_LINE = 12,
    NAME_MAX = 220,
    MAX_TICKS = 16
};

typedef struct Axis {
    bool log;
    double low, high; /* of log10 where it is logarithmic */
    size_t n;
    double tick[MAX_TICKS]; /* values */
} Axis;

typedef struct Plot {
    const Curve *curve;
    Lettering *lettering;
    cairo_t *cairo;
    Axis x, y;
    double names;  /* room of the rows' names */
    size_t *order; /* [n_rows] from the top */
    double *end;   /* [n_rows] where each row's name stands */
} Plot;

/* ---- axes ---- */

static double on_axis(const Axis *axis, double value) { return axis->log ? log10(value) : value; }

static void widen(Axis *axis, double value) {
    if (!isfinite(value) || (axis->log && value <= 0)) return;
    axis->low = fmin(axis->low, on_axis(axis, value));
    axis->high = fmax(axis->high, on_axis(axis, value));
}

/* 1, 2 or 5 times a power of ten, so that about `wanted` of them fill the range. */
static double tick_step(double range, int wanted) {
    double raw = range / wanted, power = pow(10, floor(log10(raw))), share = raw / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static void add_tick(Axis *axis, double value) {
    double at = on_axis(axis, value), slack = 1e-9 * (axis->high - axis->low);
    if (axis->n < MAX_TICKS && at >= axis->low - slack && at <= axis->high + slack) axis->tick[axis->n++] = value;
}

static void set_even_ticks(Axis *axis, double low, double high, int wanted) {
    const double step = tick_step(high - low, wanted);
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) add_tick(axis, k == 0 ? 0 : k * step);
}

/* Within a small part of a decade, even steps. */
static void set_log_ticks(Axis *axis, int wanted) {
    static const double within[] = {1, 2, 5, 1.5, 3, 4, 7};
    double range = axis->high - axis->low;
    int n = range > 2 ? 1 : range > 0.7 ? 3 : 7;
    for (double p = floor(axis->low); p <= axis->high; p++)
        for (int k = 0; k < n; k++) add_tick(axis, within[k] * pow(10, p));
    if (axis->n >= 3) return;
    axis->n = 0;
    set_even_ticks(axis, pow(10, axis->low), pow(10, axis->high), wanted);
}

static void set_ticks(Axis *axis, int wanted) {
    if (!(axis->high > axis->low)) { /* one value: room on both sides */
        double around = axis->low != 0 ? fabs(axis->low) * 0.1 : 1;
        axis->low -= around;
        axis->high += around;
    }
    axis->n = 0;
    if (axis->log)
        set_log_ticks(axis, wanted);
    else
        set_even_ticks(axis, axis->low, axis->high, wanted);
}

/* Air above and below, but not below a zero that bounds the values. */
static void pad(Axis *axis) {
    double air = 0.04 * (axis->high - axis->low);
    axis->high += air;
    if (axis->log || axis->low != 0) axis->low -= air;
}

static Err set_axes(Plot *p) {
    const Curve *curve = p->curve;
    p->x = (Axis){.low = INFINITY, .high = -INFINITY};
    p->y = (Axis){.log = curve->log, .low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < curve->n_rows; i++)
        for (size_t k = 0; k < curve->row[i].n_lines; k++) {
            const CurveLine *line = &curve->row[i].line[k];
            for (size_t j = 0; j < line->n; j++) {
                widen(&p->y, line->value[j]);
                if (isfinite(line->value[j])) widen(&p->x, (double)line->step[j]);
            }
        }
    if (!(p->y.high >= p->y.low))
        return err_set(ERR_NOTHING, "%s has no value above zero: leave --log away", curve->title);
    widen(&p->y, curve->chance);
    if (!p->y.log && p->y.low > 0 && p->y.low < 0.5 * p->y.high) p->y.low = 0;
    if (p->x.low < 0.2 * p->x.high) p->x.low = 0;
    pad(&p->y);
    set_ticks(&p->x, 6);
    set_ticks(&p->y, 6);
    return ERR_OK;
}

static double to_x(const Plot *p, double step) {
    return MARGIN + TICK_ROOM + PLOT_WIDTH * (step - p->x.low) / (p->x.high - p->x.low);
}

static double to_y(const Plot *p, double value) {
    double v = (on_axis(&p->y, value) - p->y.low) / (p->y.high - p->y.low);
    return MARGIN + TITLE_ROOM + PLOT_HEIGHT * (1 - fmax(0, fmin(1, v)));
}

/* ---- drawing ---- */

static void set_colour(const Plot *p, Colour c, double alpha) { cairo_set_source_rgba(p->cairo, c.r, c.g, c.b, alpha); }

static void write(const Plot *p, LetterStyle style, double size, Colour colour, double x, double y, double align,
                  const char *text) {
    set_colour(p, colour, 1);
    (void)lettering_draw(p->lettering, p->cairo, style, size, x, y, align, text);
}

static void rule(const Plot *p, double x0, double y0, double x1, double y1) {
    cairo_move_to(p->cairo, x0, y0);
    cairo_line_to(p->cairo, x1, y1);
    cairo_stroke(p->cairo);
}

static void draw_axes(const Plot *p) {
    char text[40];
    double left = MARGIN + TICK_ROOM, bottom = MARGIN + TITLE_ROOM + PLOT_HEIGHT;
    cairo_set_line_width(p->cairo, 0.6);
    for (size_t i = 0; i < p->y.n; i++) {
        double y = to_y(p, p->y.tick[i]);
        set_colour(p, colour_shade, 1);
        rule(p, left, y, left + PLOT_WIDTH, y);
        (void)snprintf(text, sizeof text, "%.4g", p->y.tick[i]);
        write(p, LETTER_PLAIN, 8, colour_quiet, left - 6, y + 3, 1, text);
    }
    set_colour(p, colour_quiet, 1);
    rule(p, left, bottom, left + PLOT_WIDTH, bottom);
    for (size_t i = 0; i < p->x.n; i++) {
        double x = to_x(p, p->x.tick[i]);
        set_colour(p, colour_quiet, 1);
        rule(p, x, bottom, x, bottom + 3);
        (void)snprintf(text, sizeof text, "%.6g", p->x.tick[i]);
        write(p, LETTER_PLAIN, 8, colour_quiet, x, bottom + 12, 0.5, text);
    }
    write(p, LETTER_PLAIN, 8.5, colour_quiet, left + PLOT_WIDTH / 2.0, bottom + 26, 0.5, "training step");
}

static bool can_show(const Plot *p, double value) { return isfinite(value) && (!p->y.log || value > 0); }

/* A path through the values, broken where there is none. Returns the number of points of its last piece. */
static void trace(const Plot *p, size_t n, const int64_t *step, const double *value) {
    bool down = false;
    for (size_t i = 0; i < n; i++) {
        if (!can_show(p, value[i])) {
            down = false;
            continue;
        }
        double x = to_x(p, (double)step[i]), y = to_y(p, value[i]);
        if (down)
            cairo_line_to(p->cairo, x, y);
        else
            cairo_move_to(p->cairo, x, y);
        down = true;
    }
}

static void draw_band(const Plot *p, const CurveRow *row, Colour colour) {
    size_t first = 0, last = 0;
    for (size_t i = 0; i < row->n; i = last + 1) {
        for (first = i; first < row->n && !can_show(p, row->low[first]); first++) continue;
        for (last = first; last < row->n && can_show(p, row->low[last]); last++) continue;
        if (first >= row->n) break;
        for (size_t k = first; k < last; k++)
            (k == first ? cairo_move_to : cairo_line_to)(p->cairo, to_x(p, (double)row->step[k]),
                                                         to_y(p, row->high[k]));
        for (size_t k = last; k > first; k--)
            cairo_line_to(p->cairo, to_x(p, (double)row->step[k - 1]), to_y(p, row->low[k - 1]));
        cairo_close_path(p->cairo);
    }
    set_colour(p, colour, 0.14);
    cairo_fill(p->cairo);
}

/* Rows beyond the colours differ in their dashes; the first ones too, for print in grey. */
static void set_dash(const Plot *p, size_t i) {
    static const struct {
        int n;
        double len[4];
    } dashes[] = {{0, {0}}, {2, {7, 2.5}}, {0, {0}}, {4, {7, 2.5, 1.5, 2.5}}, {2, {1.5, 2}}, {2, {4, 2}}, {0, {0}}};
    const size_t n = sizeof dashes / sizeof *dashes;
    cairo_set_dash(p->cairo, dashes[(i + i / COLOUR_SERIES) % n].len, dashes[(i + i / COLOUR_SERIES) % n].n, 0);
}

/* A value with none beside it, which no line shows: a test set that is evaluated once. Rows stand side by side. */
static void draw_alone(const Plot *p, size_t i_row, Colour colour) {
    const CurveRow *row = &p->curve->row[i_row];
    const double n_rows = (double)p->curve->n_rows, step = fmin(6, PLOT_WIDTH / 4 / n_rows),
                 aside = step * ((double)i_row + 1 - n_rows), leftmost = MARGIN + TICK_ROOM + 3;
    for (size_t i = 0; i < row->n; i++) {
        const bool left = i > 0 && can_show(p, row->mean[i - 1]),
                   right = i + 1 < row->n && can_show(p, row->mean[i + 1]);
        if (left || right || !can_show(p, row->mean[i])) continue;
        const double x = fmax(to_x(p, (double)row->step[i]) + aside, leftmost);
        set_colour(p, colour, 1);
        cairo_set_line_width(p->cairo, 1.2);
        if (row->n_done > 1 && can_show(p, row->low[i])) rule(p, x, to_y(p, row->low[i]), x, to_y(p, row->high[i]));
        cairo_arc(p->cairo, x, to_y(p, row->mean[i]), 2.4, 0, 2 * M_PI);
        cairo_fill(p->cairo);
    }
}

static void draw_row(const Plot *p, size_t i) {
    const CurveRow *row = &p->curve->row[i];
    Colour colour = colour_series((int)row->number), thin = colour_mix(colour, (Colour){1, 1, 1}, 0.45);
    if (row->n_done > 1) draw_band(p, row, colour);
    cairo_set_line_width(p->cairo, 0.7);
    for (size_t k = 0; k < row->n_lines; k++) {
        trace(p, row->line[k].n, row->line[k].step, row->line[k].value);
        set_colour(p, thin, 1);
        cairo_stroke(p->cairo);
    }
    if (row->n == 0) return;
    trace(p, row->n, row->step, row->mean);
    set_colour(p, colour, 1);
    cairo_set_line_width(p->cairo, 1.9);
    set_dash(p, row->number);
    cairo_stroke(p->cairo);
    cairo_set_dash(p->cairo, NULL, 0, 0);
    draw_alone(p, i, colour);
}

/* What attention that looks nowhere in particular would reach. */
static void draw_chance(const Plot *p) {
    const double dash[] = {1, 2.5};
    if (!can_show(p, p->curve->chance)) return;
    double y = to_y(p, p->curve->chance), left = MARGIN + TICK_ROOM;
    cairo_set_dash(p->cairo, dash, 2, 0);
    cairo_set_line_width(p->cairo, 0.9);
    set_colour(p, colour_quiet, 1);
    rule(p, left, y, left + PLOT_WIDTH, y);
    cairo_set_dash(p->cairo, NULL, 0, 0);
    write(p, LETTER_PLAIN, 7.5, colour_quiet, left + PLOT_WIDTH - 4, y - 3, 1, "uniform attention");
}

/* ---- names at the ends ---- */

static double last_value(const CurveRow *row) {
    for (size_t i = row->n; i > 0; i--)
        if (isfinite(row->mean[i - 1])) return row->mean[i - 1];
    for (size_t k = 0; k < row->n_lines; k++)
        for (size_t i = row->line[k].n; i > 0; i--)
            if (isfinite(row->line[k].value[i - 1])) return row->line[k].value[i - 1];
    return NAN;
}

/* From the top, each below the one before; pushed up again where the page would end. */
static void place_names(Plot *p) {
    size_t n = p->curve->n_rows;
    for (size_t i = 0; i < n; i++) {
        double value = last_value(&p->curve->row[i]);
        p->end[i] = can_show(p, value) ? to_y(p, value) : MARGIN + TITLE_ROOM + PLOT_HEIGHT;
        size_t at = i;
        for (; at > 0 && p->end[p->order[at - 1]] > p->end[i]; at--) p->order[at] = p->order[at - 1];
        p->order[at] = i;
    }
    for (size_t k = 1; k < n; k++) p->end[p->order[k]] = fmax(p->end[p->order[k]], p->end[p->order[k - 1]] + NAME_LINE);
    double limit = MARGIN + TITLE_ROOM + PLOT_HEIGHT;
    for (size_t k = n; k > 0; k--, limit -= NAME_LINE) p->end[p->order[k - 1]] = fmin(p->end[p->order[k - 1]], limit);
}

static void draw_names(const Plot *p) {
    double x = MARGIN + TICK_ROOM + PLOT_WIDTH + 5;
    for (size_t i = 0; i < p->curve->n_rows; i++) {
        const CurveRow *row = &p->curve->row[i];
        double value = last_value(row), y = p->end[i];
        Colour colour = colour_series((int)row->number);
        set_colour(p, colour, 1);
        cairo_set_line_width(p->cairo, 0.7);
        if (can_show(p, value)) rule(p, x - 5, to_y(p, value), x + NAME_GAP - 4, y);
        (void)lettering_draw_in(p->lettering, p->cairo, LETTER_BOLD, 9, x + NAME_GAP - 2, y + 3, NAME_MAX, row->label);
    }
}

/* Is there any line, or are all values single marks? */
static bool has_lines(const Curve *c) {
    for (size_t i = 0; i < c->n_rows; i++)
        for (size_t k = 0; k < c->row[i].n_lines; k++)
            if (c->row[i].line[k].n > 1) return true;
    return false;
}

static void draw_words(const Plot *p) {
    char about[300];
    const Curve *c = p->curve;
    size_t fewest = SIZE_MAX, most = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        if (c->row[i].n_lines < fewest) fewest = c->row[i].n_lines;
        if (c->row[i].n_lines > most) most = c->row[i].n_lines;
    }
    size_t len =
        (size_t)snprintf(about, sizeof about, "%s%s%s%s", c->experiment, c->unit[0] != '\0' ? ", in " : "", c->unit,
                         most <= 1      ? ""
                         : has_lines(c) ? ": mean and range over seeds, thin lines: single seeds"
                                        : ": mean and range over seeds");
    if (most > 1 && len < sizeof about)
        len += (size_t)snprintf(about + len, sizeof about - len, fewest == most ? " (%zu)" : " (%zu to %zu)", fewest,
                                most);
    if (c->smooth > 1 && len < sizeof about)
        (void)snprintf(about + len, sizeof about - len, "; each value a mean over %" PRId64 " steps", c->smooth);
    write(p, LETTER_BOLD, 12, colour_ink, MARGIN, MARGIN + 10, 0, c->title);
    write(p, LETTER_PLAIN, 8, colour_quiet, MARGIN, MARGIN + 23, 0, about);
}

/* ---- the page ---- */

static Err prepare(Plot *p) {
    Err err = ERR_OK;
    size_t n = p->curve->n_rows;
    TRY(set_axes(p));
    TRY(lettering_open(&p->lettering, NULL, 0));
    TRY(mem_alloc(&p->order, n, sizeof *p->order));
    TRY(mem_alloc(&p->end, n, sizeof *p->end));
    p->names = 60;
    for (size_t i = 0; i < n; i++)
        p->names = fmax(p->names, lettering_width(p->lettering, LETTER_BOLD, 9, p->curve->row[i].label));
    p->names = fmin(p->names, NAME_MAX) + NAME_GAP + 5;
    place_names(p);
done:
    return err;
}

Err curve_plot(const Curve *curve, const char *path) {
    Err err = ERR_OK;
    Page *page = NULL;
    Plot p = {.curve = curve};
    TRY(prepare(&p));
    TRY(page_open(&page, path, 2 * MARGIN + TICK_ROOM + PLOT_WIDTH + p.names,
                  2 * MARGIN + TITLE_ROOM + PLOT_HEIGHT + FOOT_ROOM - 8));
    p.cairo = page_cairo(page);
    cairo_set_line_join(p.cairo, CAIRO_LINE_JOIN_ROUND);
    draw_words(&p);
    draw_axes(&p);
    draw_chance(&p);
    for (size_t i = 0; i < curve->n_rows; i++) draw_row(&p, i);
    draw_names(&p);
    err = page_finish(page);
    page = NULL;
done:
    page_discard(page);
    lettering_close(p.lettering);
    mem_free(p.order);
    mem_free(p.end);
    return err;
}

#include "harness/data/synth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/canvas.h"
#include "kernels/mem.h"

enum { MARGIN = 2 /* columns left free at each end */, COLOUR_TRIES = 100, CLUTTER_MAX = 1000 };

typedef struct Streams {
    RngStream text, layout, colour, clutter, noise;
} Streams;

struct Synth {
    int32_t height, width;
    SynthStyle style;
    SynthText text;
    const Charset *charset; /* borrowed */
    FontSet *fonts;
    Streams streams;
    int n_workers;
    Canvas **canvas; /* [n_workers] */
};

/* Where the characters of a line go: known before anything is painted. */
typedef struct Layout {
    const FontFace *face;
    double scale;   /* pixels per font unit */
    double spacing; /* pixels */
    double slope, x, baseline;
    double turn; /* the column that the line turns about */
} Layout;

static RngStream stream_of(const SynthSpec *spec, const char *part) {
    char name[512];
    snprintf(name, sizeof name, "synthetic.%s.%s", spec->stream, part);
    return rng_stream(spec->seed, name);
}

Err synth_open(Synth **out, const SynthSpec *spec) {
    Err err = ERR_OK;
    Synth *synth = NULL;
    *out = NULL;
    FAIL_IF(!charset_has_characters(spec->charset), ERR_SPEC,
            "data.charset %s has no characters to draw: it serves plans only", charset_name(spec->charset));
    TRY(mem_alloc(&synth, 1, sizeof *synth));
    synth->height = spec->height;
    synth->width = spec->width;
    synth->style = spec->style;
    synth->text = spec->text;
    synth->charset = spec->charset;
    synth->streams = (Streams){stream_of(spec, "text"), stream_of(spec, "layout"), stream_of(spec, "colour"),
                               stream_of(spec, "clutter"), stream_of(spec, "noise")};
    TRY(fonts_open(&synth->fonts, spec->families, spec->n_families, spec->charset));
    TRY(mem_alloc(&synth->canvas, (size_t)spec->n_workers, sizeof *synth->canvas));
    for (; synth->n_workers < spec->n_workers; synth->n_workers++)
        TRY(canvas_new(&synth->canvas[synth->n_workers], spec->height, spec->width, synth->fonts->max_points));
    *out = synth;
    synth = NULL;

done:
    synth_close(synth);
    return err;
}

void synth_close(Synth *synth) {
    if (synth == NULL) return;
    for (int i = 0; i < synth->n_workers; i++) canvas_free(synth->canvas[i]);
    mem_free(synth->canvas);
    fonts_close(synth->fonts);
    mem_free(synth);
}

const FontSet *synth_fonts(const Synth *synth) { return synth->fonts; }

static double draw(Rng *rng, Range range) { return rng_range(rng, range.lo, range.hi); }

static void choose_text(const Synth *synth, int64_t index, Sample *out) {
    const SynthText *text = &synth->text;
    Rng rng = rng_at(synth->streams.text, 0, (uint64_t)index);
    if (text->n_words > 0) {
        uint32_t word = rng_below(&rng, (uint32_t)text->n_words);
        int64_t first = text->word_at[word];
        out->n_chars = (int32_t)(text->word_at[word + 1] - first);
        memcpy(out->label, text->word + first, (size_t)out->n_chars * sizeof *out->label);
        return;
    }
    out->n_chars = text->min_chars + (int32_t)rng_below(&rng, (uint32_t)(text->max_chars - text->min_chars + 1));
    for (int32_t i = 0; i < out->n_chars; i++)
        out->label[i] = (int32_t)rng_below(&rng, (uint32_t)charset_size(synth->charset));
}

/* Width of the line, and how far its ink reaches above and below the baseline, at most; pixels. */
static double line_extent(const Layout *layout, const Sample *line, double *above, double *below) {
    double width = layout->spacing * (line->n_chars - 1);
    *above = *below = 0;
    for (int32_t i = 0; i < line->n_chars; i++) {
        const Glyph *glyph = &layout->face->glyph[line->label[i]];
        width += layout->scale * glyph->advance;
        *above = fmax(*above, layout->scale * glyph->y_max);
        *below = fmax(*below, -layout->scale * glyph->y_min);
    }
    return width;
}

/* A line that is too long or too high for the picture is drawn smaller. */
static Layout choose_layout(const Synth *synth, Rng *rng, const Sample *line) {
    const SynthStyle *style = &synth->style;
    Layout layout = {.face = &synth->fonts->face[rng_below(rng, (uint32_t)synth->fonts->n_faces)]};
    layout.scale = draw(rng, style->size) / layout.face->units_per_em;
    layout.spacing = draw(rng, style->spacing);
    layout.slope = draw(rng, style->slope);
    layout.turn = synth->width / 2.0;
    double above = 0, below = 0, width = line_extent(&layout, line, &above, &below);
    double room_x = fmax(1, synth->width - 2 * MARGIN), jitter = fmax(fabs(style->jitter.lo), fabs(style->jitter.hi));
    double off = jitter + fabs(layout.slope) * fmin(width, room_x) / 2; /* from the baseline, at most */
    double room_y = fmax(1, synth->height - 2 - 2 * off);
    double shrink = fmin(1, fmin(room_x / fmax(1, width), room_y / fmax(1, above + below)));
    layout.scale *= shrink;
    layout.spacing *= shrink;
    width = line_extent(&layout, line, &above, &below);
    layout.x = MARGIN + rng_range(rng, 0, fmax(0, room_x - width));
    layout.baseline = 1 + off + above + rng_range(rng, 0, fmax(0, room_y - above - below));
    layout.turn = layout.x + width / 2;
    return layout;
}

static float mean(const float colour[3]) { return (colour[0] + colour[1] + colour[2]) / 3; }

static Paint random_paint(Rng *rng, double gradient) {
    Paint paint;
    double strength = rng_range(rng, 0, gradient), angle = rng_range(rng, 0, 6.283185307179586477);
    for (int c = 0; c < 3; c++) {
        double own = strength * rng_range(rng, 0.5, 1);
        paint.base[c] = (float)rng_range(rng, 0, 1);
        paint.dx[c] = (float)(own * cos(angle));
        paint.dy[c] = (float)(own * sin(angle));
    }
    return paint;
}

/* Two colours that differ enough. Black and white where luck does not help: contrast is at most .9. */
static void choose_paints(const SynthStyle *style, Rng *rng, Paint *text, Paint *ground) {
    for (int i = 0; i < COLOUR_TRIES; i++) {
        *text = random_paint(rng, style->gradient);
        *ground = random_paint(rng, style->gradient);
        if (fabsf(mean(text->base) - mean(ground->base)) > (float)style->contrast) return;
    }
    for (int c = 0; c < 3; c++) {
        text->base[c] = 0;
        ground->base[c] = 1;
    }
}

/* Evenly spaced hues at full saturation: class i of n. On a dark ground. */
static Paint class_paint(int32_t i, int32_t n) {
    Paint paint = {{0}, {0}, {0}};
    double hue = 6.0 * i / n;
    for (int c = 0; c < 3; c++) {
        double away = fabs(remainder(hue - 2 * c, 6));
        paint.base[c] = (float)fmax(0, fmin(1, 2 - away));
    }
    return paint;
}

static int poisson(Rng *rng, double mean_count) {
    double limit = exp(-mean_count), product = 1;
    int n = -1;
    do {
        product *= rng_range(rng, 0, 1);
        n++;
    } while (product > limit && n < CLUTTER_MAX);
    return n;
}

static void paint_clutter(const Synth *synth, Canvas *canvas, int64_t index) {
    Rng rng = rng_at(synth->streams.clutter, 0, (uint64_t)index);
    double width = synth->width, height = synth->height;
    int n_strokes = poisson(&rng, synth->style.clutter_strokes), n_rings = poisson(&rng, synth->style.clutter_rings);
    for (int i = 0; i < n_strokes; i++) {
        double from[2] = {rng_range(&rng, -0.1, 1.1) * width, rng_range(&rng, -0.1, 1.1) * height};
        double to[2] = {rng_range(&rng, -0.1, 1.1) * width, rng_range(&rng, -0.1, 1.1) * height};
        double thickness = rng_range(&rng, 0.6, 1.8), opacity = rng_range(&rng, 0.4, 1);
        Paint paint = random_paint(&rng, 0);
        canvas_stroke(canvas, from, to, thickness, &paint, opacity);
    }
    for (int i = 0; i < n_rings; i++) {
        double centre[2] = {rng_range(&rng, 0, width), rng_range(&rng, 0, height)};
        double r = rng_range(&rng, 2, fmax(3, 0.4 * height));
        double thickness = rng_range(&rng, 0.6, 1.8), opacity = rng_range(&rng, 0.4, 1);
        Paint paint = random_paint(&rng, 0);
        canvas_ring(canvas, centre, r, thickness, &paint, opacity);
    }
}

static void set_box(float box[4], double x0, double y0, double x1, double y1, const Sample *line) {
    box[0] = (float)fmax(0, fmin(line->width, x0));
    box[1] = (float)fmax(0, fmin(line->height, y0));
    box[2] = (float)fmax(0, fmin(line->width, x1));
    box[3] = (float)fmax(0, fmin(line->height, y1));
}

static void paint_text(const Synth *synth, Canvas *canvas, Rng *rng, const Layout *layout, const Paint *text,
                       Sample *out) {
    double pen = layout->x;
    for (int32_t i = 0; i < out->n_chars; i++) {
        const Glyph *glyph = &layout->face->glyph[out->label[i]];
        double advance = layout->scale * glyph->advance, y_ink[2];
        Place place = {.x = pen, .scale = layout->scale, .slope = layout->slope};
        place.y = layout->baseline + layout->slope * (pen - layout->turn) + draw(rng, synth->style.jitter);
        Paint own = class_paint(out->label[i], charset_size(synth->charset));
        const Paint *paint = synth->style.colour_is_class ? &own : text;
        canvas_glyph(canvas, glyph, &place, paint, out->owner, (int16_t)i, y_ink);
        if (y_ink[0] >= y_ink[1]) { /* a space: as high as the line's letters may be */
            y_ink[0] = place.y - 0.7 * layout->scale * layout->face->units_per_em;
            y_ink[1] = place.y;
        }
        set_box(out->box + 4 * i, pen, y_ink[0], pen + advance, y_ink[1], out);
        pen += advance + layout->spacing;
    }
}

void synth_draw(Synth *synth, int i_worker, int64_t index, Sample *out) {
    const SynthStyle *style = &synth->style;
    ASSERT(i_worker >= 0 && i_worker < synth->n_workers && out->max_chars >= synth->text.max_chars);
    ASSERT(out->height == synth->height && out->width == synth->width);
    Canvas *canvas = synth->canvas[i_worker];
    Rng layout_rng = rng_at(synth->streams.layout, 0, (uint64_t)index);
    Rng colour_rng = rng_at(synth->streams.colour, 0, (uint64_t)index);
    Rng noise_rng = rng_at(synth->streams.noise, 0, (uint64_t)index);
    Paint text, ground;

    choose_text(synth, index, out);
    Layout layout = choose_layout(synth, &layout_rng, out);
    choose_paints(style, &colour_rng, &text, &ground);
    if (style->colour_is_class)
        for (int c = 0; c < 3; c++) ground.base[c] *= 0.2f;
    for (int32_t i = 0; i < out->height * out->width; i++) out->owner[i] = OWNER_NONE;

    canvas_fill(canvas, &ground);
    paint_clutter(synth, canvas, index);
    paint_text(synth, canvas, &layout_rng, &layout, &text, out);
    out->has_boxes = true;

    bool blurred = rng_range(&noise_rng, 0, 1) < style->blur_share;
    double sigma = draw(&noise_rng, style->blur), strength = style->noise * rng_range(&noise_rng, 0, 1);
    if (blurred) canvas_blur(canvas, sigma);
    /* steps from 1: step 0 of this stream gave the line's own draws */
    canvas_take(canvas, strength, synth->streams.noise, (uint64_t)index + 1, out->image);
}

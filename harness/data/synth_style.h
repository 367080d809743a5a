/* How drawn lines look: the option rows of a synthetic source and their values. Every number of a difficulty is an
 * option of its own, whose default the difficulty sets. Depends on models/option. */
#ifndef HARNESS_DATA_SYNTH_STYLE_H
#define HARNESS_DATA_SYNTH_STYLE_H

#include <stdbool.h>

#include "kernels/err.h"
#include "models/option.h"

/* A number that each line (jitter: each character) draws evenly from [lo, hi). */
typedef struct Range {
    double lo, hi;
} Range;

typedef struct SynthStyle {
    Range size;             /* of the font's em, pixels */
    Range spacing;          /* between characters, pixels */
    Range slope;            /* of the baseline, rows per column */
    Range jitter;           /* of each character off the baseline, pixels */
    Range blur;             /* sigma, pixels */
    double blur_share;      /* of the lines that are blurred */
    double contrast;        /* least difference between the mean colours of text and background, of 1 */
    double gradient;        /* largest change of a colour from edge to edge, of 1 */
    double clutter_strokes; /* mean number of straight strokes behind the text (Poisson) */
    double clutter_rings;   /* mean number of rings behind the text (Poisson) */
    double noise;           /* a line's pixel noise has standard deviation noise * U(0,1), of 1 */
    bool colour_is_class;   /* the glyph's colour tells its class */
} SynthStyle;

/* prefix: "data.train.lines"; its source is synthetic. ERR_SPEC for a range that ends before it begins. */
Err synth_style_read(SynthStyle *out, const Settings *settings, const char *prefix) MUST_CHECK;

#endif

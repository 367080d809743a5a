/* Lines of text drawn from outline fonts, with character boxes and the character that each pixel belongs to. A line is
 * a pure function of (seed, set and name of the source, index, settings, font files): each of its parts (text, layout,
 * colours, clutter, noise) draws from a stream of its own, so that changing one leaves the others as they were.
 * A box is [pen, pen + advance] wide and as high as the ink. Depends on font, canvas, synth_style. */
#ifndef HARNESS_DATA_SYNTH_H
#define HARNESS_DATA_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/data/charset.h"
#include "harness/data/font.h"
#include "harness/data/sample.h"
#include "harness/data/synth_style.h"
#include "kernels/err.h"

/* What is written on the lines: strings of random characters, or words drawn from a list. */
typedef struct SynthText {
    int32_t min_chars, max_chars; /* length of a random string; longest of the words */
    int32_t n_words;              /* 0 = random strings */
    const int32_t *word;          /* labels of all words, one after the other; borrowed */
    const int64_t *word_at;       /* [n_words + 1] where each begins; borrowed */
} SynthText;

typedef struct SynthSpec {
    const char *stream; /* "train.lines": names the random streams */
    uint64_t seed;
    int32_t height, width; /* H, W */
    SynthStyle style;
    SynthText text;
    const Charset *charset; /* borrowed, outlives this */
    const char *const *families;
    int n_families;
    int n_workers;
} SynthSpec;

typedef struct Synth Synth;

/* ERR_MISSING or ERR_DATA for the fonts (font.h), ERR_SPEC for a charset without characters. The caller closes. */
Err synth_open(Synth **out, const SynthSpec *spec) MUST_CHECK;
void synth_close(Synth *synth);

/* Borrowed. */
const FontSet *synth_fonts(const Synth *synth);

/* Draws line `index`. Threads may draw at once, each with a worker number of its own. Allocates nothing. */
void synth_draw(Synth *synth, int i_worker, int64_t index, Sample *out);

#endif

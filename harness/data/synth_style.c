#include "harness/data/synth_style.h"

/* One number of one difficulty of the sources of one set. */
#define RANGE(SET, LEVEL, KEY, DEF, MIN, MAX, HELP)                                                                    \
    {                                                                                                                  \
        .key = "data." SET ".*." KEY, .type = OPT_REALS, .def = DEF, .min = MIN, .max = MAX, .n_min = 2, .n_max = 2,   \
        .when = "data." SET ".*.difficulty=" LEVEL, .observes = OBSERVES, .help = HELP                                 \
    }
#define NUMBER(SET, LEVEL, KEY, DEF, MIN, MAX, HELP)                                                                   \
    {                                                                                                                  \
        .key = "data." SET ".*." KEY, .type = OPT_REAL, .def = DEF, .min = MIN, .max = MAX,                            \
        .when = "data." SET ".*.difficulty=" LEVEL, .observes = OBSERVES, .help = HELP                                 \
    }

#define LEVEL_ROWS(SET, LEVEL, SIZE, SPACING, SLOPE, JITTER, BLUR, BLUR_SHARE, CONTRAST, GRADIENT, STROKES, RINGS,     \
                   NOISE)                                                                                              \
    RANGE(SET, LEVEL, "size", SIZE, 4, 1000, "height of the font's em [lo, hi], pixels"),                              \
        RANGE(SET, LEVEL, "spacing", SPACING, -100, 1000, "extra space between characters [lo, hi], pixels"),          \
        RANGE(SET, LEVEL, "slope", SLOPE, -1, 1, "slope of the baseline [lo, hi], rows per column"),                   \
        RANGE(SET, LEVEL, "jitter", JITTER, -100, 100, "offset of each character from the baseline [lo, hi], pixels"), \
        RANGE(SET, LEVEL, "blur", BLUR, 0, 8, "sigma of the blur [lo, hi], pixels"),                                   \
        NUMBER(SET, LEVEL, "blur_share", BLUR_SHARE, 0, 1, "share of the lines that are blurred"),                     \
        NUMBER(SET, LEVEL, "contrast", CONTRAST, 0, 0.9,                                                               \
               "least difference between the mean colours of text and background, of 1"),                              \
        NUMBER(SET, LEVEL, "gradient", GRADIENT, 0, 1, "largest change of a colour from edge to edge, of 1"),          \
        NUMBER(SET, LEVEL, "clutter_strokes", STROKES, 0, 100, "mean number of strokes behind the text"),              \
        NUMBER(SET, LEVEL, "clutter_rings", RINGS, 0, 100, "mean number of rings behind the text"),                    \
        NUMBER(SET, LEVEL, "noise", NOISE, 0, 1, "largest standard deviation of the pixel noise, of 1")

/* clutter and hard: PROTOTYPE 1, data b and d. */
#define SET_ROWS(SET)                                                                                                  \
    {.key = "data." SET ".*.difficulty",                                                                               \
     .type = OPT_CHOICE,                                                                                               \
     .def = "clutter",                                                                                                 \
     .choices = "plain|clutter|hard",                                                                                  \
     .when = "data." SET ".*.source=synthetic",                                                                        \
     .observes = OBSERVES,                                                                                             \
     .help = "sets the defaults of size, spacing, slope, jitter, blur, contrast, gradient, clutter and noise"},        \
        {.key = "data." SET ".*.colour",                                                                               \
         .type = OPT_CHOICE,                                                                                           \
         .def = "random",                                                                                              \
         .choices = "random|class",                                                                                    \
         .when = "data." SET ".*.source=synthetic",                                                                    \
         .observes = OBSERVES,                                                                                         \
         .help = "colour of the characters: random, or a bright colour that tells the class (a positive control)"},    \
        LEVEL_ROWS(SET, "plain", "[18, 24]", "[0, 2]", "[0, 0]", "[0, 0]", "[0, 0]", "0", "0.4", "0", "0", "0",        \
                   "0.02"),                                                                                            \
        LEVEL_ROWS(SET, "clutter", "[16, 24]", "[-0.5, 3]", "[-0.03, 0.03]", "[-0.7, 0.7]", "[0.3, 1]", "0.5", "0.3",  \
                   "0.2", "3", "1.5", "0.08"),                                                                         \
        LEVEL_ROWS(SET, "hard", "[14, 22]", "[-0.5, 3]", "[-0.03, 0.03]", "[-0.7, 0.7]", "[0.3, 1]", "0.5", "0.15",    \
                   "0.2", "9", "4.5", "0.2")

/* clang-format off */
const Option synth_options[] = {
#define OBSERVES false
    SET_ROWS("train"),
#undef OBSERVES
#define OBSERVES true
    SET_ROWS("valid"),
    SET_ROWS("test"),
    OPTION_END
};
/* clang-format on */

static Err read_range(Range *out, const Settings *settings, const char *prefix, const char *name) {
    char key[KEY_LEN];
    key_at(key, prefix, name);
    out->lo = settings_real_at(settings, key, 0);
    out->hi = settings_real_at(settings, key, 1);
    if (out->lo > out->hi)
        return err_set(ERR_SPEC, "%s is %s, expected the smaller number first", key, settings_show(settings, key));
    return ERR_OK;
}

static double read_number(const Settings *settings, const char *prefix, const char *name) {
    char key[KEY_LEN];
    return settings_real(settings, key_at(key, prefix, name));
}

Err synth_style_read(SynthStyle *out, const Settings *settings, const char *prefix) {
    Err err = ERR_OK;
    char key[KEY_LEN];
    SynthStyle style = {.blur_share = read_number(settings, prefix, "blur_share"),
                        .contrast = read_number(settings, prefix, "contrast"),
                        .gradient = read_number(settings, prefix, "gradient"),
                        .clutter_strokes = read_number(settings, prefix, "clutter_strokes"),
                        .clutter_rings = read_number(settings, prefix, "clutter_rings"),
                        .noise = read_number(settings, prefix, "noise"),
                        .colour_is_class = settings_is(settings, key_at(key, prefix, "colour"), "class")};
    *out = (SynthStyle){0};
    TRY(read_range(&style.size, settings, prefix, "size"));
    TRY(read_range(&style.spacing, settings, prefix, "spacing"));
    TRY(read_range(&style.slope, settings, prefix, "slope"));
    TRY(read_range(&style.jitter, settings, prefix, "jitter"));
    TRY(read_range(&style.blur, settings, prefix, "blur"));
    *out = style;

done:
    return err;
}

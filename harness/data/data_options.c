/* Option rows of the section `data` that say what a source is; those that say how drawn lines look: synth_style.c. */
#include "harness/data/charset.h"
#include "models/option.h"

#define UNUSABLE_ROW(SET, WHEN)                                                                                        \
    {                                                                                                                  \
        .key = "data." SET ".*.unusable", .type = OPT_CHOICE, .def = "error", .choices = "error|skip",                 \
        .when = "data." SET ".*." WHEN, .observes = OBSERVES,                                                          \
        .help = "texts longer than model.max_length or with characters outside the charset: an error, or left out"     \
    }

/* The three sets have the same rows; valid and test only observe. COUNT, SPLIT: defaults. */
#define SET_ROWS(SET, COUNT, SPLIT)                                                                                    \
    {.key = "data." SET ".*.source",                                                                                   \
     .type = OPT_CHOICE,                                                                                               \
     .choices = "synthetic|dataset",                                                                                   \
     .observes = OBSERVES,                                                                                             \
     .help = "synthetic: drawn lines; dataset: a file of refocus data import"},                                        \
        {.key = "data." SET ".*.count",                                                                                \
         .type = OPT_INT,                                                                                              \
         .def = COUNT,                                                                                                 \
         .min = 1,                                                                                                     \
         .max = 1e12,                                                                                                  \
         .when = "data." SET ".*.source=synthetic",                                                                    \
         .observes = OBSERVES,                                                                                         \
         .help = "number of different lines"},                                                                         \
        {.key = "data." SET ".*.count",                                                                                \
         .type = OPT_INT,                                                                                              \
         .def = "0",                                                                                                   \
         .min = 0,                                                                                                     \
         .max = 1e12,                                                                                                  \
         .when = "data." SET ".*.source=dataset",                                                                      \
         .observes = OBSERVES,                                                                                         \
         .help = "at most so many images, in the file's order; 0 = all"},                                              \
        {.key = "data." SET ".*.seed",                                                                                 \
         .type = OPT_INT,                                                                                              \
         .def = "-1",                                                                                                  \
         .min = -1,                                                                                                    \
         .max = 9e15,                                                                                                  \
         .when = "data." SET ".*.source=synthetic",                                                                    \
         .observes = OBSERVES,                                                                                         \
         .help = "of the lines; -1 = the cell's seed for training, data.eval_seed for evaluation"},                    \
        {.key = "data." SET ".*.fonts",                                                                                \
         .type = OPT_TEXTS,                                                                                            \
         .def = "[DejaVu, Liberation]",                                                                                \
         .n_min = 1,                                                                                                   \
         .n_max = 100,                                                                                                 \
         .when = "data." SET ".*.source=synthetic",                                                                    \
         .observes = OBSERVES,                                                                                         \
         .help = "font families (DejaVu takes all faces of DejaVu Sans, ...), or paths of font files"},                \
        {.key = "data." SET ".*.text",                                                                                 \
         .type = OPT_CHOICE,                                                                                           \
         .def = "random",                                                                                              \
         .choices = "random|words",                                                                                    \
         .when = "data." SET ".*.source=synthetic",                                                                    \
         .observes = OBSERVES,                                                                                         \
         .help = "random strings over the charset, or words from a list"},                                             \
        {.key = "data." SET ".*.length",                                                                               \
         .type = OPT_INTS,                                                                                             \
         .def = "[3, 8]",                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1000,                                                                                                  \
         .n_min = 2,                                                                                                   \
         .n_max = 2,                                                                                                   \
         .when = "data." SET ".*.text=random",                                                                         \
         .observes = OBSERVES,                                                                                         \
         .help = "shortest and longest string, characters"},                                                           \
        {.key = "data." SET ".*.words",                                                                                \
         .type = OPT_TEXT,                                                                                             \
         .when = "data." SET ".*.text=words",                                                                          \
         .observes = OBSERVES,                                                                                         \
         .help = "path of a word list, from where refocus runs: UTF-8, one word a line"},                              \
        {.key = "data." SET ".*.file",                                                                                 \
         .type = OPT_TEXT,                                                                                             \
         .when = "data." SET ".*.source=dataset",                                                                      \
         .observes = OBSERVES,                                                                                         \
         .help = "path of a dataset made by refocus data import, from where refocus runs"},                            \
        UNUSABLE_ROW(SET, "source=dataset"), UNUSABLE_ROW(SET, "text=words"), {                                        \
        .key = "data." SET ".*.split", .type = OPT_CHOICE, .def = SPLIT, .choices = "train|valid|test|all",            \
        .when = "data." SET ".*.source=dataset", .observes = OBSERVES, .help = "which part of the dataset"             \
    }

/* clang-format off */
const Option data_options[] = {
    {.key = "data.charset", .type = OPT_TEXT, .def = "latin36", .check = charset_check,
     .help = "digits, latin36, latin62, kana, jis1, jis12, size:K (plans only), or the path of a file"},
    {.key = "data.image", .type = OPT_INTS, .def = "[32, 128]", .min = 8, .max = 8192, .n_min = 2, .n_max = 2,
     .help = "height and width of the model's images, pixels"},
    {.key = "data.fit", .type = OPT_CHOICE, .def = "stretch", .choices = "stretch|pad",
     .help = "how photographs come to that size: stretched, or scaled and padded"},
    {.key = "data.eval_seed", .type = OPT_INT, .def = "900", .min = 0, .max = 9e15, .observes = true,
     .help = "seed of drawn evaluation lines, the same for every cell"},
#define OBSERVES false
    SET_ROWS("train", "16000", "train"),
    {.key = "data.train.*.share", .type = OPT_REAL, .def = "1", .min = 0, .max = 1e6,
     .help = "weight of this source among the training sources"},
#undef OBSERVES
#define OBSERVES true
    SET_ROWS("valid", "1000", "valid"),
    SET_ROWS("test", "1000", "test"),
    OPTION_END
};
/* clang-format on */

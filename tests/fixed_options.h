/* Rows of options that never change with the program's own: included by a test program, they take the place of the
 * generated list (models/option_rows.h), so that expected messages and identities stand still. */
#ifndef TESTS_FIXED_OPTIONS_H
#define TESTS_FIXED_OPTIONS_H

#include <stdlib.h>
#include <string.h>

#include "models/option_rows.h"

static inline Err check_boxes(const char *text) {
    if (strcmp(text, "true") == 0 || strcmp(text, "shuffled") == 0 || strncmp(text, "jitter:", 7) == 0) return ERR_OK;
    return err_set(ERR_SPEC, "expected true, shuffled or jitter:N, got '%.40s'", text);
}

static inline Err check_metric(const char *text) {
    if (strcmp(text, "char_accuracy") == 0 || strcmp(text, "hit_rate_free") == 0) return ERR_OK;
    return err_set(ERR_SPEC, "there is no metric '%.40s'; did you mean char_accuracy?", text);
}

static const Option fixed_data[] = {
    {.key = "data.charset",
     .type = OPT_CHOICE,
     .def = "latin36",
     .choices = "digits|latin36|latin62",
     .help = "classes"},
    {.key = "data.image",
     .type = OPT_INTS,
     .def = "[32, 128]",
     .min = 8,
     .max = 4096,
     .n_min = 2,
     .n_max = 2,
     .help = "height and width in pixels"},
    {.key = "data.train.*.source",
     .type = OPT_CHOICE,
     .choices = "synthetic|dataset",
     .help = "where samples come from"},
    {.key = "data.train.*.share", .type = OPT_REAL, .def = "1.0", .max = OPTION_ANY, .help = "weight in the mixture"},
    {.key = "data.train.*.fonts",
     .type = OPT_TEXTS,
     .def = "[DejaVu]",
     .n_min = 1,
     .n_max = 8,
     .when = "data.train.*.source=synthetic",
     .help = "font families"},
    {.key = "data.train.*.length",
     .type = OPT_INTS,
     .def = "[3, 8]",
     .min = 1,
     .max = 100,
     .n_min = 2,
     .n_max = 2,
     .when = "data.train.*.source=synthetic",
     .help = "shortest and longest text in characters"},
    {.key = "data.train.*.file", .type = OPT_TEXT, .when = "data.train.*.source=dataset", .help = "dataset to read"},
    {.key = "data.valid.*.source",
     .type = OPT_CHOICE,
     .def = "synthetic",
     .choices = "synthetic|dataset",
     .observes = true,
     .help = "where samples come from"},
    {.key = "data.valid.*.count",
     .type = OPT_INT,
     .def = "1000",
     .min = 1,
     .max = OPTION_ANY,
     .observes = true,
     .help = "samples"},
    OPTION_END,
};

static const Option fixed_focus[] = {
    {.key = "focus.kind", .type = OPT_CHOICE, .def = "none", .choices = "none|original|kl", .help = "branch"},
    {.key = "focus.lambda", .type = OPT_REAL, .def = "0.01", .max = 1, .when = "focus.kind=original", .help = "weight"},
    {.key = "focus.lambda", .type = OPT_REAL, .def = "0.5", .max = 1, .when = "focus.kind=kl", .help = "weight"},
    {.key = "focus.boxes",
     .type = OPT_TEXT,
     .def = "true",
     .when = "focus.kind!=none",
     .check = check_boxes,
     .help = "boxes that the branch learns from"},
    {.key = "focus.target",
     .type = OPT_CHOICE,
     .def = "gaussian",
     .choices = "gaussian|box",
     .when = "focus.kind=kl",
     .help = "target distribution"},
    {.key = "focus.sigma",
     .type = OPT_REAL,
     .def = "0.25",
     .min = 0.01,
     .max = 10,
     .when = "focus.kind=kl&focus.target=gaussian",
     .help = "width of the target in character widths"},
    {.key = "focus.patch",
     .type = OPT_INTS,
     .def = "[32, 32]",
     .min = 1,
     .max = 512,
     .n_min = 2,
     .n_max = 2,
     .when = "focus.kind=original",
     .help = "patch height and width in pixels"},
    OPTION_END,
};

static const Option fixed_train[] = {
    {.key = "model.encoder",
     .type = OPT_CHOICE,
     .def = "crnn-small",
     .choices = "crnn-small|resnet32",
     .help = "encoder"},
    {.key = "model.blstm", .type = OPT_INT, .def = "64", .max = 4096, .help = "units per direction; 0 = none"},
    {.key = "train.steps", .type = OPT_INT, .min = 1, .max = OPTION_ANY, .help = "updates"},
    {.key = "train.batch", .type = OPT_INT, .def = "32", .min = 1, .max = 65536, .help = "samples per step"},
    {.key = "train.lr", .type = OPT_REAL, .def = "3e-3", .max = 100, .help = "learning rate"},
    {.key = "train.clip", .type = OPT_REAL, .def = "5", .max = OPTION_ANY, .help = "largest gradient norm"},
    {.key = "train.optimizer", .type = OPT_CHOICE, .def = "adam", .choices = "adam|adadelta|sgd", .help = "optimiser"},
    {.key = "train.momentum",
     .type = OPT_REAL,
     .def = "0.9",
     .max = 1,
     .when = "train.optimizer=sgd",
     .help = "momentum"},
    {.key = "train.init", .type = OPT_TEXT, .def = "\"\"", .help = "file#cell to start from"},
    {.key = "eval.best",
     .type = OPT_TEXT,
     .def = "char_accuracy",
     .observes = true,
     .check = check_metric,
     .help = "the metric by which the best parameters are kept"},
    {.key = "eval.every",
     .type = OPT_INT,
     .def = "250",
     .min = 1,
     .max = OPTION_ANY,
     .observes = true,
     .help = "steps"},
    {.key = "record.attention", .type = OPT_BOOL, .def = "true", .observes = true, .help = "keep attention maps"},
    {.key = "memory.budget",
     .type = OPT_BYTES,
     .def = "24GiB",
     .min = 1,
     .max = OPTION_ANY,
     .observes = true,
     .help = "largest planned peak"},
    OPTION_END,
};

const Option *const option_sources[] = {fixed_data, fixed_focus, fixed_train, NULL};

#endif

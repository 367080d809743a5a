/* The table of branches, the options that all of them have, and what several of them use. */
#include "models/focus.h"

#include <stdio.h>
#include <string.h>

#define X(name) extern const Focus focus_##name;
#include "gen/focus.inc"
#undef X

static const Focus *const table[] = {
#define X(name) &focus_##name,
#include "gen/focus.inc"
#undef X
};

const Focus *const *focus_table(int *n) {
    *n = (int)(sizeof table / sizeof table[0]);
    return table;
}

const Focus *focus_find(const char *kind) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i]->kind, kind) == 0) return table[i];
    return NULL;
}

TensorId focus_centre_x(Graph *g, const FocusIn *in) {
    return g_sum(g, "centre_x", g_mul(g, "alpha_x", in->alpha, in->centre_x), 2, false);
}

static Err check_kind(const char *text) {
    char known[256] = "";
    if (focus_find(text) != NULL) return ERR_OK;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "", table[i]->kind);
    }
    return err_set(ERR_SPEC, "there is no branch \"%s\", expected one of: %s", text, known);
}

const Option focus_options[] = {
    {.key = "focus.kind", .type = OPT_TEXT, .def = "none", .check = check_kind, .help = "the focusing branch"},
    {.key = "focus.lambda",
     .type = OPT_REAL,
     .def = "0.5",
     .min = 0,
     .max = 0.999,
     .when = "focus.kind!=none",
     .help = "weight of the branch: loss = (1 - lambda) recognition + lambda focus"},
    {.key = "focus.start",
     .type = OPT_INT,
     .def = "0",
     .min = 0,
     .max = 1e9,
     .when = "focus.kind!=none",
     .help = "step from which the branch acts; before it lambda is 0"},
    {.key = "focus.epsilon",
     .type = OPT_REAL,
     .def = "1e-8",
     .min = 0,
     .max = 1,
     .when = "focus.kind=kl|mass",
     .help = "added inside the logarithm"},
    OPTION_END};

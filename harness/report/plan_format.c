/* The generated table of a plan's formats. */
#include "harness/report/plan_format.h"

#include <string.h>

#include "kernels/near.h"

#define X(name) extern const PlanFormat plan_as_##name;
#include "gen/plan_formats.inc"
#undef X

static const PlanFormat *const formats[] = {
#define X(name) &plan_as_##name,
#include "gen/plan_formats.inc"
#undef X
};

const PlanFormat *const *plan_format_list(int *n) {
    *n = (int)(sizeof formats / sizeof *formats);
    return formats;
}

Err plan_format_find(const PlanFormat **out, const char *name) {
    char hint[64], known[200] = "";
    size_t at = 0;
    Near near = near_start(name);
    int n = 0;
    *out = NULL;
    (void)plan_format_list(&n);
    for (int i = 0; i < n; i++) {
        near_offer(&near, formats[i]->name);
        if (strcmp(formats[i]->name, name) == 0) *out = formats[i];
        const char *before = i == 0 ? "" : i + 1 < n ? ", " : " or ";
        if (at < sizeof known) at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", before, formats[i]->name);
    }
    if (*out != NULL) return ERR_OK;
    return err_set(ERR_ARG, "unknown format '%s', expected %s%s", name, known,
                   near_hint(&near, "", hint, (int)sizeof hint));
}

/* The generated table of formats. */
#include "harness/report/format.h"

#include <stdio.h>
#include <string.h>

#include "kernels/near.h"

#define X(name) extern const Format format_##name;
#include "gen/formats.inc"
#undef X

static const Format *const formats[] = {
#define X(name) &format_##name,
#include "gen/formats.inc"
#undef X
};

const char format_names[] =
#define X(name) "|" #name
#include "gen/formats.inc"
#undef X
    ;

const Format *const *format_list(int *n) {
    *n = (int)(sizeof formats / sizeof *formats);
    return formats;
}

Err format_find(const Format **out, const char *name) {
    char hint[64], known[200] = "";
    size_t at = 0;
    Near near = near_start(name);
    int n = 0;
    *out = NULL;
    (void)format_list(&n);
    for (int i = 0; i < n; i++) {
        near_offer(&near, formats[i]->name);
        if (strcmp(formats[i]->name, name) != 0) continue;
        *out = formats[i];
        return ERR_OK;
    }
    for (int i = 0; i < n && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s",
                               i == 0      ? ""
                               : i + 1 < n ? ", "
                                           : " or ",
                               formats[i]->name);
    return err_set(ERR_ARG, "unknown format '%s', expected %s%s", name, known,
                   near_hint(&near, "", hint, (int)sizeof hint));
}

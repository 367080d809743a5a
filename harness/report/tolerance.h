/* How far a figure may move before a check fails: "5%" of what it was, or a size. Depends on number. */
#ifndef HARNESS_REPORT_TOLERANCE_H
#define HARNESS_REPORT_TOLERANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/err.h"

/* {0}: none was given. */
typedef struct Tolerance {
    const char *text; /* as given; borrowed; NULL = none */
    double share;     /* of the earlier figure; 0 where bytes are given */
    int64_t bytes;
} Tolerance;

/* "5%", "0.1%"; with sizes also "16MiB", "4096". ERR_ARG names the option. text NULL = none. */
Err tolerance_parse(Tolerance *out, const char *option, const char *text, bool sizes) MUST_CHECK;

/* True if a growth by so much, of something that was `before`, is within it. */
bool tolerance_allows(const Tolerance *tolerance, double before, double growth);

#endif

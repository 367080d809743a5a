/* How often something is done: after so many steps, or so much time. */
#ifndef HARNESS_RUN_EVERY_H
#define HARNESS_RUN_EVERY_H

#include <stdint.h>

#include "kernels/err.h"

typedef struct Every {
    int64_t steps;  /* 0: by time */
    double seconds; /* 0: by steps */
} Every;

/* ERR_SPEC unless text is "200" (steps), "90s", "5min" or "1h". */
Err every_check(const char *text) MUST_CHECK;

/* text has passed the check. */
void every_parse(Every *out, const char *text);

#endif

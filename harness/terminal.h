/* What a stream is shown on. */
#ifndef HARNESS_TERMINAL_H
#define HARNESS_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "kernels/err.h"

/* Width of the terminal behind a stream; 0 if it is none, or does not say. */
int terminal_columns(FILE *to);

/* True if the reader of a pipe went away: `refocus table ... | head` is no failure of ours. */
bool terminal_lost_reader(FILE *to);

/* Forces out what was printed since the caller set errno to 0. ERR_IO, "cannot write WHAT: cause", unless the reader
 * went away. */
Err terminal_flush(FILE *to, const char *what) MUST_CHECK;

#endif

/* What a stream is shown on. */
#ifndef HARNESS_TERMINAL_H
#define HARNESS_TERMINAL_H

#include <stdio.h>

/* Width of the terminal behind a stream; 0 if it is none, or does not say. */
int terminal_columns(FILE *to);

#endif

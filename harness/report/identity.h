/* The "key=value" lines of a cell's identity: what decides its training and is not at its default. Depends on libc. */
#ifndef HARNESS_REPORT_IDENTITY_H
#define HARNESS_REPORT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

/* The line at *text, which moves behind it. False at the end. */
bool identity_next(const char **text, const char **line, size_t *len);

/* True if text has that very line. */
bool identity_has(const char *text, const char *line, size_t len);

/* The value that text has for the key of a line, and its length; NULL = none: the default. */
const char *identity_value(const char *text, const char *line, size_t *len);

#endif

/* Small helpers over jansson: values that may not exist, and writing a document. Depends on jansson. */
#ifndef HARNESS_REPORT_JSONIO_H
#define HARNESS_REPORT_JSONIO_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "kernels/err.h"

/* null for what is not finite. */
json_t *jsonio_number(double value);
/* null for a count that was not taken: a negative one. */
json_t *jsonio_count(int64_t value);
/* null for NULL. */
json_t *jsonio_text(const char *text);
/* [n] */
json_t *jsonio_ints(const int64_t *value, size_t n);
json_t *jsonio_numbers(const double *value, size_t n);
json_t *jsonio_floats(const float *value, size_t n);

/* Sets object[key] = value, whose reference is taken; a NULL of either makes the object NULL, released. For building
 * documents without a check at every step: *object = NULL in the end says that memory was short. */
void jsonio_set(json_t **object, const char *key, json_t *value);
void jsonio_append(json_t **array, json_t *value);

/* Writes the document and a newline and releases it. ERR_NOMEM for NULL, ERR_IO. */
Err jsonio_put(FILE *to, json_t *root) MUST_CHECK;

#endif

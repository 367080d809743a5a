/* A text that grows. Depends on kernels/mem only. */
#ifndef MODELS_TEXT_H
#define MODELS_TEXT_H

#include <stddef.h>

#include "kernels/err.h"

/* Starts as {0}; data is NULL until something is added, terminated ever after. Owned: text_clear or text_take. */
typedef struct Text {
    char *data;
    size_t len, capacity;
} Text;

/* Appends printf output. ERR_NOMEM leaves the text as it was. */
Err text_add(Text *text, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
Err text_add_bytes(Text *text, const char *bytes, size_t len) MUST_CHECK;

/* *out = the text, "" if nothing was added; the caller owns it. */
Err text_take(Text *text, char **out) MUST_CHECK;
void text_clear(Text *text);

#endif

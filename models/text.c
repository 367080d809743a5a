/* Doubling storage. */
#include "models/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"

static Err reserve(Text *text, size_t more) {
    size_t need = text->len + more + 1;
    if (need <= text->capacity) return ERR_OK;
    size_t capacity = text->capacity == 0 ? 256 : text->capacity;
    while (capacity < need) capacity *= 2;
    Err err = mem_grow(&text->data, text->len + (text->data != NULL), capacity, 1);
    if (err == ERR_OK) text->capacity = capacity;
    return err;
}

Err text_add_bytes(Text *text, const char *bytes, size_t len) {
    Err err = reserve(text, len);
    if (err != ERR_OK) return err;
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
    return ERR_OK;
}

Err text_add(Text *text, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    Err err = len < 0 ? err_set(ERR_ARG, "text cannot be formatted") : reserve(text, (size_t)len);
    if (err == ERR_OK) {
        (void)vsnprintf(text->data + text->len, (size_t)len + 1, fmt, again);
        text->len += (size_t)len;
    }
    va_end(again);
    return err;
}

Err text_take(Text *text, char **out) {
    *out = NULL;
    Err err = reserve(text, 0);
    if (err != ERR_OK) return err;
    *out = text->data;
    *text = (Text){0};
    return ERR_OK;
}

void text_clear(Text *text) {
    mem_free(text->data);
    *text = (Text){0};
}

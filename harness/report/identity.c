/* Lines of text. */
#include "harness/report/identity.h"

#include <string.h>

bool identity_next(const char **text, const char **line, size_t *len) {
    if (**text == '\0') return false;
    *line = *text;
    *len = strcspn(*text, "\n");
    *text += *len;
    if (**text == '\n') (*text)++;
    return true;
}

bool identity_has(const char *text, const char *line, size_t len) {
    const char *other = NULL;
    size_t n = 0;
    while (identity_next(&text, &other, &n))
        if (n == len && strncmp(other, line, len) == 0) return true;
    return false;
}

const char *identity_value(const char *text, const char *line, size_t *len) {
    const char *other = NULL;
    size_t n = 0, key = strcspn(line, "=\n");
    while (identity_next(&text, &other, &n)) {
        if (n <= key || strncmp(other, line, key) != 0 || other[key] != '=') continue;
        *len = n - key - 1;
        return other + key + 1;
    }
    return NULL;
}

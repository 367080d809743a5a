#include "harness/report/markup.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void markup_markdown(FILE *to, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        bool edge = c == text || c[1] == '\0' || !isalnum((unsigned char)c[-1]) || !isalnum((unsigned char)c[1]);
        if (strchr("|*`<>\\", *c) != NULL || (*c == '_' && edge)) (void)fputc('\\', to);
        (void)fputc(*c, to);
    }
}

void markup_csv(FILE *to, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, to);
        return;
    }
    (void)fputc('"', to);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') (void)fputc('"', to);
        (void)fputc(*c, to);
    }
    (void)fputc('"', to);
}

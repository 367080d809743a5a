#include "harness/report/markup.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Brackets are plain text unless a link, a footnote or a box to tick could be made of them. */
static bool opens_link(const char *text, const char *c) {
    if (*c != '[') return false;
    bool at_start = c == text && ((c[1] != '\0' && c[2] == ']') || strstr(c, "]:") != NULL);
    return at_start || c[1] == '^' || strstr(c, "](") != NULL || strstr(c, "][") != NULL;
}

void markup_markdown(FILE *to, const char *text) {
    const size_t digits = strspn(text, "0123456789");
    for (const char *c = text; *c != '\0'; c++) {
        bool edge = c == text || c[1] == '\0' || !isalnum((unsigned char)c[-1]) || !isalnum((unsigned char)c[1]);
        bool starts = c == text ? strchr("#+-", *c) != NULL && !isdigit((unsigned char)c[1])
                                : c == text + digits && strchr(".)", *c) != NULL && c[1] == ' ';
        bool entity = *c == '&' && (isalnum((unsigned char)c[1]) || c[1] == '#');
        if (strchr("|*`<>\\~$", *c) != NULL || (*c == '_' && edge) || starts || entity || opens_link(text, c))
            (void)fputc('\\', to);
        (void)fputc(*c, to);
    }
}

void markup_code(FILE *to, const char *text) {
    size_t longest = 0;
    for (const char *c = text; *c != '\0'; c++) {
        size_t run = strspn(c, "`");
        if (run > longest) longest = run;
        if (run > 0) c += run - 1;
    }
    for (size_t i = 0; i <= longest; i++) (void)fputc('`', to);
    (void)fprintf(to, longest > 0 ? " %s " : "%s", text);
    for (size_t i = 0; i <= longest; i++) (void)fputc('`', to);
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

#include "harness/report/markup.h"

#include <ctype.h>
#include <string.h>

#include <nettle/base64.h>

#include "harness/data/utf8.h"

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

/* Writes one character of text, or U+FFFD, by put; returns its bytes. */
static size_t put_character(FILE *to, const char *text, void (*put)(FILE *to, const char *c, size_t n)) {
    static const char replacement[] = "\xef\xbf\xbd";
    uint32_t c = 0;
    const int n = utf8_decode(text, strlen(text), &c);
    if (n > 0 && (utf8_is_printable(c) || c == '\n' || c == '\t'))
        put(to, text, (size_t)n);
    else
        put(to, replacement, sizeof replacement - 1);
    return n > 0 ? (size_t)n : 1;
}

static void put_html(FILE *to, const char *c, size_t n) {
    switch (*c) {
    case '&': (void)fputs("&amp;", to); break;
    case '<': (void)fputs("&lt;", to); break;
    case '>': (void)fputs("&gt;", to); break;
    case '"': (void)fputs("&quot;", to); break;
    case '\'': (void)fputs("&#39;", to); break;
    default: (void)fwrite(c, 1, n, to);
    }
}

void markup_html(FILE *to, const char *text) {
    while (*text != '\0') text += put_character(to, text, put_html);
}

static void put_json(FILE *to, const char *c, size_t n) {
    if (strchr("<>&\"\\\n\t", *c) != NULL)
        (void)fprintf(to, "\\u%04x", (unsigned)*c);
    else
        (void)fwrite(c, 1, n, to);
}

void markup_json(FILE *to, const char *text) {
    (void)fputc('"', to);
    while (*text != '\0') text += put_character(to, text, put_json);
    (void)fputc('"', to);
}

void markup_base64(FILE *to, const void *bytes, size_t n) {
    enum { CHUNK = 3072 }; /* of whole groups of three */
    char text[BASE64_ENCODE_RAW_LENGTH(CHUNK)];
    const uint8_t *from = bytes;
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t len = n - at < CHUNK ? n - at : CHUNK;
        base64_encode_raw(text, len, from + at);
        (void)fwrite(text, 1, BASE64_ENCODE_RAW_LENGTH(len), to);
    }
}

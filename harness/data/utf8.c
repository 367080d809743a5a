#include "harness/data/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_scalar(uint32_t c) { return c <= 0x10ffffu && !(c >= 0xd800u && c <= 0xdfffu); }

int utf8_decode(const char *s, size_t len, uint32_t *code_point) {
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    *code_point = 0xfffdu;
    if (len == 0) return 0;
    int n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (n == 0 || (size_t)n > len) return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < smallest[n] || !is_scalar(c)) return 0;
    *code_point = c;
    return n;
}

int utf8_encode(uint32_t c, char out[UTF8_MAX]) {
    if (!is_scalar(c)) c = 0xfffdu;
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(unsigned char)(0x80u | (c & 0x3fu));
    static const unsigned lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(unsigned char)(lead[n] | c);
    return n;
}

int64_t utf8_length(const char *s, size_t len) {
    int64_t count = 0;
    for (size_t at = 0; at < len; count++) {
        uint32_t c = 0;
        int n = utf8_decode(s + at, len - at, &c);
        if (n == 0) return -1;
        at += (size_t)n;
    }
    return count;
}

bool utf8_is_printable(uint32_t c) {
    return !(c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
             c == 0x200e || c == 0x200f || c == 0xfeff);
}

/* Bytes of the character at text, which is not its end, if it may stay as it is; else 0. *n = bytes to go on by. */
static size_t tame_bytes(const char *text, size_t *n) {
    uint32_t c = 0;
    const int bytes = utf8_decode(text, strnlen(text, UTF8_MAX), &c);
    *n = bytes > 0 ? (size_t)bytes : 1;
    return bytes > 0 && (utf8_is_printable(c) || c == '\n' || c == '\t') ? *n : 0;
}

bool utf8_is_tame(const char *text) {
    size_t n = 0;
    while (*text != '\0' && tame_bytes(text, &n) > 0) text += n;
    return *text == '\0';
}

char *utf8_tame(char *buf, size_t len, const char *text) {
    static const char replacement[] = "\xef\xbf\xbd";
    size_t to = 0;
    for (size_t n = 0; *text != '\0'; text += n) {
        const size_t bytes = tame_bytes(text, &n), put = bytes > 0 ? bytes : sizeof replacement - 1;
        if (to + put >= len) break;
        memcpy(buf + to, bytes > 0 ? text : replacement, put);
        to += put;
    }
    buf[to] = '\0';
    return buf;
}

char *utf8_show(uint32_t c, char buf[UTF8_SHOW]) {
    char text[UTF8_MAX + 1] = {0};
    bool printable = is_scalar(c) && c > 0x20 && !(c >= 0x7f && c <= 0xa0);
    if (printable) utf8_encode(c, text);
    snprintf(buf, UTF8_SHOW, printable ? "'%s' (U+%04X)" : "%sU+%04X", text, (unsigned)c);
    return buf;
}

uint32_t utf8_other_case(uint32_t c, int *is_upper) {
    /* upper-case range, and the distance to lower case */
    static const struct {
        uint32_t first, last, step;
    } ranges[] = {{'A', 'Z', 32},     {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},   {0x391, 0x3a1, 32},
                  {0x3a3, 0x3a9, 32}, {0x410, 0x42f, 32}, {0x400, 0x40f, 80}, {0xff21, 0xff3a, 32}};
    *is_upper = 0;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            *is_upper = 1;
            return c + ranges[i].step;
        }
        if (c >= ranges[i].first + ranges[i].step && c <= ranges[i].last + ranges[i].step) return c - ranges[i].step;
    }
    return c;
}

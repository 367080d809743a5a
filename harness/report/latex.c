/* Escapes. Each is closed, by braces or dollars, so that it swallows no space and joins nothing that follows. */
#include "harness/report/latex.h"

#include <string.h>

#include "harness/data/utf8.h"

typedef struct Escape {
    uint32_t code_point;
    const char *latex, *math; /* one of them: in text, or in math */
} Escape;

static const Escape escapes[] = {
    {'\\', .latex = "\\textbackslash{}"},
    {'{', .latex = "\\{"},
    {'}', .latex = "\\}"},
    {'$', .latex = "\\$"},
    {'&', .latex = "\\&"},
    {'#', .latex = "\\#"},
    {'%', .latex = "\\%"},
    {'_', .latex = "\\_"},
    {'^', .latex = "\\textasciicircum{}"},
    {'~', .latex = "\\textasciitilde{}"},
    {'<', .math = "<"},
    {'>', .math = ">"},
    {'|', .math = "|"},
    {'"', .latex = "{\\char34}"},
    {'`', .latex = "{\\char96}"},
    {0x00a0, .latex = "~"},
    {0x00b1, .math = "\\pm"},
    {0x00b5, .math = "\\mu"},
    {0x00d7, .math = "\\times"},
    {0x0394, .math = "\\Delta"},
    {0x03bb, .math = "\\lambda"},
    {0x2013, .latex = "--"},
    {0x2014, .latex = "---"},
    {0x2018, .latex = "`"},
    {0x2019, .latex = "'"},
    {0x201c, .latex = "``"},
    {0x201d, .latex = "''"},
    {0x2020, .math = "\\dagger"},
    {0x2026, .latex = "\\dots{}"},
    {0x2191, .math = "\\uparrow"},
    {0x2193, .math = "\\downarrow"},
    {0x2192, .math = "\\rightarrow"},
    {0x2197, .math = "\\nearrow"},
    {0x2212, .math = "-"},
    {0x2264, .math = "\\le"},
    {0x2265, .math = "\\ge"},
};

static const Escape *escape_of(uint32_t c) {
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (escapes[i].code_point == c) return &escapes[i];
    return NULL;
}

/* Letters of Latin-1 that every encoding of pdflatex's fonts has, composed if need be. */
static bool is_plain_latin(uint32_t c) {
    return c >= 0xc0 && c <= 0xff && c != 0xd0 && c != 0xd7 && c != 0xde && c != 0xf0 && c != 0xf7 && c != 0xfe;
}

/* What is written, and where it will stand. */
typedef struct Mode {
    bool is_number; /* '-' is a minus */
    bool anywhere;  /* in text or in math, by a macro; else in text */
} Mode;

static void put_math(FILE *to, const char *math, Mode mode) {
    (void)fprintf(to, mode.anywhere ? "\\ensuremath{%s}" : "$%s$", math);
}

/* The character at text[at], of `bytes` bytes. */
static void put_character(FILE *to, const char *text, size_t at, int bytes, uint32_t c, Mode mode) {
    const Escape *escape = escape_of(c);
    if (escape != NULL && escape->math != NULL)
        put_math(to, escape->math, mode);
    else if (escape != NULL)
        (void)fputs(escape->latex, to);
    else if (c == '-' && mode.is_number)
        put_math(to, "-", mode);
    else if (at == 0 && (c == '[' || c == '*')) /* first in a row: no argument of the line end before it */
        (void)fprintf(to, "{%c}", (char)c);
    else if (c < 0x80 || is_plain_latin(c))
        (void)fwrite(text + at, 1, (size_t)bytes, to);
    else
        (void)fprintf(to, "{\\ifdefined\\Umathchar %.*s\\else U+%04lX\\fi}", bytes, text + at, (unsigned long)c);
    if (c == '-' && text[at + 1] == '-') (void)fputs("{}", to); /* two are no dash */
}

static void put(FILE *to, const char *text, Mode mode) {
    const size_t n = strlen(text);
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        int bytes = utf8_decode(text + at, n - at, &c);
        if (bytes > 0)
            put_character(to, text, at, bytes, c, mode);
        else
            (void)fputc('?', to);
        at += bytes > 0 ? (size_t)bytes : 1;
    }
}

void latex_text(FILE *to, const char *text) { put(to, text, (Mode){0}); }

void latex_value(FILE *to, const TableColumn *column, const TableValue *value) {
    char buf[VALUE_LEN];
    put(to, table_value_text(buf, column, value), (Mode){.is_number = value->kind != VALUE_TEXT});
}

void latex_macro_text(FILE *to, const char *text, bool is_number) {
    put(to, text, (Mode){.is_number = is_number, .anywhere = true});
}

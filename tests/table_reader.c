/* See table_reader.h. */
#include "tests/table_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Storage that lives until the program ends: all of it can be reached from here. */
typedef struct Kept {
    struct Kept *before;
    max_align_t data[];
} Kept;

static Kept *kept;

/* Zeroed. */
static void *keep(size_t bytes) {
    Kept *block = calloc(1, sizeof *block + bytes);
    assert_non_null(block);
    block->before = kept;
    kept = block;
    return block->data;
}

static char *copy_of(const char *text, size_t len) {
    char *copy = keep(len + 1);
    memcpy(copy, text, len);
    return copy;
}

/* ---- markup ---- */

/* Every `from` in text becomes `to`, which is not longer. */
static void replace(char *text, const char *from, const char *to) {
    for (char *at = strstr(text, from); at != NULL; at = strstr(at + strlen(to), from)) {
        memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
        memcpy(at, to, strlen(to));
    }
}

static void trim(char *text) {
    size_t lead = strspn(text, " ");
    memmove(text, text + lead, strlen(text + lead) + 1);
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--) text[n - 1] = '\0';
}

static void clean_latex(char *text) {
    static const char *const sign[][2] = {{"\\textbf{", ""},
                                          {"\\ensuremath{\\pm}", "±"},
                                          {"\\ensuremath{-}", "-"},
                                          {"\\ensuremath{\\times}", "×"},
                                          {"\\ensuremath{\\dagger}", "†"},
                                          {"$\\pm$", "±"},
                                          {"$\\times$", "×"},
                                          {"$\\dagger$", "†"},
                                          {"$\\nearrow$", "↗"},
                                          {"$-$", "-"},
                                          {"\\_", "_"},
                                          {"}", ""}};
    for (size_t i = 0; i < sizeof sign / sizeof *sign; i++) replace(text, sign[i][0], sign[i][1]);
    if (strcmp(text, "--") == 0) (void)strcpy(text, "–"); /* in a block of READER_LEN */
}

/* Without what a format has added to the value or the label. */
static char *plain(const char *format, const char *text, size_t len) {
    char buf[READER_LEN];
    assert_true(len < sizeof buf - 4);
    (void)snprintf(buf, sizeof buf, "%.*s", (int)len, text);
    if (strcmp(format, "latex") == 0 || strcmp(format, "macros") == 0) clean_latex(buf);
    if (strcmp(format, "markdown") == 0) replace(buf, "**", "");
    if (strcmp(format, "markdown") == 0) replace(buf, "\\", "");
    if (strcmp(format, "text") == 0) replace(buf, " *", "");
    replace(buf, " ↗", "");
    trim(buf);
    return copy_of(buf, strlen(buf));
}

/* ---- rows ---- */
static ReaderRow *row_of(TableReader *reader, char *label) {
    for (size_t i = 0; i < reader->n; i++)
        if (strcmp(reader->row[i].label, label) == 0) return &reader->row[i];
    assert_true(reader->n < READER_ROWS);
    reader->row[reader->n].label = label;
    return &reader->row[reader->n++];
}

/* The place of the next separator: of two spaces or more in text, else of the word itself. */
static const char *find_separator(const char *from, const char *end, const char *separator) {
    for (const char *at = from; at + strlen(separator) <= end; at++)
        if (strncmp(at, separator, strlen(separator)) == 0) return at;
    return end;
}

static void read_line(TableReader *reader, const char *format, const char *line, const char *end,
                      const char *separator) {
    ReaderRow *row = NULL;
    for (const char *at = line; at < end;) {
        const char *stop = find_separator(at, end, separator);
        char *text = plain(format, at, (size_t)(stop - at));
        if (row == NULL) {
            row = row_of(reader, text);
        } else if (strcmp(text, "–") != 0) {
            assert_true(row->n < READER_VALUES);
            row->value[row->n++] = text;
        }
        at = stop < end ? stop + strlen(separator) : end;
        while (strcmp(format, "text") == 0 && at < end && *at == ' ') at++;
    }
}

/* Lines of a block follow its header: in text one that begins with spaces, in LaTeX one that begins with " &", in
 * Markdown the dashes. */
static bool begins_block(const char *format, const char *line) {
    if (strcmp(format, "text") == 0) return line[0] == ' ' && line[1] == ' ';
    if (strcmp(format, "latex") == 0) return strncmp(line, " & ", 3) == 0;
    return strncmp(line, "| :--", 5) == 0;
}

static bool ends_block(const char *format, const char *line) {
    if (strcmp(format, "text") == 0) return line[0] == '\n' || line[0] == '\0';
    if (strcmp(format, "latex") == 0) return strncmp(line, "\\bottomrule", 11) == 0;
    return line[0] != '|';
}

static void read_blocks(TableReader *reader, const char *format, const char *text) {
    bool inside = false;
    for (const char *line = text; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        if (inside && ends_block(format, line)) inside = false;
        if (begins_block(format, line))
            inside = true;
        else if (inside && strcmp(format, "text") == 0)
            read_line(reader, format, line, end, "  ");
        else if (inside && strcmp(format, "markdown") == 0)
            read_line(reader, format, line + 2, end - 2, " | ");
        else if (inside && line[0] != '\\')
            read_line(reader, format, line, end - 3, " & ");
        line = end + (*end == '\n');
    }
}

static void read_macros(TableReader *reader, const char *text) {
    static const char begin[] = "\\newcommand{\\";
    for (const char *line = strstr(text, begin); line != NULL; line = strstr(line, begin)) {
        const char *name = line + strlen(begin), *body = strstr(name, "}{") + 2, *end = body + strcspn(body, "\n") - 1;
        assert_true(reader->n < READER_ROWS);
        ReaderRow *row = &reader->row[reader->n++];
        row->label = copy_of(name, strcspn(name, "}"));
        row->value[row->n++] = plain("macros", body, (size_t)(end - body));
        line = end;
    }
}

/* ---- CSV ---- */

/* The field at *at, which moves to the separator behind it. */
static char *read_field(const char **at) {
    char *field = keep(strlen(*at) + 1), *to = field;
    if (**at != '"') {
        size_t len = strcspn(*at, ",\n");
        memcpy(field, *at, len);
        assert_null(strchr(field, '"')); /* a quote within needs quotes around */
        *at += len;
        return field;
    }
    for ((*at)++; **at != '"' || (*at)[1] == '"'; (*at)++) {
        assert_true(**at != '\0');
        if (**at == '"') (*at)++;
        *to++ = **at;
    }
    (*at)++;
    return field;
}

static void read_csv(TableReader *reader, const char *text) {
    bool first = true;
    for (const char *at = text; *at != '\0'; at++) {
        ReaderRow *row = first ? &reader->head : &reader->row[reader->n++];
        assert_true(reader->n < READER_ROWS);
        for (;; at++) {
            assert_true(row->n < READER_VALUES);
            row->value[row->n++] = read_field(&at);
            if (*at != ',') break;
        }
        assert_int_equal(*at, '\n');
        assert_int_equal(row->n, reader->head.n);
        first = false;
    }
}

void reader_read(TableReader *reader, const char *format, const char *text) {
    memset(reader, 0, sizeof *reader);
    reader->row = keep(READER_ROWS * sizeof *reader->row);
    if (strcmp(format, "csv") == 0)
        read_csv(reader, text);
    else if (strcmp(format, "macros") == 0)
        read_macros(reader, text);
    else
        read_blocks(reader, format, text);
}

const ReaderRow *reader_row(const TableReader *reader, const char *label) {
    for (size_t i = 0; i < reader->n; i++)
        if (strcmp(reader->row[i].label, label) == 0) return &reader->row[i];
    return NULL;
}

const char *reader_field(const TableReader *reader, size_t row, const char *column) {
    for (size_t i = 0; i < reader->head.n; i++)
        if (strcmp(reader->head.value[i], column) == 0) return reader->row[row].value[i];
    return NULL;
}

bool reader_is_part(const char *whole, const char *name) {
    static const char *const parts[] = {"Mean", "Std", "Low", "High", "N"};
    size_t len = strlen(whole);
    if (strncmp(whole, name, len) != 0) return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name + len, parts[i]) == 0) return true;
    return false;
}

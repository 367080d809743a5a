/* The text of a problem: position, source line, caret. */
#include "harness/grid/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/text.h"

enum {
    LINE_SHOWN = 100,   /* columns of a source line that are shown */
    REPORT_BYTES = 3800 /* the thread's message holds 4096 */
};

/* The character at text: its bytes; *width = columns of a terminal that it takes. text is valid UTF-8. */
static size_t character(const char *text, int *width) {
    const unsigned char *c = (const unsigned char *)text;
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    unsigned code = n == 1   ? c[0]
                    : n == 2 ? (c[0] & 0x1Fu) << 6 | (c[1] & 0x3Fu)
                    : n == 3 ? (c[0] & 0xFu) << 12 | (c[1] & 0x3Fu) << 6 | (c[2] & 0x3Fu)
                             : 0x20000;
    bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) || code >= 0x1F300;
    bool combining = code >= 0x300 && code <= 0x36F;
    *width = wide ? 2 : combining ? 0 : 1;
    return n;
}

static const char *find_line(const char *source, int line, size_t *len) {
    if (strncmp(source, "\xEF\xBB\xBF", 3) == 0) source += 3;
    for (; line > 1; line--) {
        const char *end = strchr(source, '\n');
        if (end == NULL) break;
        source = end + 1;
    }
    *len = strcspn(source, "\r\n");
    return source;
}

/* A long line is cut at its left so that the place is in sight: the first character to show. */
static int first_shown(const DocPlace *place) {
    return place->column + place->length <= LINE_SHOWN ? 0
           : place->column > LINE_SHOWN / 2            ? place->column - LINE_SHOWN / 2
                                                       : 0;
}

/* "   12 |   train: {lrr: 3e-3}" and "      |           ^~~" */
static Err add_source(Text *text, const char *source, const DocPlace *place) {
    Err err = ERR_OK;
    size_t len = 0;
    const char *line = find_line(source, place->line, &len);
    Text shown = {0}, caret = {0};
    int first = first_shown(place), i = 0, columns = 0;
    for (size_t at = 0, n; at < len && columns < LINE_SHOWN; at += n, i++) {
        int width = 1;
        n = character(line + at, &width);
        if (i < first) continue;
        bool marked = i + 1 >= place->column && i + 1 < place->column + place->length;
        TRY(text_add(&shown, "%.*s", (int)n, line[at] == '\t' ? " " : line + at));
        TRY(text_add(&caret, "%.*s", width, i + 1 == place->column ? "^~" : marked ? "~~" : "  "));
        columns += width;
    }
    if (i + 1 == place->column) TRY(text_add(&caret, "^"));
    while (caret.len > 0 && caret.data[caret.len - 1] == ' ') caret.data[--caret.len] = '\0';
    TRY(text_add(text, "\n%5d | %s\n      | %s", place->line, shown.len == 0 ? "" : shown.data,
                 caret.len == 0 ? "" : caret.data));
done:
    text_clear(&shown);
    text_clear(&caret);
    return err;
}

static Err add_problem(Text *text, const char *name, const char *source, DocPlace place, const char *message) {
    Err err = ERR_OK;
    if (name == NULL) return text_add(text, "%s", message);
    TRY(text_add(text, "%s:%d:%d: %s", name, place.line, place.column, message));
    TRY(add_source(text, source, &place));
done:
    return err;
}

Err problem_set(Err code, const char *name, const char *source, DocPlace place, const char *message) {
    Text text = {0};
    Err err = add_problem(&text, name, source, place, message);
    if (err == ERR_OK) err = err_set(code, "%s", text.data);
    text_clear(&text);
    return err;
}

static Err add(Problems *problems, const Doc *doc, const DocNode *node, const char *message) {
    if (problems->n == problems->capacity) {
        size_t capacity = problems->capacity == 0 ? 8 : 2 * problems->capacity;
        Err err = mem_grow(&problems->items, problems->n, capacity, sizeof *problems->items);
        if (err != ERR_OK) return err;
        problems->capacity = capacity;
    }
    Problem *problem = &problems->items[problems->n];
    *problem = (Problem){0};
    if (doc != NULL) {
        problem->name = doc_name(doc);
        problem->source = doc_source(doc);
        problem->place = node == NULL ? (DocPlace){1, 1, 1} : node->place;
    }
    Err err = mem_strdup(&problem->message, message);
    if (err == ERR_OK) problems->n++;
    return err;
}

Err problem_add(Problems *problems, const Doc *doc, const DocNode *node, const char *fmt, ...) {
    char message[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return add(problems, doc, node, message);
}

Err problem_catch(Problems *problems, const Doc *doc, const DocNode *node, Err err) {
    char message[1024];
    if (err != ERR_SPEC) return err;
    (void)snprintf(message, sizeof message, "%s", err_message());
    return add(problems, doc, node, message);
}

/* The command line last; files in the order of their first problem cannot matter: there are at most two. */
static int by_place(const void *a, const void *b) {
    const Problem *left = a, *right = b;
    if ((left->name == NULL) != (right->name == NULL)) return left->name == NULL ? 1 : -1;
    int order = left->name == NULL ? 0 : strcmp(left->name, right->name);
    if (order != 0) return order;
    if (left->place.line != right->place.line) return left->place.line < right->place.line ? -1 : 1;
    if (left->place.column != right->place.column) return left->place.column < right->place.column ? -1 : 1;
    return strcmp(left->message, right->message);
}

static bool same_problem(const Problem *a, const Problem *b) { return by_place(a, b) == 0; }

Err problems_report(Problems *problems) {
    Err err = ERR_OK;
    Text text = {0}, one = {0};
    size_t n_left = problems->n;
    if (problems->n == 0) return ERR_OK;
    qsort(problems->items, problems->n, sizeof *problems->items, by_place);
    for (size_t i = 0; i < problems->n; i++, n_left--) {
        const Problem *problem = &problems->items[i];
        if (i > 0 && same_problem(problem - 1, problem)) continue;
        text_clear(&one);
        TRY(add_problem(&one, problem->name, problem->source, problem->place, problem->message));
        if (text.len > 0 && text.len + one.len > REPORT_BYTES) break;
        TRY(text_add(&text, "%s%s", text.len == 0 ? "" : "\n", one.data));
    }
    if (n_left > 0) TRY(text_add(&text, "\nand %zu more", n_left));
    err = err_set(ERR_SPEC, "%s", text.data);
done:
    text_clear(&text);
    text_clear(&one);
    return err;
}

void problems_clear(Problems *problems) {
    for (size_t i = 0; i < problems->n; i++) mem_free(problems->items[i].message);
    mem_free(problems->items);
    *problems = (Problems){0};
}

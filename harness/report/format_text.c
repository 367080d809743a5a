/* A table for a terminal: aligned by display width, and never wider than the terminal, or 100 columns elsewhere. A
 * section that would be wider is cut into blocks that repeat the rows' names. */
#include <string.h>

#include "harness/report/format.h"
#include "harness/report/width.h"

enum { GAP = 2, MAX_LABEL = 40 };

static void pad(FILE *to, size_t n) {
    for (size_t i = 0; i < n; i++) (void)fputc(' ', to);
}

static const char *mark_of(const TableRow *row) { return row->is_improving ? " ↗" : ""; }

static char *label_of(char buf[VALUE_LEN], const TableRow *row) {
    (void)snprintf(buf, VALUE_LEN, "%s%s", row->label, mark_of(row));
    return buf;
}

/* The chance row stands among the results only: elsewhere its long name would cost the figures their place. */
static size_t label_width(const Table *table, bool with_chance) {
    char buf[VALUE_LEN];
    size_t widest = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (table->row[i].is_chance && !with_chance) continue;
        size_t width = text_width(label_of(buf, &table->row[i]));
        if (width > widest) widest = width;
    }
    return widest < MAX_LABEL ? widest : MAX_LABEL;
}

static char *cell_text(char buf[VALUE_LEN + 4], const TableColumn *column, const TableValue *value) {
    char text[VALUE_LEN];
    (void)snprintf(buf, VALUE_LEN + 4, "%s%s", table_value_text(text, column, value), value->bold ? " *" : "");
    return buf;
}

static size_t column_width(const Table *table, size_t column) {
    char buf[VALUE_LEN + 4];
    size_t widest = text_width(table_header_text(buf, &table->column[column]));
    for (size_t i = 0; i < table->n_rows; i++) {
        size_t width = text_width(cell_text(buf, &table->column[column], &table->row[i].value[column]));
        if (width > widest) widest = width;
    }
    return widest;
}

/* Numbers end at one column, words begin at one. */
static bool is_left(const TableColumn *column) { return strcmp(column->key, "verdict") == 0; }

static void put_field(FILE *to, const char *text, size_t width, bool left, bool last) {
    size_t used = text_width(text), space = used < width ? width - used : 0;
    pad(to, GAP);
    if (!left) pad(to, space);
    (void)fputs(text, to);
    if (left && !last) pad(to, space);
}

/* A long label has a line of its own; the figures follow on the next. */
static void put_label(FILE *to, const char *label, size_t width) {
    size_t used = text_width(label);
    (void)fputs(label, to);
    if (used > width) {
        (void)fputc('\n', to);
        used = 0;
    }
    pad(to, width - used);
}

/* Columns [from, until) of all rows that have anything to say there. */
static void put_block(FILE *to, const Table *table, size_t label, size_t from, size_t until) {
    char buf[VALUE_LEN + 4];
    pad(to, label);
    for (size_t c = from; c < until; c++)
        put_field(to, table_header_text(buf, &table->column[c]), column_width(table, c), is_left(&table->column[c]),
                  c + 1 == until);
    (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        bool empty = row->is_chance;
        for (size_t c = from; c < until; c++) empty = empty && row->value[c].kind == VALUE_NONE;
        if (empty) continue;
        put_label(to, label_of(buf, row), label);
        for (size_t c = from; c < until; c++)
            put_field(to, cell_text(buf, &table->column[c], &row->value[c]), column_width(table, c),
                      is_left(&table->column[c]), c + 1 == until);
        (void)fputc('\n', to);
    }
}

static void put_section(FILE *to, size_t page, const Table *table, TableSection section) {
    size_t from = 0, until = 0, label = label_width(table, section == SECTION_RESULTS);
    while (from < table->n_columns && table->column[from].section != section) from++;
    (void)fprintf(to, "\n%s\n", table->section[section]);
    while (from < table->n_columns && table->column[from].section == section) {
        size_t width = label;
        for (until = from; until < table->n_columns && table->column[until].section == section; until++) {
            size_t more = GAP + column_width(table, until);
            if (until > from && width + more > page) break;
            width += more;
        }
        if (from > 0 && table->column[from - 1].section == section) (void)fputc('\n', to);
        put_block(to, table, label, from, until);
        from = until;
    }
}

static void put_settings(FILE *to, size_t page, const Table *table) {
    bool any = false;
    size_t label = label_width(table, false);
    for (size_t i = 0; i < table->n_rows; i++) any = any || table->row[i].n_settings > 0;
    if (!any) return;
    (void)fputs("\nSettings in which the rows differ (defaults are left out)\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (row->is_chance) continue;
        put_label(to, row->label, label);
        pad(to, GAP);
        text_wrap(to, page, row->n_settings > 0 ? row->settings : "–", label + GAP, label + GAP);
    }
}

static void write_text(FILE *to, const Table *table) {
    size_t page = text_page(to);
    if (table->experiment[0] != '\0') (void)fprintf(to, "%s\n", table->experiment);
    if (table->question[0] != '\0') text_wrap(to, page, table->question, 0, 0);
    text_wrap(to, page, table->caption, 0, 0);
    put_settings(to, page, table);
    for (int section = 0; section < SECTION_COUNT; section++)
        if (table->section[section] != NULL) put_section(to, page, table, (TableSection)section);
    if (table->n_notes > 0) (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_notes; i++) text_wrap(to, page, table->note[i], 0, 2);
}

const Format format_text = {.name = "text", .table = write_text};

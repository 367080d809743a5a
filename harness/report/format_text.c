/* A table for a terminal: aligned by display width, and never wider than the terminal, or 100 columns elsewhere. A
 * section that would be wider is cut into blocks that repeat the rows' names. */
#include "harness/report/format.h"
#include "harness/report/layout.h"
#include "harness/report/width.h"

enum { MAX_LABEL = 40 };

typedef struct Sheet {
    FILE *to;
    const Table *table;
    size_t page, label; /* widths: of a line, of the rows' names */
} Sheet;

static void pad(FILE *to, size_t n) {
    for (size_t i = 0; i < n; i++) (void)fputc(' ', to);
}

/* Rows are as wide as those that these columns have: uniform attention has a long name, and stands among the results
 * alone. */
static Sheet sheet_of(FILE *to, const Table *table, size_t from, size_t until) {
    size_t label = layout_label_width(table, from, until);
    return (Sheet){to, table, text_page(to), label < MAX_LABEL ? label : MAX_LABEL};
}

/* A long label has a line of its own; what belongs to it follows on the next. */
static void put_label(const Sheet *sheet, const TableRow *row, const char *mark) {
    size_t used = text_width(row->label) + text_width(mark);
    (void)fprintf(sheet->to, "%s%s", row->label, mark);
    if (used > sheet->label) {
        (void)fputc('\n', sheet->to);
        used = 0;
    }
    pad(sheet->to, sheet->label - used);
}

/* Numbers end at one column, words begin at one. */
static void put_field(const Sheet *sheet, const char *text, size_t column, bool last) {
    const bool left = sheet->table->column[column].is_words;
    size_t width = layout_column_width(sheet->table, column), used = text_width(text);
    size_t space = used < width ? width - used : 0;
    pad(sheet->to, LAYOUT_GAP);
    if (!left) pad(sheet->to, space);
    (void)fputs(text, sheet->to);
    if (left && !last) pad(sheet->to, space);
}

static void put_block(const Sheet *sheet, size_t from, size_t until) {
    const Table *table = sheet->table;
    char buf[LAYOUT_CELL];
    pad(sheet->to, sheet->label);
    for (size_t c = from; c < until; c++)
        put_field(sheet, table_header_text(buf, &table->column[c]), c, c + 1 == until);
    (void)fputc('\n', sheet->to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (!layout_shows(row, from, until)) continue;
        put_label(sheet, row, layout_mark(row));
        for (size_t c = from; c < until; c++)
            put_field(sheet, layout_cell(buf, &table->column[c], &row->value[c]), c, c + 1 == until);
        (void)fputc('\n', sheet->to);
    }
}

static void put_section(FILE *to, const Table *table, const TableSection *section) {
    const size_t end = section->first + section->n;
    const Sheet sheet = sheet_of(to, table, section->first, end);
    if (section->title[0] != '\0') (void)fprintf(to, "\n%s", section->title);
    for (size_t from = section->first, until = 0; from < end; from = until) {
        until = layout_block_end(table, section, from, sheet.label, sheet.page);
        (void)fputc('\n', to);
        put_block(&sheet, from, until);
    }
}

static void put_settings(FILE *to, const Table *table) {
    const Sheet sheet = sheet_of(to, table, 0, 0);
    const size_t indent = sheet.label + LAYOUT_GAP;
    if (!layout_has_settings(table)) return;
    (void)fputs("\nSettings in which the rows differ (defaults are left out)\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (row->is_chance) continue;
        put_label(&sheet, row, "");
        pad(to, LAYOUT_GAP);
        text_wrap(to, sheet.page, row->n_settings > 0 ? row->settings : "–", indent, indent);
    }
}

static void put_questions(FILE *to, const Table *table) {
    for (size_t i = 0; i < table->n_files; i++) {
        const TableFile *file = &table->file[i];
        const bool is_labelled = table->n_files > 1;
        if (file->question[0] == '\0') continue;
        if (is_labelled) (void)fprintf(to, "%s: ", file->label);
        text_wrap(to, text_page(to), file->question, is_labelled ? text_width(file->label) + 2 : 0,
                  is_labelled ? 2 : 0);
    }
}

static Err write_text(FILE *to, const Table *table) {
    const size_t page = text_page(to);
    if (table->title[0] != '\0') (void)fprintf(to, "%s\n", table->title);
    put_questions(to, table);
    text_wrap(to, page, table->caption, 0, 0);
    put_settings(to, table);
    for (size_t i = 0; i < table->n_sections; i++) put_section(to, table, &table->section[i]);
    if (table->n_notes > 0) (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_notes; i++) text_wrap(to, page, table->note[i], 0, 2);
    return ERR_OK;
}

const Format format_text = {.name = "text", .table = write_text};

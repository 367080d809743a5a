/* A table for a README or an issue: GitHub's Markdown. */
#include "harness/report/format.h"
#include "harness/report/layout.h"
#include "harness/report/markup.h"

static void put_label(FILE *to, const TableRow *row) {
    markup_markdown(to, row->label);
    (void)fputs(layout_mark(row), to);
}

static void put_value(FILE *to, const TableColumn *column, const TableValue *value) {
    char buf[VALUE_LEN];
    const char *text = table_value_text(buf, column, value);
    (void)fputs(value->bold ? " **" : " ", to);
    if (value->kind == VALUE_TEXT)
        markup_markdown(to, text);
    else
        (void)fputs(text, to); /* a number, and marks of ours */
    (void)fputs(value->bold ? "** |" : " |", to);
}

static void put_section(FILE *to, const Table *table, const TableSection *section) {
    char buf[VALUE_LEN];
    const size_t end = section->first + section->n;
    if (section->title[0] != '\0') {
        (void)fputs("\n**", to);
        markup_markdown(to, section->title);
        (void)fputs("**\n", to);
    }
    (void)fputs("\n| |", to);
    for (size_t c = section->first; c < end; c++) {
        (void)fputc(' ', to);
        markup_markdown(to, table_header_text(buf, &table->column[c]));
        (void)fputs(" |", to);
    }
    (void)fputs("\n| :-- |", to);
    for (size_t c = section->first; c < end; c++) (void)fputs(table->column[c].is_words ? " :-- |" : " --: |", to);
    (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (!layout_shows(row, section->first, end)) continue;
        (void)fputs("| ", to);
        put_label(to, row);
        (void)fputs(" |", to);
        for (size_t c = section->first; c < end; c++) put_value(to, &table->column[c], &row->value[c]);
        (void)fputc('\n', to);
    }
}

static void put_settings(FILE *to, const Table *table) {
    if (!layout_has_settings(table)) return;
    (void)fputs("\nSettings in which the rows differ (defaults are left out):\n\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (row->is_chance) continue;
        (void)fputs("- ", to);
        markup_markdown(to, row->label);
        (void)fputs(row->n_settings > 0 ? ": " : ": –", to);
        for (size_t k = 0; k < row->n_settings; k++) {
            (void)fputs(k > 0 ? ", " : "", to);
            markup_code(to, row->setting[k]);
        }
        (void)fputc('\n', to);
    }
}

static void put_head(FILE *to, const Table *table) {
    if (table->title[0] != '\0') {
        (void)fputs("### ", to);
        markup_markdown(to, table->title);
        (void)fputs("\n\n", to);
    }
    for (size_t i = 0; i < table->n_files; i++) {
        if (table->file[i].question[0] == '\0') continue;
        if (table->n_files > 1) markup_markdown(to, table->file[i].label);
        if (table->n_files > 1) (void)fputs(": ", to);
        markup_markdown(to, table->file[i].question);
        (void)fputs("\n\n", to);
    }
    markup_markdown(to, table->caption);
    (void)fputc('\n', to);
}

static Err write_markdown(FILE *to, const Table *table) {
    put_head(to, table);
    put_settings(to, table);
    for (size_t i = 0; i < table->n_sections; i++) put_section(to, table, &table->section[i]);
    if (table->n_notes > 0) (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_notes; i++) {
        (void)fputs("- ", to);
        markup_markdown(to, table->note[i]);
        (void)fputc('\n', to);
    }
    return ERR_OK;
}

const Format format_markdown = {.name = "markdown", .table = write_markdown};

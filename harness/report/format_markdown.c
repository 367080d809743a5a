/* A table for a README or an issue: GitHub's Markdown. */
#include <string.h>

#include "harness/report/format.h"
#include "harness/report/markup.h"

static void put_value(FILE *to, const TableColumn *column, const TableValue *value) {
    char buf[VALUE_LEN];
    (void)fputs(value->bold ? " **" : " ", to);
    markup_markdown(to, table_value_text(buf, column, value));
    (void)fputs(value->bold ? "** |" : " |", to);
}

static bool is_empty(const TableRow *row, const Table *table, TableSection section) {
    for (size_t c = 0; c < table->n_columns; c++)
        if (table->column[c].section == section && row->value[c].kind != VALUE_NONE) return false;
    return row->is_chance;
}

static void put_section(FILE *to, const Table *table, TableSection section) {
    char buf[VALUE_LEN];
    (void)fprintf(to, "\n**%s**\n\n| |", table->section[section]);
    for (size_t c = 0; c < table->n_columns; c++) {
        if (table->column[c].section != section) continue;
        (void)fputc(' ', to);
        markup_markdown(to, table_header_text(buf, &table->column[c]));
        (void)fputs(" |", to);
    }
    (void)fputs("\n| :-- |", to);
    for (size_t c = 0; c < table->n_columns; c++)
        if (table->column[c].section == section)
            (void)fputs(strcmp(table->column[c].key, "verdict") == 0 ? " :-- |" : " --: |", to);
    (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (is_empty(row, table, section)) continue;
        (void)fputs("| ", to);
        markup_markdown(to, row->label);
        (void)fputs(row->is_improving ? " ↗ |" : " |", to);
        for (size_t c = 0; c < table->n_columns; c++)
            if (table->column[c].section == section) put_value(to, &table->column[c], &row->value[c]);
        (void)fputc('\n', to);
    }
}

static void put_settings(FILE *to, const Table *table) {
    bool any = false;
    for (size_t i = 0; i < table->n_rows; i++) any = any || table->row[i].n_settings > 0;
    if (!any) return;
    (void)fputs("\nSettings in which the rows differ (defaults are left out):\n\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (row->is_chance) continue;
        (void)fputs("- ", to);
        markup_markdown(to, row->label);
        (void)fputs(row->n_settings > 0 ? ": " : ": –", to);
        for (size_t k = 0; k < row->n_settings; k++) (void)fprintf(to, "%s`%s`", k > 0 ? ", " : "", row->setting[k]);
        (void)fputc('\n', to);
    }
}

static void write_markdown(FILE *to, const Table *table) {
    if (table->experiment[0] != '\0') {
        (void)fputs("### ", to);
        markup_markdown(to, table->experiment);
        (void)fputs("\n\n", to);
    }
    if (table->question[0] != '\0') {
        markup_markdown(to, table->question);
        (void)fputs("\n\n", to);
    }
    markup_markdown(to, table->caption);
    (void)fputc('\n', to);
    put_settings(to, table);
    for (int section = 0; section < SECTION_COUNT; section++)
        if (table->section[section] != NULL) put_section(to, table, (TableSection)section);
    if (table->n_notes > 0) (void)fputc('\n', to);
    for (size_t i = 0; i < table->n_notes; i++) {
        (void)fputs("- ", to);
        markup_markdown(to, table->note[i]);
        (void)fputc('\n', to);
    }
}

const Format format_markdown = {.name = "markdown", .table = write_markdown};

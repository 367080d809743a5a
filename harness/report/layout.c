/* Rows and blocks. */
#include "harness/report/layout.h"

#include <stdio.h>

#include "harness/report/width.h"

const char *layout_mark(const TableRow *row) { return row->is_improving ? " ↗" : ""; }

char *layout_cell(char buf[LAYOUT_CELL], const TableColumn *column, const TableValue *value) {
    char text[VALUE_LEN];
    (void)snprintf(buf, LAYOUT_CELL, "%s%s", table_value_text(text, column, value), value->bold ? " *" : "");
    return buf;
}

size_t layout_column_width(const Table *table, size_t column) {
    char buf[LAYOUT_CELL];
    size_t widest = text_width(table_header_text(buf, &table->column[column]));
    for (size_t i = 0; i < table->n_rows; i++) {
        size_t width = text_width(layout_cell(buf, &table->column[column], &table->row[i].value[column]));
        if (width > widest) widest = width;
    }
    return widest;
}

bool layout_shows(const TableRow *row, size_t from, size_t until) {
    if (from == until) return !row->is_chance;
    if (!row->is_chance && !(row->is_baseline && row->count[CELL_DONE] > 0)) return true;
    for (size_t i = from; i < until; i++)
        if (row->value[i].kind != VALUE_NONE) return true;
    return false;
}

size_t layout_label_width(const Table *table, size_t from, size_t until) {
    size_t widest = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        size_t width = text_width(row->label) + text_width(layout_mark(row));
        if (layout_shows(row, from, until) && width > widest) widest = width;
    }
    return widest;
}

size_t layout_block_end(const Table *table, const TableSection *section, size_t from, size_t label, size_t page) {
    size_t width = label, until = from;
    while (until < section->first + section->n) {
        width += LAYOUT_GAP + layout_column_width(table, until);
        if (until > from && width > page) break;
        until++;
    }
    return until;
}

bool layout_has_settings(const Table *table) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->row[i].n_settings > 0) return true;
    return false;
}

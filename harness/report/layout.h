/* What the formats for people share: which rows a block of columns has, and how many columns fit side by side. Widths
 * are columns of a terminal. */
#ifndef HARNESS_REPORT_LAYOUT_H
#define HARNESS_REPORT_LAYOUT_H

#include "harness/report/table.h"

enum { LAYOUT_GAP = 2, LAYOUT_CELL = VALUE_LEN + 4 };

/* Behind a row's label: " ↗" where the metric was still improving. */
const char *layout_mark(const TableRow *row);

/* The value with " *" for bold. Returns buf. */
char *layout_cell(char buf[LAYOUT_CELL], const TableColumn *column, const TableValue *value);

/* Of the labels, with their marks, of the rows that columns [from, until) have. */
size_t layout_label_width(const Table *table, size_t from, size_t until);
size_t layout_column_width(const Table *table, size_t column);

/* False for uniform attention, and for a baseline with results, that have nothing to say in columns [from, until): what
 * failed stays, with "–". Of no columns: false for uniform attention. */
bool layout_shows(const TableRow *row, size_t from, size_t until);

/* The end of the block of columns that begins at `from`, within the section: as many as fit into page beside labels of
 * width label, one at least. */
size_t layout_block_end(const Table *table, const TableSection *section, size_t from, size_t label, size_t page);

/* True if the rows differ in any setting. */
bool layout_has_settings(const Table *table);

#endif

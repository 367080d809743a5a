/* Reads tables back: the values of each row from what a format has written. For tests that compare formats. */
#ifndef TESTS_TABLE_READER_H
#define TESTS_TABLE_READER_H

#include <stdbool.h>
#include <stddef.h>

enum { READER_ROWS = 4000, READER_VALUES = 200, READER_LEN = 700 };

typedef struct ReaderRow {
    char *label;                /* of a macro its name; of a CSV record "" */
    char *value[READER_VALUES]; /* [n] without markup; "–" left out, but in CSV */
    size_t n;
} ReaderRow;

typedef struct TableReader {
    ReaderRow *row; /* [n]; of text, Markdown and LaTeX one per label, whatever the blocks that it stands in */
    size_t n;
    ReaderRow head; /* CSV: the first record */
} TableReader;

/* format: "text", "markdown", "latex", "csv", or "macros". Storage lives until the program ends. */
void reader_read(TableReader *reader, const char *format, const char *text);

/* The row of that label, or NULL. */
const ReaderRow *reader_row(const TableReader *reader, const char *label);

/* CSV: a field of a record by the name of its column, or NULL. */
const char *reader_field(const TableReader *reader, size_t row, const char *column);

/* True if the macro `name` is a part of the figure `whole`: its mean, spread, bound or number. */
bool reader_is_part(const char *whole, const char *name);

#endif

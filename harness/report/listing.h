/* A table of words: columns with headers, rows of text, laid out for a terminal, as Markdown or as CSV. What its words
 * mean is the caller's. Depends on grid/pool, width, markup. */
#ifndef HARNESS_REPORT_LISTING_H
#define HARNESS_REPORT_LISTING_H

#include <stdbool.h>
#include <stdio.h>

#include "harness/grid/pool.h"

enum { LISTING_MAX_COLUMNS = 64 };

typedef enum ListingAlign {
    LISTING_NUMBER, /* ends at the column's end */
    LISTING_WORDS,  /* begins at its beginning */
    LISTING_KEY     /* words that name the row: repeated where a table is cut into blocks; these columns come first */
} ListingAlign;

/* Starts as {0}. */
typedef struct Listing {
    Pool pool;
    size_t n_columns, n_rows, room, n_fields; /* n_fields: of the last row, so far */
    const char *header[LISTING_MAX_COLUMNS];
    ListingAlign align[LISTING_MAX_COLUMNS];
    const char ***row; /* [n_rows][n_columns]; NULL = an empty field */
} Listing;

/* Appends a column; the header is copied. All columns come before the first row. Beyond LISTING_MAX_COLUMNS: left out.
 */
Err listing_column(Listing *listing, ListingAlign align, const char *header) MUST_CHECK;

/* Appends an empty row. */
Err listing_row(Listing *listing) MUST_CHECK;

/* Writes the next field of the last row. */
Err listing_field(Listing *listing, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

void listing_clear(Listing *listing);

/* Aligned by display width. Where page (columns of the terminal, 0 = any number) is too narrow, a short listing is cut
 * into blocks that repeat the keys; of a long one, which would be scrolled past, only the first block is written.
 * Returns the number of columns that were. */
size_t listing_text(FILE *to, const Listing *listing, int page);

void listing_markdown(FILE *to, const Listing *listing);
void listing_csv(FILE *to, const Listing *listing);

#endif

/* Layouts of a table of words. */
#include "harness/report/listing.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/report/markup.h"
#include "harness/report/width.h"

enum { GAP = 2, LONG_ROWS = 32 };

Err listing_column(Listing *listing, ListingAlign align, const char *header) {
    if (listing->n_columns == LISTING_MAX_COLUMNS) return ERR_OK;
    listing->align[listing->n_columns] = align;
    return pool_text(&listing->pool, &listing->header[listing->n_columns++], header);
}

Err listing_row(Listing *listing) {
    Err err = ERR_OK;
    TRY(pool_grow(&listing->pool, &listing->row, listing->n_rows, &listing->room, sizeof *listing->row));
    TRY(pool_alloc(&listing->pool, &listing->row[listing->n_rows], listing->n_columns, sizeof(char *)));
    listing->n_rows++;
    listing->n_fields = 0;
done:
    return err;
}

Err listing_field(Listing *listing, const char *fmt, ...) {
    char text[512], shown[3 * sizeof text]; /* it may quote files */
    va_list args;
    if (listing->n_fields == listing->n_columns) return ERR_OK;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return pool_text(&listing->pool, &listing->row[listing->n_rows - 1][listing->n_fields++],
                     utf8_tame(shown, sizeof shown, text));
}

void listing_clear(Listing *listing) {
    pool_clear(&listing->pool);
    memset(listing, 0, sizeof *listing);
}

static const char *field_of(const Listing *listing, size_t row, size_t column) {
    const char *text = listing->row[row][column];
    return text == NULL ? "" : text;
}

/* ---- text ---- */

static size_t column_width(const Listing *listing, size_t column) {
    size_t widest = text_width(listing->header[column]);
    for (size_t i = 0; i < listing->n_rows; i++) {
        size_t width = text_width(field_of(listing, i, column));
        if (width > widest) widest = width;
    }
    return widest;
}

static void pad(FILE *to, size_t n) {
    for (size_t i = 0; i < n; i++) (void)fputc(' ', to);
}

/* Spaces are written before the next word: a line never ends in some. */
static void put_field(FILE *to, const char *text, size_t width, ListingAlign align, size_t *owed) {
    const size_t used = text_width(text), space = used < width ? width - used : 0;
    if (align == LISTING_NUMBER) *owed += space;
    if (used > 0) {
        pad(to, *owed);
        (void)fputs(text, to);
        *owed = 0;
    }
    if (align != LISTING_NUMBER) *owed += space;
    *owed += GAP;
}

typedef struct Block {
    size_t n_keys, from, until;
    const size_t *width;
} Block;

/* i_row -1: the headers. */
static void put_line(FILE *to, const Listing *listing, const Block *block, int64_t i_row) {
    size_t owed = 0;
    for (size_t c = 0; c < block->until; c++) {
        if (c >= block->n_keys && c < block->from) continue;
        const char *text = i_row < 0 ? listing->header[c] : field_of(listing, (size_t)i_row, c);
        put_field(to, text, block->width[c], listing->align[c], &owed);
    }
    (void)fputc('\n', to);
}

static size_t n_keys_of(const Listing *listing) {
    size_t n = 0;
    while (n < listing->n_columns && listing->align[n] == LISTING_KEY) n++;
    return n;
}

/* As many columns from `from` on as fit beside the keys, but at least one. */
static size_t block_end(const Listing *listing, const Block *block, int page) {
    size_t used = 0, c = block->from;
    for (size_t k = 0; k < block->n_keys; k++) used += block->width[k] + GAP;
    while (c < listing->n_columns) {
        used += block->width[c];
        if (page > 0 && used > (size_t)page && c > block->from) break;
        used += GAP;
        c++;
    }
    return c;
}

size_t listing_text(FILE *to, const Listing *listing, int page) {
    size_t width[LISTING_MAX_COLUMNS], written = 0;
    Block block = {.n_keys = n_keys_of(listing), .width = width};
    for (size_t c = 0; c < listing->n_columns; c++) width[c] = column_width(listing, c);
    for (block.from = block.n_keys; written < listing->n_columns; block.from = block.until) {
        if (written > 0 && listing->n_rows > LONG_ROWS) break;
        if (written > 0) (void)fputc('\n', to);
        block.until = block_end(listing, &block, page);
        for (int64_t i = -1; i < (int64_t)listing->n_rows; i++) put_line(to, listing, &block, i);
        written = block.until;
    }
    return written;
}

/* ---- Markdown and CSV ---- */

void listing_markdown(FILE *to, const Listing *listing) {
    for (size_t c = 0; c < listing->n_columns; c++) {
        (void)fputs(c == 0 ? "| " : " ", to);
        markup_markdown(to, listing->header[c]);
        (void)fputs(" |", to);
    }
    (void)fputs("\n|", to);
    for (size_t c = 0; c < listing->n_columns; c++)
        (void)fputs(listing->align[c] == LISTING_NUMBER ? " --: |" : " :-- |", to);
    (void)fputc('\n', to);
    for (size_t i = 0; i < listing->n_rows; i++) {
        for (size_t c = 0; c < listing->n_columns; c++) {
            (void)fputs(c == 0 ? "| " : " ", to);
            markup_markdown(to, field_of(listing, i, c));
            (void)fputs(" |", to);
        }
        (void)fputc('\n', to);
    }
}

void listing_csv(FILE *to, const Listing *listing) {
    for (int64_t i = -1; i < (int64_t)listing->n_rows; i++) {
        for (size_t c = 0; c < listing->n_columns; c++) {
            if (c > 0) (void)fputc(',', to);
            markup_csv(to, i < 0 ? listing->header[c] : field_of(listing, (size_t)i, c));
        }
        (void)fputc('\n', to);
    }
}

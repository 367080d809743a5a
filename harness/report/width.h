/* Columns that text takes on a terminal, and text cut to them. Depends on data/utf8, terminal. */
#ifndef HARNESS_REPORT_WIDTH_H
#define HARNESS_REPORT_WIDTH_H

#include <stddef.h>
#include <stdio.h>

/* 2 for a wide character of East Asia, 0 for a combining mark, else 1; bytes that are not UTF-8 count 1 each. */
size_t text_width(const char *text);
size_t text_width_of(const char *text, size_t len);

/* Columns of a page: the terminal's, or 100 elsewhere; at least 60. */
enum { TEXT_PAGE = 100, TEXT_PAGE_MIN = 60 };
size_t text_page(FILE *to);

/* Writes the words of text, wrapped, with the spaces between them as they are, and the line's end; later lines are
 * indented. What two spaces set off stays together where it fits. `at` columns of the first line are taken. A line has
 * at most TEXT_PAGE columns: beyond, it is hard to read, however wide the terminal is. */
void text_wrap(FILE *to, size_t page, const char *text, size_t at, size_t indent);

#endif

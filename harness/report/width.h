/* Columns that text takes on a terminal. Depends on data/utf8. */
#ifndef HARNESS_REPORT_WIDTH_H
#define HARNESS_REPORT_WIDTH_H

#include <stddef.h>

/* 2 for a wide character of East Asia, 0 for a combining mark, else 1; bytes that are not UTF-8 count 1 each. */
size_t text_width(const char *text);

#endif

/* Text with what a format would take for its own signs escaped. Depends on libc only. */
#ifndef HARNESS_REPORT_MARKUP_H
#define HARNESS_REPORT_MARKUP_H

#include <stdio.h>

/* GitHub's Markdown, inside a paragraph or a table; an underscore within a word is none of its signs, and "# ", "- "
 * and "1. " are only at the start. */
void markup_markdown(FILE *to, const char *text);

/* Code in Markdown, outside tables: between as many backticks as the text does not have in a row. */
void markup_code(FILE *to, const char *text);

/* A field of CSV (RFC 4180): in quotes where it holds a comma, a quote or a line's end. */
void markup_csv(FILE *to, const char *text);

#endif

/* Text with what a format would take for its own signs escaped. Depends on data/utf8, nettle. */
#ifndef HARNESS_REPORT_MARKUP_H
#define HARNESS_REPORT_MARKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* GitHub's Markdown, inside a paragraph or a table; an underscore within a word is none of its signs, and "# ", "- "
 * and "1. " are only at the start. */
void markup_markdown(FILE *to, const char *text);

/* Code in Markdown, outside tables: between as many backticks as the text does not have in a row. */
void markup_code(FILE *to, const char *text);

/* A field of CSV (RFC 4180): in quotes where it holds a comma, a quote or a line's end. */
void markup_csv(FILE *to, const char *text);

/* Content or a quoted attribute of HTML. What is not UTF-8 or cannot be printed becomes U+FFFD. */
void markup_html(FILE *to, const char *text);

/* A string of JSON with its quotes, that may stand in a script element of HTML: without '<', '>' and '&'. */
void markup_json(FILE *to, const char *text);

/* Bytes in base64, without line breaks. */
void markup_base64(FILE *to, const void *bytes, size_t n);

#endif

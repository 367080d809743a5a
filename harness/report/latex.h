/* Text and numbers for LaTeX, whatever they hold: pdflatex, XeLaTeX and LuaLaTeX take them in text, in a table's cell
 * and in a caption. */
#ifndef HARNESS_REPORT_LATEX_H
#define HARNESS_REPORT_LATEX_H

#include <stdio.h>

#include "harness/report/table.h"

/* UTF-8 on one line, escaped. Characters that pdflatex's fonts lack are written for the engines that have them, and by
 * number ("U+539F") for pdflatex. */
void latex_text(FILE *to, const char *text);

/* The value, words or a number with minus signs. */
void latex_value(FILE *to, const TableColumn *column, const TableValue *value);

/* The body of a macro, which may be used in text and in math. */
void latex_macro_text(FILE *to, const char *text, bool is_number);

#endif

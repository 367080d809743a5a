/* A table as LaTeX macros, so that a paper's text quotes the figures of its table: \DriftRevisedCharAccuracy. */
#ifndef HARNESS_REPORT_MACROS_H
#define HARNESS_REPORT_MACROS_H

#include <stdio.h>

#include "harness/report/table.h"

/* One \newcommand per figure: experiment, row and column in words, digits spelled, since a macro's name has letters
 * alone; then the whole figure ("0.878 ± 0.009") and its parts (Mean, Std, Low, High, N). A name depends on what it
 * stands for and not on what else is in the table, unless two rows have one name in words: the later has "Two" behind.
 * ERR_NOMEM. */
Err macros_write(FILE *to, const Table *table) MUST_CHECK;

#endif

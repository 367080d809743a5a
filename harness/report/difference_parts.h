/* The parts of two cells, compared. For difference.c. */
#ifndef HARNESS_REPORT_DIFFERENCE_PARTS_H
#define HARNESS_REPORT_DIFFERENCE_PARTS_H

#include "harness/report/difference.h"

/* Appends a pair whose texts are copied; nothing if they are the same. */
Err diff_pair(Pool *pool, DiffPairs *pairs, const char *key, const char *a, const char *b) MUST_CHECK;

/* Fills out->facts, settings and origin from two cells read with provenance and memory. */
Err diff_words(Pool *pool, DiffCell *out, const CellRecord *a, const CellRecord *b) MUST_CHECK;

/* Fills the rest from two cells read with all parts. */
Err diff_numbers(Pool *pool, DiffCell *out, const CellRecord *a, const CellRecord *b) MUST_CHECK;

#endif

/* Which attention a picture shows: of one cell its samples, or one sample as it was at every evaluation; of several
 * cells the same samples side by side. Reads the cells, checks that they show the same, and has it drawn (overlay.h).
 */
#ifndef HARNESS_REPORT_ATTENTION_SHEET_H
#define HARNESS_REPORT_ATTENTION_SHEET_H

#include <stdbool.h>

#include "harness/record/results.h"

typedef struct AttentionOptions {
    const char *cell;    /* name or pattern; NULL: the only cell, or when comparing all cells of the first seed */
    bool compare;        /* several cells, side by side */
    const char *samples; /* "3", "0,4-6"; NULL = all of a cell, the first when comparing */
    const char *step;    /* "last", "all" or a step at which maps were recorded; NULL = last */
} AttentionOptions;

/* Writes the picture to path (PNG, SVG or PDF by its name). ERR_ARG for options that do not go together, a malformed
 * list, a sample that is not there, cells that do not show the same samples; ERR_NOTHING for no such cell or step, or a
 * cell without maps; what results_read and overlay_write give. */
Err attention_sheet_write(const Results *results, const AttentionOptions *options, const char *path) MUST_CHECK;

#endif

/* Cells of a results file that a command names. Depends on record/results, grid. */
#ifndef HARNESS_REPORT_PICK_H
#define HARNESS_REPORT_PICK_H

#include <stddef.h>

#include "harness/record/results.h"

/* *out [n] = indices of the cells whose name or id is `pattern`, or matches it with '*' and '?'; NULL = all. The caller
 * frees it (mem_free). ERR_NOTHING, with the nearest name, when none does. */
Err pick_cells(size_t **out, size_t *n, const Results *results, const char *pattern) MUST_CHECK;

/* "revised, focus.lambda=0.5": a cell's row in tables and pictures. The caller frees it. */
Err pick_label(char **out, const CellRecord *cell) MUST_CHECK;

/* Why a cell has nothing to show: "over budget: ...", "no result yet". Returns buf. */
enum { PICK_STATE = 240 };
char *pick_state(char buf[PICK_STATE], const CellRecord *cell);

/* "over budget" of over_budget: a status in words. */
const char *pick_status(CellStatus status);

#endif

/* A cell whose settings changed has another identity and another folder: what became of the one before. Depends on
 * folder, grid. */
#ifndef HARNESS_RUN_CELL_PAST_H
#define HARNESS_RUN_CELL_PAST_H

#include "harness/grid/grid.h"

/* why = "stale: train.lr changed from 0.01 to 0.02, ...", by the last cell of this name that was trained beside
 * `folder`, which need not exist, with other settings; "" if there is none. ERR_NOMEM. */
Err cell_past(char *why, size_t len, const char *folder, const Cell *cell) MUST_CHECK;

#endif

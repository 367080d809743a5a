/* The results file of a grid, packed from its sealed cells, and the sealing of cells that did not come to an end.
 * Depends on grid, record, journal. */
#ifndef HARNESS_RUN_PUBLISH_H
#define HARNESS_RUN_PUBLISH_H

#include "harness/grid/grid.h"
#include "harness/record/record.h"

/* *out = "<results>/<grid->results>": folder of the cells; with ".h5", the packed file. The caller owns it. */
Err publish_folder(char **out, const char *results, const Grid *grid) MUST_CHECK;
Err publish_file(char **out, const char *results, const Grid *grid) MUST_CHECK;

/* *out = folder of a cell. */
Err publish_cell_folder(char **out, const char *results, const Grid *grid, const Cell *cell) MUST_CHECK;

/* Packs the whole grid, atomically. ERR_CREATE, ERR_IO, ERR_DATA with the cell that cannot be read. */
Err publish_pack(const char *results, const Grid *grid, const char *command) MUST_CHECK;

/* Seals a cell that failed or was interrupted, with what its journal holds, in place of what was sealed before, unless
 * that is a result. Its checkpoint stays. */
Err publish_unfinished(const char *folder, const Cell *cell, CellStatus status, const char *cause) MUST_CHECK;

/* Removes what a cell sealed with this status no longer needs, and a process killed while it sealed left behind:
 * journal, checkpoints, temporary files. Nothing of a cell without a result, which may be tried again; nothing while
 * another process is at it, nor where nothing can be removed. */
void publish_tidy(const char *folder, CellStatus status);

#endif

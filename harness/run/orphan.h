/* Folders of cells that a grid no longer has: what an earlier state of it trained. Never in tables; kept until
 * `refocus clean` removes them. Depends on publish, folder. */
#ifndef HARNESS_RUN_ORPHAN_H
#define HARNESS_RUN_ORPHAN_H

#include "harness/grid/grid.h"

typedef struct Orphan {
    char *name; /* of the folder: "revised@0-df0bc761" */
    char *path;
    uint64_t bytes; /* of its files */
    int64_t n_files;
    bool is_sealed; /* it holds a finished result */
    bool is_busy;   /* another process is at it */
} Orphan;

/* Starts as {0}. */
typedef struct Orphans {
    size_t n, room;
    Orphan *item; /* [n] by name */
    uint64_t bytes;
} Orphans;

/* Folders below the grid's that hold a cell's files, but are of none of its cells for any kind of device, by the name
 * that the grid gives to their folders. Other files and folders are nobody's business here. grids [n]: one for each
 * kind of device. No folder of results: none. Writes nothing. The caller clears *out whatever comes. ERR_IO, ERR_NOMEM.
 */
Err orphans_find(Orphans *out, const char *results, const Grid *const *grids, size_t n) MUST_CHECK;
void orphans_clear(Orphans *orphans);

/* Removes the folder and its files, holding its lock. *busy: another process is at it by now, and nothing was removed.
 * ERR_IO: what is left. */
Err orphan_remove(const Orphan *orphan, bool *busy) MUST_CHECK;

#endif

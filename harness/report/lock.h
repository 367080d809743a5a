/* Lock files: the memory plans of a grid as text, experiments/NAME.lock beside experiments/NAME.yaml, to be committed.
 * What decides a plan's bytes is the shapes and the class of device (kernels/device.h), so an entry is one distinct
 * plan of one class, with the cells that have it. There is nothing in it that another machine, day or version would
 * write otherwise; its last line is the SHA-256 of the lines before. Depends on survey, steps. */
#ifndef HARNESS_REPORT_LOCK_H
#define HARNESS_REPORT_LOCK_H

#include "harness/grid/grid.h"
#include "harness/grid/pool.h"
#include "harness/record/record.h"
#include "harness/run/survey.h"

/* Raised when the text changes its meaning; readers refuse another one. LOCK_SHARE: a tensor, or the same tensor of
 * consecutive steps, is listed if it holds more than one part in LOCK_SHARE of the peak. */
enum { LOCK_FORMAT = 1, LOCK_SHARE = 1000 };

/* Cells that differ in their seeds alone. */
typedef struct LockCells {
    const char *name; /* without the seed: "revised,focus.lambda=0.5" */
    size_t n_seeds, room;
    int64_t *seeds; /* ascending */
} LockCells;

/* Tensors without a line of their own. */
typedef struct LockSmaller {
    int64_t n, bytes;
} LockSmaller;

/* By name, once sorted. */
typedef struct LockCellList {
    size_t n, room;
    LockCells *item;
} LockCellList;

typedef struct LockPlan {
    const char *device; /* class: "cuda", "cpu-avx2" */
    LockCellList cells;
    int64_t peak_bytes;
    const char *peak_node; /* the node that reaches it */
    size_t n_modules, n_tensors;
    const RecordBytes *modules; /* by name; "gaps" is one of them, so that they add up to the peak */
    const RecordBytes *tensors; /* live at the peak, each name once, in the order of steps_compare */
    LockSmaller further;        /* tensors that are not in the list, since a lock file leaves them out; 0: it has all */
} LockPlan;

/* Starts as {0}. */
typedef struct Lock {
    Pool pool;
    const char *experiment;
    size_t n_plans, room;
    LockPlan *plan; /* by class, then by the name of the first cell */
} Lock;

/* Plans of all cells of a grid, surveyed for a class of device, every tensor included. *out starts as {0}; the caller
 * clears it whatever comes. */
Err lock_of_surveys(Lock *out, const Grid *grid, const Surveys *surveys, const char *device) MUST_CHECK;
void lock_clear(Lock *lock);

/* *out = the lock's text; the caller owns it. */
Err lock_text(char **out, const Lock *lock) MUST_CHECK;

/* Reads the text of a lock (a NUL behind its n bytes); `path` stands in messages. Only what lock_text writes is read:
 * ERR_DATA names file, line and what is wrong (another format, cut short, not sorted, edited by hand, a conflict of a
 * merge). *out starts as {0}; the caller clears it whatever comes. */
Err lock_parse(Lock *out, const char *path, const char *text, size_t n) MUST_CHECK;

/* *out = where the lock of the grid at that path lies: its name with .lock for .yaml. The caller owns it. */
Err lock_path(char **out, const char *grid_path) MUST_CHECK;

/* lock_parse of a file. ERR_MISSING, with what writes it, if there is none. */
Err lock_read(Lock *out, const char *path, const char *grid_path) MUST_CHECK;

/* What lock_write found and did. */
typedef struct LockWritten {
    bool changed;     /* false: the file says all this already, and was left alone */
    bool unreadable;  /* what was there could not be read (err_message() says why): it was replaced */
    size_t n_written; /* plans of this class */
    size_t n_kept;    /* plans of other classes */
} LockWritten;

/* Puts the plans of one class into the lock beside the grid, in place of the plans that the file has of that class;
 * those of others stay. The file appears whole or not at all. ERR_CREATE, ERR_IO, ERR_NOMEM. */
Err lock_write(LockWritten *out, const char *path, const Lock *planned, const char *device) MUST_CHECK;

/* The first plan of that class, or NULL. */
const LockPlan *lock_find(const Lock *lock, const char *device);

/* ---- parts ---- */

/* Appends a plan; its storage is shared with what it was copied from. */
Err lock_add(Lock *lock, const LockPlan *plan) MUST_CHECK;

/* Sorts plans, cells and seeds into the order of the file. */
void lock_sort(Lock *lock);
void lock_sort_cells(LockCellList *cells);

/* Adds one cell, given by the first len bytes of its name and its seed, to those that differ in the seed alone. */
Err lock_add_cell(Pool *pool, LockCellList *cells, const char *name, size_t len, int64_t seed) MUST_CHECK;

/* *out = the cells with that name, or NULL. */
const LockCells *lock_find_cells(const LockCellList *cells, const char *name);

/* How many cells these are, every seed counted. */
size_t lock_count_cells(const LockCellList *cells);

/* *out = "revised,focus.lambda=0.5@0-6,9". */
Err lock_cells_text(Pool *pool, const char **out, const LockCells *cells) MUST_CHECK;

/* How many of the first tensors are one of consecutive steps each, of equal sizes: what a folded name stands for. */
size_t lock_run(const RecordBytes *tensors, size_t n);

/* A tensor, or one of each step, is worth a line. */
static inline bool lock_is_large(int64_t bytes, int64_t peak_bytes) { return bytes > peak_bytes / LOCK_SHARE; }

/* Tensors that are not worth a line: how many, and their bytes. */
LockSmaller lock_smaller(const LockPlan *plan);

/* Bytes of a module, 0 if there is none of that name. */
int64_t lock_module_bytes(const LockPlan *plan, const char *module);

#endif

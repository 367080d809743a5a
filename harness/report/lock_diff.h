/* What became of the plans that a lock holds. Depends on lock, tolerance. */
#ifndef HARNESS_REPORT_LOCK_DIFF_H
#define HARNESS_REPORT_LOCK_DIFF_H

#include <jansson.h>
#include <stdio.h>

#include "harness/report/lock.h"
#include "harness/report/tolerance.h"

/* In the order in which they are told. */
typedef enum LockKind {
    LOCK_GREW,
    LOCK_NEW, /* the lock does not have these cells */
    LOCK_SHRANK,
    LOCK_CHANGED, /* the same peak, of other tensors or at another node */
    LOCK_GONE,    /* the grid does not have these cells any more */
    LOCK_KIND_COUNT
} LockKind;

/* "grew", "new", ...; never NULL. */
const char *lock_kind_name(LockKind kind);

/* A module, a tensor, or one tensor of each step. 0 bytes: it was not there, or no more than a part in LOCK_SHARE of
 * the peak; it is not there any more. */
typedef struct LockPart {
    const char *name; /* steps folded */
    int64_t before, after;
} LockPart;

/* Cells whose plan was the same and is the same. */
typedef struct LockChange {
    LockKind kind;
    bool tolerated; /* its peak moved within the tolerance */
    LockCellList cells;
    const LockPlan *before, *after; /* NULL for LOCK_NEW, LOCK_GONE; borrowed from the locks */
    size_t n_modules, n_tensors;
    LockPart *modules, *tensors; /* what moved, by how much; largest first */
    int64_t smaller;             /* growth of all other tensors together */
} LockChange;

/* Starts as {0}. */
typedef struct LockDiff {
    Pool pool;
    size_t n, room;
    LockChange *change;              /* by kind, then by how much */
    size_t n_cells[LOCK_KIND_COUNT]; /* of each kind */
    size_t n_same;                   /* cells as locked */
    size_t n_tolerated;              /* cells that moved within the tolerance, which n_cells counts too */
} LockDiff;

/* Compares the plans of one class. A tolerance of {0} accepts no difference at all; with one, plans whose peak moves by
 * no more than that are told, and accepted. The locks must outlive *out, which starts as {0} and which the caller
 * clears whatever comes. */
Err lock_diff(LockDiff *out, const Lock *locked, const Lock *planned, const char *device,
              const Tolerance *tolerance) MUST_CHECK;
void lock_diff_clear(LockDiff *diff);

/* Cells that make a check fail. */
size_t lock_diff_failures(const LockDiff *diff);

/* Prints the changes, with exact bytes and their tensors. */
Err lock_diff_print(FILE *to, const LockDiff *diff, const char *device, const Tolerance *tolerance) MUST_CHECK;

/* *out = the same as an array of objects, in full. */
Err lock_diff_json(json_t **out, const LockDiff *diff) MUST_CHECK;

#endif

/* `refocus plan --write-lock`. Depends on report/lock. */
#ifndef HARNESS_COMMAND_WRITE_LOCK_H
#define HARNESS_COMMAND_WRITE_LOCK_H

#include "harness/grid/grid.h"
#include "harness/run/survey.h"

/* Writes the surveyed plans of a whole grid into the lock beside it, for the class of the device that they were made
 * for, and says on stderr what it did. ERR_ARG for a grid under overrides: a lock is of the grid as it stands. */
Err write_lock(const Grid *grid, const Surveys *surveys) MUST_CHECK;

#endif

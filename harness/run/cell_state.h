/* What a cell's folder says, and what `run` would therefore do with the cell, and why. Changes nothing of a cell
 * (folder_is_locked may write a file for a moment). Depends on folder, checkpoint, record/results, survey. */
#ifndef HARNESS_RUN_CELL_STATE_H
#define HARNESS_RUN_CELL_STATE_H

#include "harness/grid/grid.h"
#include "harness/run/survey.h"

typedef enum CellAction {
    CELL_TRAIN,      /* from the first step */
    CELL_RESUME,     /* from a checkpoint */
    CELL_REVALIDATE, /* sealed by other code: shown to give the same bits, or trained again */
    CELL_SKIP,       /* finished */
    CELL_SAME,       /* trained once, as another cell */
    CELL_BUSY        /* another process is at it */
} CellAction;

enum { CELL_WHY = 512 };

typedef struct CellState {
    CellAction action;
    bool sealed;           /* there is a cell.h5, with this status */
    CellStatus status;     /* CELL_MISSING without one */
    int64_t step;          /* RESUME: updates done */
    bool is_observed_anew; /* SKIP: a file behind its valid or test set is another one today; `why` names it */
    char why[CELL_WHY];
} CellState;

/* Ends that are no result, which are tried again only when that is asked for. */
typedef struct CellRetry {
    bool failed, diverged;
} CellRetry;

/* "train", "resume", "revalidate", "skip", "same", "busy" */
const char *cell_action_name(CellAction action);

/* folder: of the cell, which need not exist. ERR_NOMEM, ERR_IO. */
Err cell_look(CellState *out, const char *folder, const Cell *cell, const Survey *survey, CellRetry retry) MUST_CHECK;

/* The same for a folder whose lock the caller holds: never BUSY. */
Err cell_look_inside(CellState *out, const char *folder, const Cell *cell, const Survey *survey,
                     CellRetry retry) MUST_CHECK;

#endif

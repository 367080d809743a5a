/* How far the cells of a grid are, and how long the rest will take: from their folders, journals and sealed results.
 * Changes nothing that run reads (what it leaves for a moment, where there are cells of other hosts, tells the file
 * server's clock); what `run` would do follows from the agenda. Depends on agenda, journal, room. */
#ifndef HARNESS_RUN_STATUS_H
#define HARNESS_RUN_STATUS_H

#include "harness/run/agenda.h"

/* In the order in which they are counted. */
typedef enum StatusKind {
    STATUS_DONE,
    STATUS_RUNNING,     /* another process is at it */
    STATUS_WAITING,     /* not begun */
    STATUS_DEFERRED,    /* not begun, and the machine could not hold it now */
    STATUS_INTERRUPTED, /* begun and stopped: run goes on with it */
    STATUS_STALE,       /* finished, but by other code, data or settings: run checks it, or trains it again */
    STATUS_FAILED,
    STATUS_DIVERGED,
    STATUS_OVER_BUDGET,
    STATUS_KIND_COUNT
} StatusKind;

/* "over budget"; for programs "over_budget". */
const char *status_kind_words(StatusKind kind);
const char *status_kind_name(StatusKind kind);

typedef struct StatusCell {
    StatusKind kind;
    int64_t step, n_steps; /* updates made of those asked for */
    double loss;           /* RUNNING: of the last step; NaN = none yet */
    double seconds_left;   /* of one process; 0 = nothing to do; NaN = not known */
    bool is_scaled;        /* that is taken from cells of other settings, by their operations */
    char why[CELL_WHY];    /* "after step 200 of 800", "failed: killed by signal 9", ... */
} StatusCell;

typedef struct Status {
    const Agenda *agenda;            /* borrowed */
    StatusCell *cell;                /* [grid->n_cells]; those that are trained as another say what it does */
    size_t count[STATUS_KIND_COUNT]; /* of all cells, those among them */
    size_t n_left;                   /* cells that run would work on, or that are being worked on, each once */
    int64_t steps_left;
    double seconds_left; /* of one process after the other; NaN where one of them is not known */
} Status;

/* Of an agenda of all cells. The caller clears *out whatever comes. */
Err status_make(Status *out, const Agenda *agenda) MUST_CHECK;
void status_clear(Status *status);

#endif

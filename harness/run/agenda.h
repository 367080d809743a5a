/* What `run` will do with each cell of a grid, and why: decided before anything starts, shown by --dry-run.
 * Depends on cell_state, publish. */
#ifndef HARNESS_RUN_AGENDA_H
#define HARNESS_RUN_AGENDA_H

#include "harness/run/cell_state.h"

typedef struct AgendaItem {
    bool selected; /* the cell, or one that is trained as it */
    CellState state;
    char *folder;
} AgendaItem;

typedef struct Agenda {
    const Grid *grid; /* borrowed, as the surveys are */
    const Surveys *surveys;
    CellRetry retry;
    AgendaItem *item; /* [grid->n_cells] */
    size_t n_work;    /* cells to train, resume or revalidate */
    int64_t n_steps;  /* that they have before them */
} Agenda;

/* *out [n_cells] = which cells the patterns select (n_patterns = 0: all), with those that are trained in their place.
 * *n = how many they matched. ERR_NOTHING if one of them matches none. The caller frees with mem_free. */
Err agenda_select(bool **out, size_t *n, const Grid *grid, const char *const *patterns, size_t n_patterns) MUST_CHECK;

/* Reads the folders of the selected cells. The caller clears *out whatever comes. */
Err agenda_make(Agenda *out, const Grid *grid, const Surveys *surveys, const char *results, const bool *selected,
                CellRetry retry) MUST_CHECK;
void agenda_clear(Agenda *agenda);

/* True if run would start a process for it. */
bool agenda_is_work(const CellState *state);

#endif

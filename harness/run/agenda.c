/* Deciding. */
#include "harness/run/agenda.h"

#include <stdio.h>
#include <string.h>

#include "harness/run/publish.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static bool matches(const Cell *cell, const char *const *patterns, size_t n_patterns) {
    for (size_t i = 0; i < n_patterns; i++)
        if (grid_match(patterns[i], cell->name)) return true;
    return n_patterns == 0;
}

/* A pattern that matches nothing is a slip of the pen, whatever the others match. */
static Err check_pattern(const Grid *grid, const char *pattern) {
    char hint[160];
    Near near = near_start(pattern);
    for (size_t i = 0; i < grid->n_cells; i++) {
        if (grid_match(pattern, grid->cells[i].name)) return ERR_OK;
        near_offer(&near, grid->cells[i].name);
    }
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    return err_set(ERR_NOTHING, "no cell of %s matches '%s'%s%s", grid->path, pattern,
                   hint[0] != '\0' ? hint : "; its first is ", hint[0] != '\0' ? "" : grid->cells[0].name);
}

Err agenda_select(bool **out, size_t *n, const Grid *grid, const char *const *patterns, size_t n_patterns) {
    Err err = ERR_OK;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < n_patterns; i++) TRY(check_pattern(grid, patterns[i]));
    TRY(mem_alloc(out, grid->n_cells, sizeof **out));
    for (size_t i = 0; i < grid->n_cells; i++) {
        if (!matches(&grid->cells[i], patterns, n_patterns)) continue;
        (*out)[i] = (*out)[grid->cells[i].same_as] = true;
        (*n)++;
    }
done:
    return err;
}

bool agenda_is_work(const CellState *state) {
    return state->action == CELL_TRAIN || state->action == CELL_RESUME || state->action == CELL_REVALIDATE;
}

Err agenda_make(Agenda *out, const Grid *grid, const Surveys *surveys, const char *results, const bool *selected,
                CellRetry retry) {
    Err err = ERR_OK;
    memset(out, 0, sizeof *out);
    out->grid = grid;
    out->surveys = surveys;
    out->retry = retry;
    TRY(mem_alloc(&out->item, grid->n_cells, sizeof *out->item));
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        AgendaItem *item = &out->item[i];
        item->selected = selected[i];
        if (!item->selected) continue;
        TRY(publish_cell_folder(&item->folder, results, grid, cell));
        if (cell->same_as != i) {
            item->state = (CellState){.action = CELL_SAME, .status = CELL_MISSING};
            (void)snprintf(item->state.why, sizeof item->state.why, "as %s", grid->cells[cell->same_as].name);
            continue;
        }
        TRY(cell_look(&item->state, item->folder, cell, survey_of(surveys, i), retry));
        if (!agenda_is_work(&item->state)) continue;
        out->n_work++;
        if (item->state.action != CELL_REVALIDATE)
            out->n_steps += settings_int(cell->settings, "train.steps") - item->state.step;
    }
done:
    return err;
}

void agenda_clear(Agenda *agenda) {
    for (size_t i = 0; agenda->item != NULL && i < agenda->grid->n_cells; i++) mem_free(agenda->item[i].folder);
    mem_free(agenda->item);
    memset(agenda, 0, sizeof *agenda);
}

/* Patterns over names. */
#include "harness/report/pick.h"

#include <stdio.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "kernels/mem.h"
#include "kernels/near.h"
#include "models/text.h"

static Err nothing(const Results *results, const char *pattern) {
    char hint[200];
    const char *path = results_info(results)->path;
    size_t n = results_count(results);
    if (n == 0) return err_set(ERR_NOTHING, "'%s' has no cells", path);
    Near near = near_start(pattern);
    for (size_t i = 0; i < n; i++) near_offer(&near, results_cell(results, i)->name);
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    return err_set(ERR_NOTHING, "no cell of '%s' is named or matches '%s'%s%s", path, pattern,
                   hint[0] != '\0' ? hint : "; its first is ", hint[0] != '\0' ? "" : results_cell(results, 0)->name);
}

Err pick_cells(size_t **out, size_t *n, const Results *results, const char *pattern) {
    Err err = ERR_OK;
    *n = 0;
    TRY(mem_alloc(out, results_count(results), sizeof **out));
    for (size_t i = 0; i < results_count(results); i++) {
        const CellRecord *cell = results_cell(results, i);
        if (pattern == NULL || strcmp(cell->id, pattern) == 0 || grid_match(pattern, cell->name)) (*out)[(*n)++] = i;
    }
    if (*n == 0) TRY(nothing(results, pattern != NULL ? pattern : "*"));
done:
    if (err != ERR_OK) {
        mem_free(*out);
        *out = NULL;
    }
    return err;
}

Err pick_label(char **out, const CellRecord *cell) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "%s", cell->variant));
    for (size_t i = 0; i < cell->n_axes; i++) TRY(text_add(&text, ", %s", cell->axes[i]));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

const char *pick_status(CellStatus status) {
    switch (status) {
    case CELL_OVER_BUDGET: return "over budget";
    case CELL_MISSING: return "no result yet";
    default: return cell_status_name(status);
    }
}

char *pick_state(char buf[PICK_STATE], const CellRecord *cell) {
    const char *cause = cell->cause != NULL && cell->status != CELL_MISSING ? cell->cause : "";
    (void)snprintf(buf, PICK_STATE, "%s%s%s", pick_status(cell->status), cause[0] != '\0' ? ": " : "", cause);
    return buf;
}

/* Reading a cell, and all cells in a line each. */
#include "harness/report/show.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/record/sealed.h"
#include "harness/report/listing.h"
#include "harness/report/pick.h"
#include "harness/report/rows.h"
#include "harness/run/size_text.h"
#include "kernels/mem.h"

/* ---- one cell ---- */

/* How many of a baseline's axes the cell shares; -1 if it is at another place on one of them. */
static int shared_axes(const CellRecord *cell, const CellRecord *baseline) {
    int n = 0;
    for (size_t i = 0; i < baseline->n_axes; i++) {
        bool found = false;
        for (size_t k = 0; k < cell->n_axes && !found; k++) found = strcmp(cell->axes[k], baseline->axes[i]) == 0;
        if (!found) return -1;
        n++;
    }
    return n;
}

static const CellRecord *find_baseline(const Results *results, const CellRecord *cell) {
    const char *name = results_info(results)->baseline;
    const CellRecord *best = NULL;
    int best_shared = -1;
    if (name == NULL || strcmp(cell->variant, name) == 0) return NULL;
    for (size_t i = 0; i < results_count(results); i++) {
        const CellRecord *other = results_cell(results, i);
        if (strcmp(other->variant, name) != 0 || other->seed != cell->seed || other->identity == NULL) continue;
        int shared = shared_axes(cell, other);
        if (shared > best_shared) {
            best = other;
            best_shared = shared;
        }
    }
    return best;
}

/* The folder that a sealed cell lies in is its own. */
static Err find_folder(Show *out, const char *path) {
    Err err = ERR_OK;
    char *folder = NULL;
    const char *slash = strrchr(path, '/');
    if (strcmp(slash != NULL ? slash + 1 : path, "cell.h5") == 0)
        return pool_printf(&out->pool, &out->folder, "%.*s", slash != NULL ? (int)(slash - path) : 1,
                           slash != NULL ? path : ".");
    TRY(sealed_find(&folder, path, out->cell));
    if (folder != NULL) TRY(pool_text(&out->pool, &out->folder, folder));
done:
    mem_free(folder);
    return err;
}

Err show_read(Show *out, const Results *results, size_t i) {
    const unsigned parts = (unsigned)PART_CURVES | (unsigned)PART_EVALUATION | (unsigned)PART_ATTENTION |
                           (unsigned)PART_MEMORY | (unsigned)PART_VOLATILE | (unsigned)PART_PROVENANCE;
    Err err = ERR_OK;
    *out = (Show){.info = results_info(results)};
    TRY(results_read(results, i, parts, &out->cell));
    out->baseline = find_baseline(results, out->cell);
    TRY(find_folder(out, out->info->path));
done:
    return err;
}

void show_clear(Show *show) {
    record_free(show->cell);
    pool_clear(&show->pool);
    *show = (Show){0};
}

/* ---- all cells ---- */

static Err list_columns(Listing *listing, const char *metric, const char *set) {
    Err err = ERR_OK;
    char header[160];
    (void)snprintf(header, sizeof header, "%s %s", set, metric);
    TRY(listing_column(listing, LISTING_KEY, "cell"));
    TRY(listing_column(listing, LISTING_NUMBER, "steps"));
    TRY(listing_column(listing, LISTING_NUMBER, header));
    TRY(listing_column(listing, LISTING_NUMBER, "time"));
    TRY(listing_column(listing, LISTING_WORDS, "outcome"));
done:
    return err;
}

static Err list_cell(Listing *listing, const Results *results, size_t i, const char *metric, const char *set) {
    Err err = ERR_OK;
    CellRecord *cell = NULL;
    char time[SIZE_TEXT], state[PICK_STATE];
    const CellRecord *head = results_cell(results, i);
    TRY(listing_row(listing));
    TRY(listing_field(listing, "%s", head->name));
    if (head->status == CELL_MISSING) {
        for (int k = 0; k < 3; k++) TRY(listing_field(listing, "–"));
    } else {
        TRY(results_read(results, i, (unsigned)PART_CURVES | (unsigned)PART_EVALUATION | (unsigned)PART_VOLATILE,
                         &cell));
        double value = cell_metric(cell, set, metric, (At){AT_LAST, 0});
        int64_t step = cell->curves.n > 0 ? cell->curves.step[cell->curves.n - 1] : 0;
        TRY(listing_field(listing, "%" PRId64, step));
        TRY(isnan(value) ? listing_field(listing, "–") : listing_field(listing, "%.3f", value));
        TRY(!(cell->times.wall_seconds >= 0) ? listing_field(listing, "–")
                                             : listing_field(listing, "%s", time_text(cell->times.wall_seconds, time)));
    }
    TRY(listing_field(listing, "%s", pick_state(state, head)));
done:
    record_free(cell);
    return err;
}

Err show_list(FILE *to, const Results *results) {
    Err err = ERR_OK;
    Listing listing = {0};
    const ResultsInfo *info = results_info(results);
    const char *metric = info->primary_metric != NULL ? info->primary_metric : "char_accuracy";
    const char *set = info->primary_set != NULL ? info->primary_set : "test";
    TRY(list_columns(&listing, metric, set));
    for (size_t i = 0; i < results_count(results); i++) TRY(list_cell(&listing, results, i, metric, set));
    (void)listing_text(to, &listing, 0);
done:
    listing_clear(&listing);
    return err;
}

/* What a table says beside its figures: the settings in which rows differ, what failed, what the figures cannot show.
 * The words are chosen so that no row claims more than its seeds and settings allow. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/report/identity.h"
#include "harness/report/table_build.h"

/* ---- settings in which rows differ ---- */

/* True if some row that knows its settings does not have this very line. */
static bool differs(const Build *build, const char *line, size_t len) {
    for (size_t i = 0; i < build->rows->n; i++) {
        const CellRecord *cell = build->rows->row[i].first;
        if (cell->status != CELL_MISSING && !identity_has(cell->identity, line, len)) return true;
    }
    return false;
}

static Err row_differences(Build *build, const CellRecord *cell, TableRow *out) {
    Err err = ERR_OK;
    Pool *pool = &build->table->pool;
    const char *text = cell->identity, *line = NULL;
    size_t len = 0, room = 0;
    while (identity_next(&text, &line, &len)) {
        if (!differs(build, line, len)) continue;
        TRY(pool_grow(pool, &out->setting, out->n_settings, &room, sizeof *out->setting));
        TRY(pool_printf(pool, &out->setting[out->n_settings], "%.*s", (int)len, line));
        TRY(pool_printf(pool, &out->settings, "%s%s%s", out->settings, out->n_settings > 0 ? "  " : "",
                        out->setting[out->n_settings]));
        out->n_settings++;
    }
done:
    return err;
}

Err settings_differences(Build *build) {
    Err err = ERR_OK;
    for (size_t i = 0; i < build->rows->n; i++)
        TRY(row_differences(build, build->rows->row[i].first, &build->table->row[i]));
done:
    return err;
}

/* ---- still improving ---- */
double improving_bar(const Build *build) { return build->margin > 0 ? build->margin : 0.005; }

double row_last_gain(const Build *build, const RowData *row, int64_t step[2]) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < row->n_cells; i++) {
        if (row->cell[i]->status != CELL_DONE) continue;
        double gain = cell_last_gain(row->cell[i], build->valid, build->metric, step);
        if (isnan(gain)) continue;
        sum += gain;
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

/* ---- notes ---- */
static Err add_note(Build *build, const char *text) {
    Err err = ERR_OK;
    Table *table = build->table;
    TRY(pool_grow(&table->pool, &table->note, table->n_notes, &build->room_notes, sizeof *table->note));
    table->note[table->n_notes++] = text;
done:
    return err;
}

#define NOTE(...)                                                                                                      \
    do {                                                                                                               \
        const char *note_ = NULL;                                                                                      \
        TRY(pool_printf(&build->table->pool, &note_, __VA_ARGS__));                                                    \
        TRY(add_note(build, note_));                                                                                   \
    } while (0)

static const char *status_words(CellStatus status) {
    switch (status) {
    case CELL_OVER_BUDGET: return "over budget, not started";
    case CELL_DIVERGED: return "diverged";
    case CELL_FAILED: return "failed";
    case CELL_INTERRUPTED: return "interrupted, not counted";
    case CELL_MISSING: return "no result yet";
    case CELL_DONE:
    case CELL_STATUS_COUNT: break;
    }
    return "done";
}

/* One note per row and cause: seven seeds over budget for one reason are one line. */
static Err note_incomplete_row(Build *build, const RowData *row) {
    Err err = ERR_OK;
    for (size_t i = 0; i < row->n_cells; i++) {
        const CellRecord *cell = row->cell[i];
        bool told = false;
        const char *seeds = NULL;
        if (cell->status == CELL_DONE) continue;
        TRY(pool_printf(&build->table->pool, &seeds, "%" PRId64, cell->seed));
        for (size_t k = 0; k < row->n_cells; k++) {
            const CellRecord *other = row->cell[k];
            if (k == i || other->status != cell->status || strcmp(other->cause, cell->cause) != 0) continue;
            told = told || k < i;
            if (k > i) TRY(pool_printf(&build->table->pool, &seeds, "%s, %" PRId64, seeds, other->seed));
        }
        if (told) continue;
        const bool plain = cell->status == CELL_MISSING || cell->cause[0] == '\0';
        NOTE("† %s, seed%s %s: %s%s%s.", row->label, strchr(seeds, ',') != NULL ? "s" : "", seeds,
             status_words(cell->status), plain ? "" : ": ", plain ? "" : cell->cause);
    }
done:
    return err;
}

static Err note_improving(Build *build) {
    Err err = ERR_OK;
    const char *list = NULL;
    for (size_t i = 0; i < build->rows->n; i++) {
        int64_t step[2] = {0, 0};
        double gain = row_last_gain(build, &build->rows->row[i], step);
        if (!(gain > improving_bar(build))) continue;
        TRY(pool_printf(&build->table->pool, &list, "%s%s%s by %.3f (steps %" PRId64 " to %" PRId64 ")",
                        list != NULL ? list : "", list != NULL ? ", " : "", build->rows->row[i].label, gain, step[0],
                        step[1]));
    }
    if (list != NULL)
        NOTE("↗ still improving when training stopped: %s on %s got better between the last two evaluations in %s. "
             "What longer training would reach is not known.",
             build->metric, build->valid, list);
done:
    return err;
}

/* Comparisons and the fewest and most pairs that they rest on. */
static size_t count_comparisons(const Build *build, size_t *fewest, size_t *most) {
    size_t comparisons = 0;
    *fewest = SIZE_MAX;
    *most = 0;
    for (size_t i = 0; i < build->rows->n; i++) {
        if (build->rows->row[i].baseline == NULL) continue;
        size_t n = pair_differences(build, &build->rows->row[i], build->scratch);
        if (n == 0) continue;
        comparisons++;
        if (n < *fewest) *fewest = n;
        if (n > *most) *most = n;
    }
    return comparisons;
}

static Err note_p(Build *build, size_t comparisons, size_t pairs) {
    Err err = ERR_OK;
    double smallest = stats_smallest_p(pairs), holm = fmin(1, smallest * (double)comparisons);
    if (!build->is_primary) {
        NOTE("%s at '%s' on '%s' is not the declared primary metric: intervals only, no p, nothing in bold.",
             build->metric, build->at_text, build->set);
        goto done;
    }
    NOTE("p: exact two-sided sign-flip test over pairs of seeds, then Holm over %zu comparison%s. The smallest p that "
         "%zu pair%s can give is %.4f, after Holm %.4f%s.",
         comparisons, comparisons == 1 ? "" : "s", pairs, pairs == 1 ? "" : "s", smallest, holm,
         holm < 0.05 ? "" : ": with so few seeds no p can fall below 0.05");
    NOTE("Bold, or a star: the interval excludes zero and p after Holm is below 0.05.");
done:
    return err;
}

static Err note_comparison(Build *build) {
    Err err = ERR_OK;
    size_t fewest = 0, most = 0, comparisons = count_comparisons(build, &fewest, &most);
    if (comparisons == 0) goto done;
    if (most < 2) {
        NOTE("One seed: a difference between two runs, with no measure of its spread. It decides nothing.");
        goto done;
    }
    NOTE("Difference: mean over pairs of equal seeds and its 95 %% interval (Student's t over seeds); at equal time: "
         "on %s, where the slower of a pair stops when the faster one is through, on a straight line between "
         "evaluations.",
         build->valid);
    if (build->margin > 0)
        NOTE("Verdict: better or worse = the interval excludes zero and p after Holm is below 0.05; equivalent = it "
             "lies within ±%g, no gain above "
             "the margin; undecided = neither. It holds for these settings, data and steps.",
             build->margin);
    else
        NOTE("Verdict: better or worse = the interval excludes zero and p after Holm is below 0.05; undecided = not "
             "so. No margin of equivalence "
             "is declared. It holds for these settings, data and steps.");
    TRY(note_p(build, comparisons, most));
    if (fewest != most) NOTE("The comparisons rest on %zu to %zu pairs.", fewest, most);
    if (build->declared->is_attention)
        NOTE("%s shows whether a branch does what it was trained to do, not whether that helps.", build->metric);
done:
    return err;
}

/* A figure that was never recorded is easily taken for one that does not exist. */
static Err note_unrecorded(Build *build) {
    Err err = ERR_OK;
    size_t unrecorded = 0;
    for (size_t i = 0; i < build->rows->n_read; i++)
        if (isnan(cell_metric(build->rows->read[i], build->set, build->metric, build->at))) unrecorded++;
    if (unrecorded > 0)
        NOTE("%s on '%s' at '%s' was not recorded in %zu of %zu finished cells.", build->metric, build->set,
             build->at_text, unrecorded, build->rows->n_read);
done:
    return err;
}

static Err note_primary(Build *build) {
    Err err = ERR_OK;
    const ResultsInfo *info = build->info;
    if (info->primary_variant != NULL && info->baseline != NULL && info->primary_metric != NULL)
        NOTE("Declared before the runs: %s against %s in %s on '%s' at '%s'.", info->primary_variant, info->baseline,
             info->primary_metric, info->primary_set != NULL ? info->primary_set : "test",
             info->primary_at != NULL ? info->primary_at : "last");
    else if (build->declared != NULL && info->baseline != NULL)
        NOTE("No comparison was declared as the primary one: read this table as exploration.");
done:
    return err;
}

static const char *provenance_of(const CellRecord *cell, const char *key) {
    for (size_t i = 0; i < cell->provenance.n; i++)
        if (strcmp(cell->provenance.item[i].key, key) == 0) return cell->provenance.item[i].value;
    return NULL;
}

/* Runs of different machines or builds differ in their last bits, and in their times for good. */
static Err note_machines(Build *build) {
    Err err = ERR_OK;
    static const struct {
        const char *key, *words;
    } row[] = {{"bit_class", "builds or kinds of machine: pairs across them differ by rounding too"},
               {"host", "machines: times are not comparable across them"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *first = NULL;
        bool mixed = false;
        for (size_t k = 0; k < build->rows->n_read; k++) {
            const char *value = provenance_of(build->rows->read[k], row[i].key);
            if (first == NULL) first = value;
            if (value != NULL && strcmp(first, value) != 0) mixed = true;
        }
        if (mixed) NOTE("Cells come from different %s.", row[i].words);
    }
done:
    return err;
}

Err notes_write(Build *build) {
    Err err = ERR_OK;
    for (size_t i = 0; i < build->rows->n; i++) TRY(note_incomplete_row(build, &build->rows->row[i]));
    TRY(note_unrecorded(build));
    TRY(note_improving(build));
    TRY(note_primary(build));
    TRY(note_comparison(build));
    TRY(note_machines(build));
    if (build->table->n_rows > build->rows->n)
        NOTE("Uniform attention: what the figures on attention are when the network looks nowhere in particular.");
done:
    return err;
}

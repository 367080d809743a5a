/* What a table says beside its figures: the settings in which rows differ, what failed, what the figures cannot show.
 * The words are chosen so that no row claims more than its seeds and settings allow. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/report/identity.h"
#include "harness/report/table_build.h"

/* ---- settings in which rows differ ---- */

/* True if some shown row that knows its settings does not have this very line. */
static bool differs(const Build *build, const char *line, size_t len) {
    for (size_t i = 0; i < build->rows->n; i++) {
        const CellRecord *cell = build->rows->row[i].first;
        if (build->is_shown[i] && cell->status != CELL_MISSING && !identity_has(cell->identity, line, len)) return true;
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
    TableRow *out = build->table->row;
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->is_shown[i]) TRY(row_differences(build, build->rows->row[i].first, out++));
done:
    return err;
}

/* ---- still improving ---- */
double improving_bar(const Build *build, const RowData *row) {
    double margin = build->table->file[row->file].margin;
    return margin > 0 ? margin : 0.005;
}

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

const char *status_words(CellStatus status) {
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
        if (!build->is_shown[i] || !(gain > improving_bar(build, &build->rows->row[i]))) continue;
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

/* True if a column is shown whose key ends so: what is not in the table needs no explanation. */
static bool shows(const Build *build, const char *ending) {
    const size_t len = strlen(ending);
    for (size_t i = 0; i < build->table->n_columns; i++) {
        const char *key = build->table->column[i].key;
        if (strlen(key) >= len && strcmp(key + strlen(key) - len, ending) == 0) return true;
    }
    return false;
}

/* Several files are told apart by their labels: "drift: ". */
static Err prefix_of(Build *build, const TableFile *file, const char **out) {
    *out = "";
    return build->table->n_files > 1 ? pool_printf(&build->table->pool, out, "%s: ", file->label) : ERR_OK;
}

/* The comparisons of a file that --rows leaves out. */
static size_t count_hidden(const Build *build, const TableFile *file) {
    size_t hidden = 0;
    for (size_t i = 0; i < build->rows->n; i++)
        if (&build->table->file[build->rows->row[i].file] == file && !build->is_shown[i] && build->comparison[i].n > 0)
            hidden++;
    return hidden;
}

static Err note_verdict(Build *build, const TableFile *file, const char *prefix) {
    Err err = ERR_OK;
    static const char rule[] = "better or worse = the interval excludes zero and p after Holm is below 0.05";
    static const char scope[] = "It holds for these settings, data and steps.";
    if (file->margin > 0)
        NOTE("%sVerdict: %s; equivalent = it lies within ±%g, no gain above the margin; undecided = neither. %s",
             prefix, rule, file->margin, scope);
    else
        NOTE("%sVerdict: %s; undecided = not so. No margin of equivalence is declared. %s", prefix, rule, scope);
done:
    return err;
}

static Err note_p(Build *build, const TableFile *file, const char *prefix) {
    Err err = ERR_OK;
    const size_t n = file->n_comparisons, pairs = file->n_pairs, hidden = count_hidden(build, file);
    const double smallest = stats_smallest_p(pairs), holm = fmin(1, smallest * (double)n);
    const char *left_out = "";
    if (pairs > STATS_MAX_FLIPS) {
        NOTE("%sNo p: the exact test is made for up to %d pairs. Without it no verdict is better or worse.", prefix,
             STATS_MAX_FLIPS);
        goto done;
    }
    if (hidden > 0) TRY(pool_printf(&build->table->pool, &left_out, " (%zu of them not shown here)", hidden));
    NOTE("%sp: exact two-sided sign-flip test over pairs of seeds, then Holm over %zu comparison%s%s. The smallest p "
         "that "
         "%zu pair%s can give is %.4f, after Holm %.4f%s.",
         prefix, n, n == 1 ? "" : "s", left_out, pairs, pairs == 1 ? "" : "s", smallest, holm,
         holm < 0.05 ? "" : ": with so few seeds no p can fall below 0.05");
done:
    return err;
}

/* What one file declared, and what follows for its figures here. */
static Err note_declaration(Build *build, const TableFile *file) {
    Err err = ERR_OK;
    const char *prefix = "";
    TRY(prefix_of(build, file, &prefix));
    if (file->is_primary) {
        if (shows(build, "verdict")) TRY(note_verdict(build, file, prefix));
        TRY(note_p(build, file, prefix));
    } else if (file->primary_metric != NULL) {
        NOTE("%s%s at '%s' on '%s' is not the declared primary metric: intervals only, no p, no verdict, nothing in "
             "bold.",
             prefix, build->metric, build->at_text, build->set);
    } else {
        NOTE("%sNo comparison was declared as the primary one (`primary` in the grid): intervals only, no p, no "
             "verdict, nothing in bold. Read this table as exploration.",
             prefix);
    }
done:
    return err;
}

static Err note_difference(Build *build) {
    Err err = ERR_OK;
    if (shows(build, "_difference"))
        NOTE("Difference: mean over pairs of equal seeds and its 95 %% interval (Student's t over seeds).");
    if (shows(build, "_equal_time"))
        NOTE(
            "At equal time: on %s, where the slower of a pair stops when the faster one is through, on a straight line "
            "between evaluations.",
            build->valid);
done:
    return err;
}

static bool has_primary(const Table *table) {
    for (size_t i = 0; i < table->n_files; i++)
        if (table->file[i].is_primary) return true;
    return false;
}

/* Fewest and most pairs that a shown comparison rests on. */
static void count_pairs(const Build *build, size_t *fewest, size_t *most) {
    *fewest = SIZE_MAX;
    *most = 0;
    for (size_t i = 0; i < build->rows->n; i++) {
        size_t n = build->comparison[i].n;
        if (n == 0 || !build->is_shown[i]) continue;
        if (n < *fewest) *fewest = n;
        if (n > *most) *most = n;
    }
}

static Err note_comparison(Build *build) {
    Err err = ERR_OK;
    const Table *table = build->table;
    size_t fewest = 0, most = 0;
    count_pairs(build, &fewest, &most);
    if (most == 0 || !(shows(build, "_difference") || shows(build, "_equal_time") || shows(build, "verdict") ||
                       shows(build, "p") || shows(build, "p_holm")))
        goto done;
    if (most < 2) {
        NOTE("One seed: a difference between two runs, with no measure of its spread. It decides nothing.");
        goto done;
    }
    TRY(note_difference(build));
    for (size_t i = 0; i < table->n_files; i++)
        if (table->file[i].n_comparisons > 0) TRY(note_declaration(build, &table->file[i]));
    if (has_primary(table) && !build->declared->is_attention)
        NOTE("Bold, or a star: the interval excludes zero and p after Holm is below 0.05.");
    if (fewest != most) NOTE("The comparisons rest on %zu to %zu pairs.", fewest, most);
    if (build->declared->is_attention)
        NOTE("%s shows whether a branch does what it was trained to do, not whether that helps: never in bold.",
             build->metric);
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
    const char *prefix = "";
    for (size_t i = 0; i < build->table->n_files; i++) {
        const TableFile *file = &build->table->file[i];
        if (file->primary_variant == NULL || file->baseline == NULL || file->primary_metric == NULL) continue;
        TRY(prefix_of(build, file, &prefix));
        NOTE("%sDeclared before the runs: %s against %s in %s on '%s' at '%s'.", prefix, file->primary_variant,
             file->baseline, file->primary_metric, file->primary_set != NULL ? file->primary_set : "test",
             file->primary_at != NULL ? file->primary_at : "last");
    }
done:
    return err;
}

/* The variants of a file that had n trials: "baseline, original". */
static Err list_tuned(Build *build, size_t file, int64_t n, const char **out) {
    Err err = ERR_OK;
    *out = NULL;
    for (size_t i = 0; i < build->rows->n; i++) {
        const RowData *row = &build->rows->row[i];
        bool told = false;
        for (size_t k = 0; k < i; k++)
            told = told || (build->rows->row[k].file == file && strcmp(build->rows->row[k].variant, row->variant) == 0);
        if (row->file != file || told || row_trials(build, row) != n) continue;
        TRY(pool_printf(&build->table->pool, out, "%s%s%s", *out != NULL ? *out : "", *out != NULL ? ", " : "",
                        row->variant));
    }
done:
    return err;
}

/* Fair is the same number for all that were tuned. */
static Err note_tuning(Build *build, size_t i_file) {
    Err err = ERR_OK;
    const TableFile *file = &build->table->file[i_file];
    const char *prefix = "", *tuned = NULL, *untuned = NULL;
    int64_t most = 0;
    size_t n_tuned = 0, n_most = 0;
    if (file->tuning == NULL) return ERR_OK;
    for (size_t i = 0; i < build->rows->n; i++) {
        const int64_t trials = build->rows->row[i].file == i_file ? row_trials(build, &build->rows->row[i]) : -1;
        n_tuned += trials > 0;
        n_most = trials > most ? 1 : n_most + (trials == most && trials > 0);
        if (trials > most) most = trials;
    }
    TRY(prefix_of(build, file, &prefix));
    TRY(list_tuned(build, i_file, most, &tuned));
    TRY(list_tuned(build, i_file, 0, &untuned));
    if (n_tuned == 0)
        NOTE("%sTuning: %s has none of these variants.", prefix, file->tuning);
    else if (n_most < n_tuned)
        NOTE("%sTuning was not equal: %s had %" PRId64 " trials in %s, others fewer (column 'tuning trials').", prefix,
             tuned, most, file->tuning);
    else
        NOTE("%sTuning: %" PRId64 " trials for each of %s in %s, with other seeds, chosen on valid%s%s.", prefix, most,
             tuned, file->tuning, untuned != NULL ? "; none for " : "", untuned != NULL ? untuned : "");
done:
    return err;
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
            const char *value = record_provenance_find(build->rows->read[k], row[i].key);
            if (first == NULL) first = value;
            if (value != NULL && strcmp(first, value) != 0) mixed = true;
        }
        if (mixed) NOTE("Cells come from different %s.", row[i].words);
    }
done:
    return err;
}

static Err note_hidden(Build *build) {
    Err err = ERR_OK;
    size_t shown = 0;
    for (size_t i = 0; i < build->rows->n; i++) shown += build->is_shown[i];
    if (shown < build->rows->n) NOTE("%zu of %zu rows are shown.", shown, build->rows->n);
done:
    return err;
}

static Err note_chance(Build *build) {
    Err err = ERR_OK;
    bool any = false;
    for (size_t i = 0; i < build->table->n_rows; i++) any = any || build->table->row[i].is_chance;
    if (any) NOTE("Uniform attention: what the figures on attention are when the network looks nowhere in particular.");
done:
    return err;
}

Err notes_write(Build *build) {
    Err err = ERR_OK;
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->is_shown[i]) TRY(note_incomplete_row(build, &build->rows->row[i]));
    TRY(note_hidden(build));
    TRY(note_unrecorded(build));
    TRY(note_improving(build));
    TRY(note_primary(build));
    for (size_t i = 0; i < build->table->n_files; i++) TRY(note_tuning(build, i));
    TRY(note_comparison(build));
    TRY(note_machines(build));
    TRY(note_chance(build));
done:
    return err;
}

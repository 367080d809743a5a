/* Columns and rows of a plan table. */
#include "harness/report/plan_listing.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/run/size_text.h"

const char *plan_added_text(double added, char out[PLAN_TEXT]) {
    const double percent = 100 * added;
    if (isnan(added))
        (void)snprintf(out, PLAN_TEXT, "–");
    else if (fabs(percent) < 9.995)
        (void)snprintf(out, PLAN_TEXT, "%+.2f %%", percent);
    else
        (void)snprintf(out, PLAN_TEXT, "%+.0f %%", percent);
    return out;
}

const char *plan_fill_text(const PlanRow *row, char out[PLAN_TEXT]) {
    char each[SIZE_TEXT];
    const PlanFill *fill = &row->fill;
    const double share = 100 * (double)fill->bytes / (double)row->survey->peak_bytes;
    out[0] = '\0';
    if (fill->n == 1)
        (void)snprintf(out, PLAN_TEXT, "%s %s, %.0f %%", size_text((uint64_t)fill->bytes, each), fill->names, share);
    else if (fill->n > 1)
        (void)snprintf(out, PLAN_TEXT, "%zu x %s %s, %.0f %%", fill->n,
                       size_text((uint64_t)fill->bytes / fill->n, each), fill->what, share);
    return out;
}

bool plan_has_groups(const PlanTable *table) { return table->n_groups < table->n_rows; }

static bool has_seeds(const PlanTable *table) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->row[i].n_cells > 1) return true;
    return false;
}

static bool has_baseline(const PlanTable *table) { return table->grid->baseline != NULL && table->n_groups > 1; }

/* Bytes of a module: nothing where there are none. */
static Err put_size(Listing *out, int64_t bytes) {
    char text[SIZE_TEXT];
    return listing_field(out, "%s", bytes > 0 ? size_text((uint64_t)bytes, text) : "");
}

/* ---- the columns that name a row ---- */

static Err key_columns(Listing *out, const PlanTable *table) {
    Err err = listing_column(out, LISTING_KEY, table->n_axes > 0 ? "variant" : "plan");
    for (size_t k = 0; err == ERR_OK && k < table->n_axes; k++)
        err = listing_column(out, LISTING_KEY, table->axis_header[k]);
    return err;
}

/* Lists without their spaces, as in the names of cells. */
static Err put_compact(Listing *out, const char *shown) {
    char text[PLAN_TEXT];
    size_t n = 0;
    for (const char *c = shown; *c != '\0' && n + 1 < sizeof text; c++)
        if (*c != ' ' || c == shown || c[-1] != ',') text[n++] = *c;
    text[n] = '\0';
    return listing_field(out, "%s", text);
}

static Err key_fields(Listing *out, const PlanTable *table, const PlanRow *row) {
    Err err = listing_row(out);
    if (err == ERR_OK) err = listing_field(out, "%s", table->n_axes > 0 ? row->variant : row->label);
    for (size_t k = 0; err == ERR_OK && k < table->n_axes; k++)
        err = put_compact(out, row->axis[k] != NULL ? row->axis[k] : "–");
    return err;
}

/* ---- rows ---- */

static Err row_columns(Listing *out, const PlanTable *table) {
    Err err = ERR_OK;
    TRY(key_columns(out, table));
    if (has_seeds(table)) TRY(listing_column(out, LISTING_NUMBER, "cells"));
    TRY(listing_column(out, LISTING_NUMBER, "peak"));
    if (table->n_over > 0) TRY(listing_column(out, LISTING_WORDS, "budget"));
    if (has_baseline(table)) TRY(listing_column(out, LISTING_NUMBER, "added"));
    TRY(listing_column(out, LISTING_NUMBER, "ratio"));
    TRY(listing_column(out, LISTING_NUMBER, "parameters"));
    TRY(listing_column(out, LISTING_NUMBER, "FLOP/step"));
    if (!table->grid->plan_only) TRY(listing_column(out, LISTING_NUMBER, "disk"));
    if (table->timed_by != NULL) TRY(listing_column(out, LISTING_NUMBER, "time"));
    for (size_t m = 0; m < table->n_modules; m++) TRY(listing_column(out, LISTING_NUMBER, table->module[m]));
    TRY(listing_column(out, LISTING_WORDS, "most at the peak"));
done:
    return err;
}

static Err row_fields(Listing *out, const PlanTable *table, const PlanRow *row) {
    Err err = ERR_OK;
    const Survey *s = row->survey;
    char text[PLAN_TEXT], count[SIZE_TEXT];
    TRY(key_fields(out, table, row));
    if (has_seeds(table)) TRY(listing_field(out, "%zu", row->n_cells));
    TRY(listing_field(out, "%s", size_text(s->peak_bytes, count)));
    if (table->n_over > 0) TRY(listing_field(out, "%s", row->over ? "OVER" : ""));
    if (has_baseline(table)) TRY(listing_field(out, "%s", plan_added_text(row->added, text)));
    TRY(listing_field(out, "%.4f", s->ratio));
    TRY(listing_field(out, "%s", grouped_text((uint64_t)s->n_params, count)));
    TRY(listing_field(out, "%s", count_text((uint64_t)s->flops_per_step, count)));
    if (!table->grid->plan_only) TRY(put_size(out, row->disk));
    if (table->timed_by != NULL) TRY(listing_field(out, "%s", row->seconds > 0 ? time_text(row->seconds, count) : "–"));
    for (size_t m = 0; m < table->n_modules; m++) TRY(put_size(out, plan_row_module(row, table->module[m])));
    TRY(listing_field(out, "%s", plan_fill_text(row, text)));
done:
    return err;
}

Err plan_list_rows(Listing *out, const PlanTable *table) {
    Err err = row_columns(out, table);
    for (size_t i = 0; err == ERR_OK && i < table->n_rows; i++) err = row_fields(out, table, &table->row[i]);
    return err;
}

/* ---- rows for programs ---- */

static Err raw_columns(Listing *out, const PlanTable *table) {
    static const char *const before[] = {"plan", "variant"};
    static const char *const after[] = {
        "cells",      "peak_bytes",     "over_budget", "added",   "lower_bound_bytes", "ratio",
        "parameters", "flops_per_step", "disk_bytes",  "seconds", "most_bytes",        "most_tensors"};
    Err err = ERR_OK;
    char header[PLAN_TEXT];
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) TRY(listing_column(out, LISTING_KEY, before[i]));
    for (size_t k = 0; k < table->n_axes; k++) TRY(listing_column(out, LISTING_KEY, table->axis_key[k]));
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) TRY(listing_column(out, LISTING_NUMBER, after[i]));
    for (size_t m = 0; m < table->n_modules; m++) {
        (void)snprintf(header, sizeof header, "%s_bytes", table->module[m]);
        TRY(listing_column(out, LISTING_NUMBER, header));
    }
done:
    return err;
}

/* A number that does not exist is an empty field. */
static Err put_real(Listing *out, double value, int decimals) {
    return isnan(value) ? listing_field(out, "%s", "") : listing_field(out, "%.*f", decimals, value);
}

static Err raw_fields(Listing *out, const PlanTable *table, const PlanRow *row) {
    Err err = ERR_OK;
    const Survey *s = row->survey;
    TRY(listing_row(out));
    TRY(listing_field(out, "%s", row->label));
    TRY(listing_field(out, "%s", row->variant));
    for (size_t k = 0; k < table->n_axes; k++) TRY(listing_field(out, "%s", row->axis[k] != NULL ? row->axis[k] : ""));
    TRY(listing_field(out, "%zu", row->n_cells));
    TRY(listing_field(out, "%" PRIu64, s->peak_bytes));
    TRY(listing_field(out, "%d", row->over));
    TRY(put_real(out, row->added, 6));
    TRY(listing_field(out, "%" PRIu64, s->lower_bound_bytes));
    TRY(put_real(out, s->ratio, 6));
    TRY(listing_field(out, "%" PRId64, s->n_params));
    TRY(listing_field(out, "%" PRId64, s->flops_per_step));
    TRY(put_real(out, row->disk < 0 ? NAN : (double)row->disk, 0));
    TRY(put_real(out, row->seconds, 1));
    TRY(listing_field(out, "%" PRId64, row->fill.bytes));
    TRY(listing_field(out, "%s", row->fill.names));
    for (size_t m = 0; m < table->n_modules; m++)
        TRY(listing_field(out, "%" PRId64, plan_row_module(row, table->module[m])));
done:
    return err;
}

Err plan_list_raw(Listing *out, const PlanTable *table) {
    Err err = raw_columns(out, table);
    for (size_t i = 0; err == ERR_OK && i < table->n_rows; i++) err = raw_fields(out, table, &table->row[i]);
    return err;
}

/* ---- groups ---- */

static Err group_columns(Listing *out, const PlanTable *table) {
    Err err = ERR_OK;
    TRY(listing_column(out, LISTING_KEY, "variant"));
    TRY(listing_column(out, LISTING_NUMBER, "cells"));
    TRY(listing_column(out, LISTING_NUMBER, "over"));
    TRY(listing_column(out, LISTING_NUMBER, "smallest"));
    TRY(listing_column(out, LISTING_NUMBER, "largest"));
    if (has_baseline(table)) TRY(listing_column(out, LISTING_NUMBER, "added"));
    TRY(listing_column(out, LISTING_WORDS, "most at the largest peak"));
done:
    return err;
}

/* From the least to the most that a variant adds. */
static Err put_added(Listing *out, const PlanTable *table, const PlanGroup *group) {
    char least[PLAN_TEXT], most[PLAN_TEXT];
    if (isnan(group->most) || strcmp(group->variant, table->grid->baseline) == 0) return listing_field(out, "–");
    plan_added_text(group->least, least);
    plan_added_text(group->most, most);
    if (strcmp(least, most) == 0) return listing_field(out, "%s", most);
    return listing_field(out, "%s to %s", least, most);
}

static Err group_fields(Listing *out, const PlanTable *table, const PlanGroup *group) {
    Err err = ERR_OK;
    char text[PLAN_TEXT], size[SIZE_TEXT];
    const PlanRow *smallest = &table->row[group->smallest], *largest = &table->row[group->largest];
    TRY(listing_row(out));
    TRY(listing_field(out, "%s", group->variant));
    TRY(listing_field(out, "%zu", group->n_cells));
    TRY(listing_field(out, "%zu", group->n_over));
    TRY(listing_field(out, "%s", size_text(smallest->survey->peak_bytes, size)));
    TRY(listing_field(out, "%s", size_text(largest->survey->peak_bytes, size)));
    if (has_baseline(table)) TRY(put_added(out, table, group));
    TRY(listing_field(out, "%s", plan_fill_text(largest, text)));
done:
    return err;
}

Err plan_list_groups(Listing *out, const PlanTable *table) {
    Err err = group_columns(out, table);
    for (size_t g = 0; err == ERR_OK && g < table->n_groups; g++) err = group_fields(out, table, &table->group[g]);
    return err;
}

/* ---- frontiers ---- */

const char *plan_over_text(const PlanTable *table, char out[PLAN_TEXT]) {
    char size[SIZE_TEXT];
    bool complete = true;
    for (size_t g = 0; g < table->n_groups; g++)
        if (table->group[g].n_over > 0 && !table->group[g].frontier_is_complete) complete = false;
    const bool given = table->budget > 0;
    (void)snprintf(out, PLAN_TEXT, "%zu of %zu cells are over %s%s: %s", table->n_over, table->n_cells,
                   given ? "the budget of " : "memory.budget", given ? size_text(table->budget, size) : "",
                   complete ? "these, and those beyond them on any axis" : "these");
    return out;
}

static Err frontier_fields(Listing *out, const PlanTable *table, const PlanRow *row) {
    Err err = ERR_OK;
    char size[SIZE_TEXT];
    TRY(key_fields(out, table, row));
    TRY(listing_field(out, "%s", size_text(row->survey->peak_bytes, size)));
    TRY(listing_field(out, "%zu x %s", row->fill.n, size_text((uint64_t)row->fill.bytes / row->fill.n, size)));
    TRY(listing_field(out, "%s", row->fill.names));
done:
    return err;
}

Err plan_list_frontiers(Listing *out, const PlanTable *table) {
    Err err = ERR_OK;
    TRY(key_columns(out, table));
    TRY(listing_column(out, LISTING_NUMBER, "peak"));
    TRY(listing_column(out, LISTING_NUMBER, "filled by"));
    TRY(listing_column(out, LISTING_WORDS, "tensors"));
    for (size_t g = 0; g < table->n_groups; g++)
        for (size_t i = 0; i < table->group[g].n_frontier; i++)
            TRY(frontier_fields(out, table, &table->row[table->group[g].frontier[i]]));
done:
    return err;
}

/* ---- notes ---- */

typedef struct Notes {
    Pool *pool;
    const char **list;
    size_t n, room;
} Notes;

static Err note(Notes *notes, const char *text) {
    Err err = pool_grow(notes->pool, &notes->list, notes->n, &notes->room, sizeof *notes->list);
    return err == ERR_OK ? pool_text(notes->pool, &notes->list[notes->n++], text) : err;
}

static bool any_named(const PlanTable *table, const char *words) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (strstr(table->row[i].fill.what, words) != NULL) return true;
    return false;
}

Err plan_notes(Pool *pool, const char ***out, size_t *n, const PlanTable *table) {
    Err err = ERR_OK;
    char text[512];
    Notes notes = {.pool = pool};
    if (any_named(table, "[T,B,P,K]"))
        TRY(note(&notes, "energies [T,B,P,K]: a number for each step, sample, pixel of the patch and class."));
    if (has_baseline(table)) {
        (void)snprintf(text, sizeof text, "added: to the peak of %s with the same settings on every axis.",
                       table->grid->baseline);
        TRY(note(&notes, text));
    }
    if (table->timed_by != NULL) {
        (void)snprintf(text, sizeof text, "time: wall time, %s.", table->timed_by);
        TRY(note(&notes, text));
    }
    if (strcmp(table->device, "cuda") == 0)
        TRY(note(&notes, "Planned for cuda by its shapes alone: the same on every card, and without one."));
done:
    *out = notes.list;
    *n = notes.n;
    return err;
}

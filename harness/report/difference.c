/* Pairing cells. */
#include "harness/report/difference.h"

#include <string.h>

#include "harness/grid/grid.h"
#include "harness/report/difference_parts.h"
#include "kernels/near.h"

typedef struct Compare {
    Difference *out;
    const DiffSpec *spec;
    Results *a, *b;
} Compare;

/* ---- one pair ---- */

static Err read_checked(CellRecord **out, const Results *results, size_t i) {
    Err err = ERR_OK;
    TRY(results_check_digest(results, i));
    TRY(results_read(results, i, PART_ALL, out));
done:
    return err;
}

static Err compare_cells(const Compare *c, DiffCell *out, size_t i_a, size_t i_b) {
    Err err = ERR_OK;
    CellRecord *a = NULL, *b = NULL;
    const CellRecord *head_a = results_cell(c->a, i_a), *head_b = results_cell(c->b, i_b);
    out->is_compared = head_a->status != CELL_MISSING && head_b->status != CELL_MISSING;
    if (!out->is_compared) {
        out->is_equal = head_a->status == head_b->status;
        return diff_pair(&c->out->pool, &out->facts, "status", cell_status_name(head_a->status),
                         cell_status_name(head_b->status));
    }
    TRY(read_checked(&a, c->a, i_a));
    TRY(read_checked(&b, c->b, i_b));
    TRY(diff_words(&c->out->pool, out, a, b));
    bool both = a->digest != NULL && b->digest != NULL;
    out->is_equal = a->status == b->status && (both ? strcmp(a->digest, b->digest) == 0 : a->digest == b->digest);
    if (!out->is_equal) TRY(diff_numbers(&c->out->pool, out, a, b));
done:
    record_free(a);
    record_free(b);
    return err;
}

/* ---- all of them ---- */

static bool is_wanted(const Compare *c, const CellRecord *cell) {
    return c->spec->cell == NULL || grid_match(c->spec->cell, cell->name) || strcmp(c->spec->cell, cell->id) == 0;
}

static bool find_by_name(const Results *results, const char *name, size_t *i) {
    for (*i = 0; *i < results_count(results); (*i)++)
        if (strcmp(results_cell(results, *i)->name, name) == 0) return true;
    return false;
}

static Err add_cell(const Compare *c, DiffCell **out, const char *name) {
    Err err = ERR_OK;
    Difference *d = c->out;
    TRY(pool_grow(&d->pool, &d->cell, d->n, &d->room, sizeof *d->cell));
    *out = &d->cell[d->n];
    **out = (DiffCell){0};
    TRY(pool_text(&d->pool, &(*out)->name, name));
    d->n++;
done:
    return err;
}

static Err add_pair(const Compare *c, size_t i_a, size_t i_b) {
    Err err = ERR_OK;
    DiffCell *cell = NULL;
    const char *name = results_cell(c->a, i_a)->name, *other = results_cell(c->b, i_b)->name;
    if (strcmp(name, other) != 0) TRY(pool_printf(&c->out->pool, &name, "%s and %s", name, other));
    TRY(add_cell(c, &cell, name));
    cell->in_a = cell->in_b = true;
    TRY(compare_cells(c, cell, i_a, i_b));
    c->out->n_equal += cell->is_equal;
done:
    return err;
}

static Err add_lonely(const Compare *c, const CellRecord *record, bool in_a) {
    Err err = ERR_OK;
    DiffCell *cell = NULL;
    TRY(add_cell(c, &cell, record->name));
    cell->in_a = in_a;
    cell->in_b = !in_a;
    *(in_a ? &c->out->n_only_a : &c->out->n_only_b) += 1;
done:
    return err;
}

static Err no_cells(const Compare *c) {
    char hint[200];
    Near near = near_start(c->spec->cell != NULL ? c->spec->cell : "");
    for (size_t i = 0; i < results_count(c->a); i++) near_offer(&near, results_cell(c->a, i)->name);
    for (size_t i = 0; i < results_count(c->b); i++) near_offer(&near, results_cell(c->b, i)->name);
    if (c->spec->cell == NULL)
        return err_set(ERR_NOTHING, "'%s' and '%s' have no cell in common", c->spec->path_a, c->spec->path_b);
    return err_set(ERR_NOTHING, "neither '%s' nor '%s' has a cell '%s'%s", c->spec->path_a, c->spec->path_b,
                   c->spec->cell, near_hint(&near, "", hint, (int)sizeof hint));
}

static Err compare_all(const Compare *c) {
    Err err = ERR_OK;
    size_t k = 0, n_both = 0;
    if (c->spec->cell == NULL && results_count(c->a) == 1 && results_count(c->b) == 1) return add_pair(c, 0, 0);
    for (size_t i = 0; i < results_count(c->a); i++) {
        const CellRecord *cell = results_cell(c->a, i);
        if (!is_wanted(c, cell)) continue;
        bool both = find_by_name(c->b, cell->name, &k);
        n_both += both;
        TRY(both ? add_pair(c, i, k) : add_lonely(c, cell, true));
    }
    for (size_t i = 0; i < results_count(c->b); i++)
        if (is_wanted(c, results_cell(c->b, i)) && !find_by_name(c->a, results_cell(c->b, i)->name, &k))
            TRY(add_lonely(c, results_cell(c->b, i), false));
    if (c->out->n == 0 || (n_both == 0 && c->spec->cell == NULL)) TRY(no_cells(c));
done:
    return err;
}

/* ---- what all pairs share ---- */

static bool same_text(const char *a, const char *b) { return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0; }

static bool has_pair(const DiffPairs *pairs, const DiffPair *pair) {
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->item[i].key, pair->key) == 0)
            return same_text(pairs->item[i].a, pair->a) && same_text(pairs->item[i].b, pair->b);
    return false;
}

static void drop_pair(DiffPairs *pairs, const char *key) {
    size_t n = 0;
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->item[i].key, key) != 0) pairs->item[n++] = pairs->item[i];
    pairs->n = n;
}

/* Moves what is the same in all pairs from the cells to the file's environment. */
static Err lift_environment(Difference *d) {
    Err err = ERR_OK;
    const DiffCell *first = NULL;
    for (size_t i = 0; i < d->n && first == NULL; i++)
        if (d->cell[i].is_compared) first = &d->cell[i];
    for (size_t k = 0; first != NULL && k < first->origin.n; k++) {
        bool all = true;
        for (size_t i = 0; i < d->n && all; i++)
            if (d->cell[i].is_compared) all = has_pair(&d->cell[i].origin, &first->origin.item[k]);
        if (!all) continue;
        TRY(pool_grow(&d->pool, &d->environment.item, d->environment.n, &d->environment.room, sizeof(DiffPair)));
        d->environment.item[d->environment.n++] = first->origin.item[k];
    }
    for (size_t k = 0; k < d->environment.n; k++)
        for (size_t i = 0; i < d->n; i++) drop_pair(&d->cell[i].origin, d->environment.item[k].key);
done:
    return err;
}

Err difference_make(Difference *out, const DiffSpec *spec) {
    Err err = ERR_OK;
    Compare c = {.out = out, .spec = spec};
    *out = (Difference){.path_a = spec->path_a, .path_b = spec->path_b};
    TRY(results_open_shown(&c.a, spec->path_a));
    TRY(results_open_shown(&c.b, spec->path_b));
    TRY(compare_all(&c));
    TRY(lift_environment(out));
done:
    results_close(c.a);
    results_close(c.b);
    return err;
}

void difference_clear(Difference *difference) {
    pool_clear(&difference->pool);
    *difference = (Difference){0};
}

bool difference_is_none(const Difference *difference) { return difference->n_equal == difference->n; }

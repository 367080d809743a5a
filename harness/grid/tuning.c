/* `tuning`: the grid by which the settings of this one were chosen. It is read so that a table can say how many trials
 * each variant had, and so that nothing is confirmed with what it was chosen by. */
#include <string.h>

#include "harness/grid/load.h"

/* The first line of the thread's message: a problem of the other file, with its place there. */
static Err note_first_line(Loader *loader, const Top *top) {
    const char *message = err_message();
    return problem_add(&loader->problems, top->doc, top->node, "tuning: %.*s", (int)strcspn(message, "\n"), message);
}

/* A grid that tunes another names none itself; else a file that names itself would be read for ever. */
static Err read_other(Loader *loader, const Top *top, const char *path, const char *device, Grid **out) {
    Err err = ERR_OK;
    Doc *doc = NULL;
    err = doc_read_file(&doc, path);
    if (err == ERR_OK && doc_root(doc) != NULL && doc_root(doc)->kind == DOC_MAP &&
        doc_get(doc_root(doc), "tuning") != NULL) {
        TRY(problem_add(&loader->problems, top->doc, top->node, "'%s' has a tuning grid of its own: one level only",
                        top->node->text));
        goto done;
    }
    if (err == ERR_OK) err = grid_load(out, path, NULL, 0, device);
    if (err == ERR_SPEC || err == ERR_MISSING) err = note_first_line(loader, top);
done:
    doc_free(doc);
    return err;
}

static Err check_seeds(Loader *loader, const Top *top, const Grid *grid, const Grid *other) {
    for (size_t i = 0; i < grid->n_seeds; i++)
        for (size_t k = 0; k < other->n_seeds; k++)
            if (grid->seeds[i] == other->seeds[k])
                return problem_add(&loader->problems, top->doc, top->node,
                                   "seed %lld is one of '%s' too: what was chosen with a seed is confirmed with others",
                                   (long long)grid->seeds[i], top->node->text);
    return ERR_OK;
}

static Err check_set(Loader *loader, const Top *top, const Grid *other) {
    if (other->primary.variant == NULL || strcmp(other->primary.set, "valid") == 0) return ERR_OK;
    return problem_add(&loader->problems, top->doc, top->node,
                       "'%s' declares its comparison on the set %s: settings are chosen on valid", top->node->text,
                       other->primary.set);
}

/* An axis without effect in a variant gives it equal cells: those are one trial. */
static bool is_trial(const Grid *other, size_t i) {
    for (size_t k = other->cells[i].same_as; k < i; k++)
        if (other->cells[k].variant == other->cells[i].variant && other->cells[k].same_as == other->cells[i].same_as)
            return false;
    return true;
}

static Err count_trials(Grid *grid, const Grid *other, Pool *pool) {
    Err err = ERR_OK;
    GridTuning *tuning = &grid->tuning;
    TRY(pool_alloc(pool, &tuning->n_trials, grid->n_variants, sizeof *tuning->n_trials));
    for (size_t v = 0; v < grid->n_variants; v++)
        for (size_t i = 0; i < other->n_cells; i++)
            tuning->n_trials[v] += strcmp(other->cells[i].variant, grid->variants[v]) == 0 && is_trial(other, i);
done:
    return err;
}

Err tuning_read(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    const Top *top = &loader->own[TOP_TUNING]; /* never inherited: it tuned other variants */
    const char *named = NULL, *path = NULL;
    Grid *other = NULL;
    if (top->node == NULL) return ERR_OK;
    TRY(top_text(loader, top, "the path of a grid file", &named));
    if (named == NULL) goto done;
    TRY(load_path_beside(pool, &path, grid->path, named));
    TRY(read_other(loader, top, path, grid->device, &other));
    if (other == NULL) goto done;
    TRY(check_seeds(loader, top, grid, other));
    TRY(check_set(loader, top, other));
    TRY(pool_text(pool, &grid->tuning.file, named));
    TRY(pool_text(pool, &grid->tuning.text, other->text));
    TRY(count_trials(grid, other, pool));
done:
    grid_free(other);
    return err;
}

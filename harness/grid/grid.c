/* A grid from its file: the order in which the parts are read, and what is kept of them. */
#include "harness/grid/grid.h"

#include <stdio.h>
#include <string.h>

#include "harness/grid/load.h"
#include "kernels/mem.h"
#include "models/text.h"

/* What a Grid * points to. */
typedef struct GridOwner {
    Grid grid;
    Pool pool;           /* every text and array of the grid */
    Settings **settings; /* one per combination */
    size_t n_settings;
} GridOwner;

void grid_free(Grid *grid) {
    if (grid == NULL) return;
    GridOwner *owner = (GridOwner *)grid;
    for (size_t i = 0; i < owner->n_settings; i++) settings_free(owner->settings[i]);
    mem_free(owner->settings);
    pool_clear(&owner->pool);
    mem_free(owner);
}

bool grid_match(const char *pattern, const char *name) {
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) { /* the last star takes one byte more */
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

const Cell *grid_cell(const Grid *grid, const char *name) {
    for (size_t i = 0; i < grid->n_cells; i++)
        if (strcmp(grid->cells[i].name, name) == 0) return &grid->cells[i];
    return NULL;
}

/* ---- reading ---- */

static void loader_clear(Loader *loader) {
    for (size_t i = 0; i < loader->n_combinations; i++) settings_free(loader->combinations[i].settings);
    problems_clear(&loader->problems);
    pool_clear(&loader->pool);
    doc_free(loader->doc);
    doc_free(loader->extended);
}

Err load_path_beside(Pool *pool, const char **out, const char *path, const char *named) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL || named[0] == '/') return pool_text(pool, out, named);
    return pool_printf(pool, out, "%.*s/%s", (int)(slash - path), path, named);
}

static Err read_extended(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    const Top *top = &loader->own[TOP_EXTENDS];
    const char *named = NULL;
    if (top->node == NULL) return ERR_OK;
    TRY(top_text(loader, top, "the path of a grid file", &named));
    if (named == NULL) goto done;
    TRY(load_path_beside(pool, &grid->extends, grid->path, named));
    Err wrong = doc_read_file(&loader->extended, grid->extends);
    if (wrong == ERR_MISSING) wrong = err_context(ERR_SPEC, "extends"); /* the user's file names it */
    TRY(problem_catch(&loader->problems, loader->doc, top->node, wrong));
    TRY(problems_report(&loader->problems)); /* what follows would miss what is there */
    TRY(pool_text(pool, &grid->extends_text, doc_source(loader->extended)));
    TRY(top_read(loader, loader->extended, loader->inherited));
    if (loader->inherited[TOP_EXTENDS].node != NULL)
        TRY(problem_add(&loader->problems, loader->extended, loader->inherited[TOP_EXTENDS].key_node,
                        "this file is extended by %s and must not extend another: one level only", grid->path));
done:
    return err;
}

static Err read_base(Loader *loader, const Top *top, Layer *layer) {
    char words[DOC_WORDS_LEN];
    if (top->node == NULL) return ERR_OK;
    if (top->node->kind == DOC_MAP) return layer_read(loader, layer, top->doc, top->node, NULL);
    return problem_add(&loader->problems, top->doc, top->node, "expected settings by section, got %s",
                       doc_words(words, top->node));
}

static Err read_layers(Loader *loader) {
    Err err = ERR_OK;
    TRY(read_base(loader, &loader->inherited[TOP_BASE], &loader->extended_base));
    TRY(read_base(loader, &loader->own[TOP_BASE], &loader->base));
    const Top *zip = load_top(loader, TOP_ZIP), *grid = load_top(loader, TOP_GRID);
    if (zip != NULL) TRY(axes_read_zip(loader, &loader->groups, zip->doc, zip->node));
    if (grid != NULL) TRY(axes_read_grid(loader, &loader->groups, grid->doc, grid->node));
    TRY(variants_read(loader));
done:
    return err;
}

static Err copy_lists(const Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    int64_t *seeds = NULL;
    TRY(pool_alloc(pool, &grid->variants, loader->n_variants + 1, sizeof *grid->variants));
    for (size_t i = 0; i < loader->n_variants; i++)
        TRY(pool_text(pool, &grid->variants[grid->n_variants++], loader->variants[i].name));
    TRY(pool_alloc(pool, &seeds, loader->n_seeds + 1, sizeof *seeds));
    memcpy(seeds, loader->seeds, loader->n_seeds * sizeof *seeds);
    grid->seeds = seeds;
    grid->n_seeds = loader->n_seeds;
done:
    return err;
}

/* Results under overrides are kept apart, by what is overridden. */
static Err name_results(const Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    Text text = {0};
    char hash[GRID_ID_LEN];
    for (size_t i = 0; i < loader->n_overrides; i++)
        TRY(text_add(&text, "%s=%s\n", loader->overrides[i].key, loader->overrides[i].value));
    if (loader->seeds_override != NULL) {
        TRY(text_add(&text, "seeds=["));
        for (size_t i = 0; i < grid->n_seeds; i++)
            TRY(text_add(&text, "%s%lld", i == 0 ? "" : ", ", (long long)grid->seeds[i]));
        TRY(text_add(&text, "]\n"));
    }
    TRY(pool_text(pool, &grid->overrides, text.len == 0 ? "" : text.data));
    if (text.len == 0) {
        grid->results = grid->experiment;
        goto done;
    }
    grid_sha256(hash, text.data, text.len);
    TRY(pool_printf(pool, &grid->results, "%s+%.8s", grid->experiment, hash));
done:
    text_clear(&text);
    return err;
}

static Err check_baseline_has_cells(Loader *loader, const Grid *grid) {
    const Top *top = load_top(loader, TOP_BASELINE);
    for (size_t i = 0; grid->baseline != NULL && i < grid->n_cells; i++)
        if (grid->cells[i].variant == grid->baseline) return ERR_OK;
    if (grid->baseline == NULL || grid->n_cells == 0) return ERR_OK;
    return problem_add(&loader->problems, loader->doc, top == NULL || top->doc != loader->doc ? NULL : top->node,
                       "the baseline '%s' has no cells: all are excluded", grid->baseline);
}

static bool has_set(const Settings *settings, const char *set) {
    char prefix[KEY_LEN];
    int len = snprintf(prefix, sizeof prefix, "data.%.20s.", set);
    for (size_t i = 0; i < settings_count(settings); i++)
        if (strncmp(settings_key_at(settings, i), prefix, (size_t)len) == 0) return true;
    return false;
}

/* What was declared before the runs must come out of them. */
static Err check_primary_set(Loader *loader, const Grid *grid) {
    const Top *top = load_top(loader, TOP_PRIMARY);
    if (grid->primary.variant == NULL) return ERR_OK;
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Settings *settings = grid->cells[i].settings;
        if (!has_set(settings, "train") || has_set(settings, grid->primary.set)) continue;
        const DocNode *set = doc_get(top->node, "set");
        return problem_add(&loader->problems, top->doc, set != NULL ? set : top->key_node,
                           "the primary comparison is on the set %s, and %s has no data.%s", grid->primary.set,
                           grid->cells[i].name, grid->primary.set);
    }
    return ERR_OK;
}

static Err no_cells(Loader *loader) {
    const Top *top = load_top(loader, TOP_EXCLUDE);
    return problem_add(&loader->problems, top->doc, top->node, "there are no cells: all are excluded");
}

/* Stops at the end of a stage that found problems: what follows would only report their consequences. */
static Err build(Loader *loader, GridOwner *owner, const char *const *overrides, size_t n_overrides) {
    Err err = ERR_OK;
    Grid *grid = &owner->grid;
    TRY(top_read(loader, loader->doc, loader->own));
    TRY(read_extended(loader, grid, &owner->pool));
    TRY(overrides_read(loader, overrides, n_overrides));
    TRY(top_seeds(loader));
    TRY(read_layers(loader));
    TRY(copy_lists(loader, grid, &owner->pool));
    TRY(top_values(loader, grid, &owner->pool));
    TRY(problems_report(&loader->problems));
    TRY(overrides_apply(loader, grid, &owner->pool));
    TRY(expand(loader));
    TRY(select_exclude(loader));
    TRY(select_include(loader));
    TRY(problems_report(&loader->problems));
    TRY(resolve(loader));
    TRY(problems_report(&loader->problems));
    TRY(cells_make(loader, grid, &owner->pool));
    TRY(check_baseline_has_cells(loader, grid));
    TRY(check_primary_set(loader, grid));
    TRY(tuning_read(loader, grid, &owner->pool));
    if (grid->n_cells == 0) TRY(no_cells(loader));
    TRY(problems_report(&loader->problems));
    TRY(name_results(loader, grid, &owner->pool));
done:
    return err;
}

static Err take_settings(Loader *loader, GridOwner *owner) {
    Err err = mem_alloc(&owner->settings, loader->n_combinations + 1, sizeof *owner->settings);
    if (err != ERR_OK) return err;
    for (size_t i = 0; i < loader->n_combinations; i++) {
        owner->settings[owner->n_settings++] = loader->combinations[i].settings;
        loader->combinations[i].settings = NULL;
    }
    return ERR_OK;
}

Err grid_load(Grid **out, const char *path, const char *const *overrides, size_t n_overrides, const char *device) {
    Err err = ERR_OK;
    GridOwner *owner = NULL;
    Loader loader = {0};
    *out = NULL;
    TRY(mem_alloc(&owner, 1, sizeof *owner));
    TRY(doc_read_file(&loader.doc, path));
    TRY(pool_text(&owner->pool, &owner->grid.path, path));
    TRY(pool_text(&owner->pool, &owner->grid.text, doc_source(loader.doc)));
    TRY(pool_text(&owner->pool, &owner->grid.device, device));
    TRY(build(&loader, owner, overrides, n_overrides));
    TRY(take_settings(&loader, owner));
    *out = &owner->grid;
    owner = NULL;
done:
    loader_clear(&loader);
    grid_free(owner == NULL ? NULL : &owner->grid);
    return err;
}

Err grid_read_settings(Settings **out, const char *name, const char *text) {
    Err err = ERR_OK;
    Loader loader = {0};
    Settings *settings = NULL;
    *out = NULL;
    TRY(doc_read_text(&loader.doc, name, text, strlen(text)));
    TRY(settings_new(&settings));
    const DocNode *root = doc_root(loader.doc);
    FAIL_IF(root != NULL && root->kind != DOC_MAP, ERR_SPEC, "%s: expected settings by section", name);
    if (root != NULL) TRY(layer_read(&loader, &loader.base, loader.doc, root, NULL));
    TRY(problems_report(&loader.problems));
    TRY(layer_apply(&loader.base, settings));
    TRY(settings_resolve(settings));
    *out = settings;
    settings = NULL;
done:
    settings_free(settings);
    loader_clear(&loader);
    return err;
}

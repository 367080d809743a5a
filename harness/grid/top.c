/* The keys at the top of a grid file, and the values that are no settings. */
#include <string.h>

#include "harness/grid/load.h"
#include "kernels/near.h"
#include "models/number.h"

static const char *const names[TOP_COUNT] = {
    [TOP_EXPERIMENT] = "experiment",
    [TOP_QUESTION] = "question",
    [TOP_EXTENDS] = "extends",
    [TOP_TUNING] = "tuning",
    [TOP_SEEDS] = "seeds",
    [TOP_BASELINE] = "baseline",
    [TOP_PRIMARY] = "primary",
    [TOP_BASE] = "base",
    [TOP_VARIANTS] = "variants",
    [TOP_GRID] = "grid",
    [TOP_ZIP] = "zip",
    [TOP_INCLUDE] = "include",
    [TOP_EXCLUDE] = "exclude",
    [TOP_PLAN_ONLY] = "plan_only",
};

const Top *load_top(const Loader *loader, TopKey key) {
    if (loader->own[key].node != NULL) return &loader->own[key];
    return loader->inherited[key].node != NULL ? &loader->inherited[key] : NULL;
}

static bool is_section(const char *name) {
    int n = 0;
    const Option *const *rows = option_table(&n);
    size_t len = strlen(name);
    for (int i = 0; i < n; i++)
        if (strncmp(rows[i]->key, name, len) == 0 && (rows[i]->key[len] == '.' || rows[i]->key[len] == '\0'))
            return true;
    return false;
}

static Err unknown(Loader *loader, const Doc *doc, const DocNode *key) {
    char hint[160];
    Near near = near_start(key->text);
    if (is_section(key->text) || option_find(key->text) != NULL)
        return problem_add(&loader->problems, doc, key, "'%.80s' holds settings: it belongs below 'base'", key->text);
    for (int i = 0; i < TOP_COUNT; i++) near_offer(&near, names[i]);
    return problem_add(&loader->problems, doc, key, "unknown key '%.80s'%s", key->text,
                       near.best != NULL
                           ? near_hint(&near, "", hint, (int)sizeof hint)
                           : "; expected experiment, question, extends, tuning, seeds, baseline, primary, base, "
                             "variants, grid, zip, include, exclude or plan_only");
}

Err top_read(Loader *loader, const Doc *doc, Top tops[TOP_COUNT]) {
    Err err = ERR_OK;
    const DocNode *root = doc_root(doc);
    char words[DOC_WORDS_LEN];
    if (root == NULL || root->kind != DOC_MAP) {
        TRY(problem_add(&loader->problems, doc, root, "expected a grid (experiment: ..., base: ...), got %s",
                        root == NULL ? "an empty file" : doc_words(words, root)));
        TRY(problems_report(&loader->problems));
    }
    for (size_t i = 0; i < root->n; i++) {
        const DocNode *key = root->items[2 * i];
        int known = 0;
        while (known < TOP_COUNT && strcmp(names[known], key->text) != 0) known++;
        if (known < TOP_COUNT)
            tops[known] = (Top){.doc = doc, .key_node = key, .node = root->items[2 * i + 1]};
        else
            TRY(unknown(loader, doc, key));
    }
done:
    return err;
}

Err top_text(Loader *loader, const Top *top, const char *expected, const char **out) {
    char words[DOC_WORDS_LEN];
    *out = NULL;
    if (top->node->kind == DOC_TEXT && !doc_is_null(top->node)) {
        *out = top->node->text;
        return ERR_OK;
    }
    return problem_add(&loader->problems, top->doc, top->node, "expected %s, got %s", expected,
                       doc_words(words, top->node));
}

/* ---- seeds ---- */

#define SEEDS_EXPECTED "expected a count of 1 to 10000 seeds, or a list of different seeds of 0 or more"
_Static_assert(GRID_CELLS_MAX == 10000, "what SEEDS_EXPECTED says");

static const char *seeds_origin(const Doc *doc) { return doc == NULL ? "override 'seeds': " : ""; }

static Err add_seed(Loader *loader, const Doc *doc, const DocNode *node) {
    char words[DOC_WORDS_LEN];
    int64_t seed = -1;
    bool ok = node->kind == DOC_TEXT && !node->quoted && number_read_int(node->text, &seed) && seed >= 0;
    if (!ok)
        return problem_add(&loader->problems, doc, node, "%s" SEEDS_EXPECTED ", got %s", seeds_origin(doc),
                           doc_words(words, node));
    for (size_t i = 0; i < loader->n_seeds; i++)
        if (loader->seeds[i] == seed)
            return problem_add(&loader->problems, doc, node, "%sseed %s stands there twice", seeds_origin(doc),
                               node->text);
    loader->seeds[loader->n_seeds++] = seed;
    return ERR_OK;
}

/* doc = NULL: from the command line. */
static Err read_seeds(Loader *loader, const Doc *doc, const DocNode *node) {
    Err err = ERR_OK;
    int64_t count = 0;
    char words[DOC_WORDS_LEN];
    if (node->kind == DOC_LIST && node->n > 0) {
        TRY(pool_alloc(&loader->pool, &loader->seeds, node->n, sizeof *loader->seeds));
        for (size_t i = 0; i < node->n; i++) TRY(add_seed(loader, doc, node->items[i]));
        goto done;
    }
    bool ok = node->kind == DOC_TEXT && !node->quoted && number_read_int(node->text, &count);
    if (!ok || count < 1 || count > GRID_CELLS_MAX)
        return problem_add(&loader->problems, doc, node, "%s" SEEDS_EXPECTED ", got %s", seeds_origin(doc),
                           node->kind == DOC_LIST ? "an empty list" : doc_words(words, node));
    TRY(pool_alloc(&loader->pool, &loader->seeds, (size_t)count, sizeof *loader->seeds));
    for (int64_t i = 0; i < count; i++) loader->seeds[loader->n_seeds++] = i;
done:
    return err;
}

static Err seeds_from_command_line(Loader *loader) {
    Err err = ERR_OK;
    Doc *doc = NULL;
    Err wrong = doc_read_text(&doc, "seeds", loader->seeds_override, strlen(loader->seeds_override));
    if (wrong == ERR_SPEC || (wrong == ERR_OK && doc_root(doc) == NULL))
        TRY(problem_add(&loader->problems, NULL, NULL, "override 'seeds=%.80s': " SEEDS_EXPECTED,
                        loader->seeds_override));
    else if (wrong == ERR_OK)
        TRY(read_seeds(loader, NULL, doc_root(doc)));
    else
        err = wrong;
done:
    doc_free(doc);
    return err;
}

Err top_seeds(Loader *loader) {
    Err err = ERR_OK;
    const Top *top = load_top(loader, TOP_SEEDS);
    if (loader->seeds_override != NULL)
        TRY(seeds_from_command_line(loader));
    else if (top != NULL)
        TRY(read_seeds(loader, top->doc, top->node));
    if (loader->n_seeds > 0) goto done;
    TRY(pool_alloc(&loader->pool, &loader->seeds, 1, sizeof *loader->seeds)); /* not given: seed 0 */
    loader->n_seeds = 1;
done:
    return err;
}

/* ---- the rest ---- */

static Err read_experiment(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    const Top *top = &loader->own[TOP_EXPERIMENT]; /* never inherited: results are kept under this name */
    const char *name = NULL;
    if (top->node == NULL)
        return problem_add(&loader->problems, loader->doc, doc_root(loader->doc),
                           "'experiment' is missing: the name under which results are kept");
    TRY(top_text(loader, top, "a name", &name));
    if (name == NULL) goto done;
    size_t len = strlen(name);
    bool good = len > 0 && len <= 64 && name[0] != '-' &&
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
    if (!good)
        TRY(problem_add(&loader->problems, top->doc, top->node,
                        "'%.80s' is no name for an experiment: expected up to 64 letters, digits, '_' or '-'", name));
    TRY(pool_text(pool, &grid->experiment, name));
done:
    return err;
}

static Err read_question(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    const Top *top = &loader->own[TOP_QUESTION];
    const char *text = NULL;
    if (top->node != NULL) TRY(top_text(loader, top, "a text", &text));
    TRY(pool_text(pool, &grid->question, text == NULL ? "" : text));
done:
    return err;
}

static Err read_plan_only(Loader *loader, Grid *grid) {
    const Top *top = &loader->own[TOP_PLAN_ONLY];
    char words[DOC_WORDS_LEN];
    if (top->node == NULL) return ERR_OK;
    const char *text = top->node->kind == DOC_TEXT && !top->node->quoted ? top->node->text : "";
    grid->plan_only = strcmp(text, "true") == 0;
    if (grid->plan_only || strcmp(text, "false") == 0) return ERR_OK;
    return problem_add(&loader->problems, top->doc, top->node, "expected true or false, got %s",
                       doc_words(words, top->node));
}

static const char *grid_variant(const Grid *grid, const char *name) {
    for (size_t i = 0; i < grid->n_variants; i++)
        if (strcmp(grid->variants[i], name) == 0) return grid->variants[i];
    return NULL;
}

static Err read_baseline(Loader *loader, Grid *grid) {
    const Top *top = load_top(loader, TOP_BASELINE);
    if (top != NULL) {
        grid->baseline = top->node->kind == DOC_TEXT ? grid_variant(grid, top->node->text) : NULL;
        return grid->baseline != NULL ? ERR_OK : variant_unknown(loader, top->doc, top->node);
    }
    grid->baseline = grid_variant(grid, "baseline");
    if (grid->baseline != NULL || grid->n_variants < 2 || grid->plan_only) return ERR_OK;
    return problem_add(&loader->problems, loader->doc, doc_root(loader->doc),
                       "'baseline' is missing: the variant with which the others are compared");
}

/* The metrics belong to the folder that runs cells, which this one knows nothing of: one is what eval.best takes. */
static Err check_metric(Loader *loader, const Top *top, const char *text) {
    if (option_find("eval.best")->check(text) == ERR_OK) return ERR_OK;
    return problem_add(&loader->problems, top->doc, top->node, "%s", err_message());
}

static bool moment(const char *text) {
    int64_t step = 0;
    return strcmp(text, "last") == 0 || strcmp(text, "best") == 0 || (number_read_int(text, &step) && step >= 0);
}

static Err primary_value(Loader *loader, Grid *grid, Pool *pool, const Top *top) {
    Err err = ERR_OK;
    GridPrimary *primary = &grid->primary;
    const char *key = top->key_node->text, *text = NULL, *expected = NULL;
    TRY(top_text(loader, top, "a single value", &text));
    if (text == NULL) goto done;
    if (strcmp(key, "variant") == 0) {
        primary->variant = grid_variant(grid, text);
        if (primary->variant == NULL) TRY(variant_unknown(loader, top->doc, top->node));
    } else if (strcmp(key, "metric") == 0) {
        TRY(pool_text(pool, &primary->metric, text));
        TRY(check_metric(loader, top, text));
    } else if (strcmp(key, "set") == 0) {
        TRY(pool_text(pool, &primary->set, text));
        if (strcmp(text, "test") != 0 && strcmp(text, "valid") != 0) expected = "test or valid";
    } else if (strcmp(key, "at") == 0) {
        TRY(pool_text(pool, &primary->at, text));
        if (!moment(text)) expected = "last, best or a step";
    } else if (strcmp(key, "margin") == 0) {
        if (top->node->quoted || !number_read_real(text, &primary->margin) || primary->margin < 0)
            expected = "a margin of 0 or more, in the unit of the metric";
    } else {
        char hint[160];
        Near near = near_start(key);
        for (int i = 0; i < 5; i++)
            near_offer(&near, (const char *const[]){"variant", "metric", "set", "at", "margin"}[i]);
        TRY(problem_add(&loader->problems, top->doc, top->key_node,
                        "unknown key '%.80s'%s; primary has variant, metric, set, at and margin", key,
                        near_hint(&near, "", hint, (int)sizeof hint)));
    }
    if (expected != NULL)
        TRY(problem_add(&loader->problems, top->doc, top->node, "expected %s, got '%.60s'", expected, text));
done:
    return err;
}

static Err read_primary(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    const Top *top = load_top(loader, TOP_PRIMARY);
    char words[DOC_WORDS_LEN];
    grid->primary = (GridPrimary){.set = "test", .at = "last"};
    if (top == NULL) return ERR_OK;
    if (top->node->kind != DOC_MAP)
        return problem_add(&loader->problems, top->doc, top->node,
                           "expected {variant: NAME, metric: NAME, set: test, at: last, margin: 0.01}, got %s",
                           doc_words(words, top->node));
    for (size_t i = 0; i < top->node->n; i++)
        TRY(primary_value(loader, grid, pool, &(Top){top->doc, top->node->items[2 * i], top->node->items[2 * i + 1]}));
    if (doc_get(top->node, "variant") == NULL || doc_get(top->node, "metric") == NULL)
        TRY(problem_add(&loader->problems, top->doc, top->key_node, "primary must name a variant and a metric"));
    if (grid->primary.variant != NULL && grid->primary.variant == grid->baseline)
        TRY(problem_add(&loader->problems, top->doc, doc_get(top->node, "variant"),
                        "the primary comparison is of a variant with the baseline, and '%s' is the baseline",
                        grid->baseline));
done:
    return err;
}

Err top_values(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    TRY(read_experiment(loader, grid, pool));
    TRY(read_question(loader, grid, pool));
    TRY(read_plan_only(loader, grid));
    TRY(read_baseline(loader, grid));
    TRY(read_primary(loader, grid, pool));
done:
    return err;
}

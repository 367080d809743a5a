/* `exclude` takes cells away: {variant: NAME, key: value, seed: N} or a pattern over names. `include` adds cells: the
 * variant, every axis of it, and any further settings, all of which stand in the cell's name. */
#include <string.h>

#include "harness/grid/load.h"
#include "models/number.h"

/* ---- exclude ---- */

typedef struct Rule {
    const Doc *doc;
    const DocNode *node;
    const char *pattern; /* over names, or NULL */
    const char *variant; /* pattern, or NULL */
    const CellAxis *axes;
    size_t n_axes;
    bool has_seed;
    int64_t seed;
} Rule;

/* The axis of that key that any variant has. */
static const Axis *any_axis(const Loader *loader, const char *key) {
    const Axis *axis = axes_find(&loader->groups, key);
    for (size_t i = 0; axis == NULL && i < loader->n_variants; i++) axis = axes_find(&loader->variants[i].groups, key);
    return axis;
}

/* True if pattern names at least one variant. */
static bool names_variant(const Loader *loader, const char *pattern) {
    for (size_t i = 0; i < loader->n_variants; i++)
        if (grid_match(pattern, loader->variants[i].name)) return true;
    return false;
}

static Err rule_axis(Loader *loader, Rule *rule, CellAxis *axes, const Entry *entry, bool *ok) {
    Err err = ERR_OK;
    const char *value = NULL;
    *ok = false;
    if (any_axis(loader, entry->key) == NULL)
        return problem_add(&loader->problems, entry->doc, entry->key_node,
                           "'%.100s' is no axis of this grid; an exclude has variant, seed and axes", entry->key);
    TRY(layer_value(loader, entry, entry->node, &value));
    *ok = value != NULL;
    if (*ok) axes[rule->n_axes++] = (CellAxis){entry->key, value};
done:
    return err;
}

static Err rule_seed(Loader *loader, Rule *rule, const Entry *entry, bool *ok) {
    char words[DOC_WORDS_LEN];
    rule->has_seed = entry->node->kind == DOC_TEXT && number_read_int(entry->node->text, &rule->seed);
    *ok = rule->has_seed;
    if (*ok) return ERR_OK;
    return problem_add(&loader->problems, entry->doc, entry->node, "expected a seed, got %s",
                       doc_words(words, entry->node));
}

/* *use = false: something was noted, or the command line decides an axis of the rule. */
static Err read_rule(Loader *loader, Rule *rule, bool *use) {
    Err err = ERR_OK;
    CellAxis *axes = NULL;
    char words[DOC_WORDS_LEN];
    *use = true;
    if (rule->node->kind == DOC_TEXT && !doc_is_null(rule->node)) {
        rule->pattern = rule->node->text;
        return ERR_OK;
    }
    *use = rule->node->kind == DOC_MAP && rule->node->n > 0;
    if (!*use)
        return problem_add(&loader->problems, rule->doc, rule->node,
                           "expected {variant: NAME, key: value, ...} or a pattern over cells' names, got %s",
                           rule->node->kind == DOC_MAP ? "an empty map" : doc_words(words, rule->node));
    TRY(pool_alloc(&loader->pool, &axes, rule->node->n, sizeof *axes));
    rule->axes = axes;
    for (size_t i = 0; i < rule->node->n; i++) {
        Entry entry = {.doc = rule->doc, .key_node = rule->node->items[2 * i], .node = rule->node->items[2 * i + 1]};
        bool ok = true;
        entry.key = entry.key_node->text;
        if (strcmp(entry.key, "variant") == 0) {
            ok = entry.node->kind == DOC_TEXT && names_variant(loader, entry.node->text);
            rule->variant = entry.node->text;
            if (!ok) TRY(variant_unknown(loader, entry.doc, entry.node));
        } else if (strcmp(entry.key, "seed") == 0) {
            TRY(rule_seed(loader, rule, &entry, &ok));
        } else if (override_find(loader, entry.key) != NULL) {
            ok = false;
        } else {
            TRY(rule_axis(loader, rule, axes, &entry, &ok));
        }
        *use = *use && ok;
    }
done:
    return err;
}

static bool has_axis(const Combination *combination, const CellAxis *axis) {
    for (size_t i = 0; i < combination->n_axes; i++)
        if (strcmp(combination->axes[i].key, axis->key) == 0)
            return strcmp(combination->axes[i].shown, axis->shown) == 0;
    return false;
}

static Err rule_matches(Loader *loader, const Rule *rule, const Combination *combination, int64_t seed, bool *out) {
    Err err = ERR_OK;
    const char *name = NULL;
    *out = false;
    if (rule->pattern != NULL) {
        TRY(cells_name(&loader->pool, &name, combination, seed));
        *out = grid_match(rule->pattern, name);
        goto done;
    }
    if (rule->has_seed && rule->seed != seed) goto done;
    if (rule->variant != NULL && !grid_match(rule->variant, combination->variant->name)) goto done;
    *out = true;
    for (size_t i = 0; i < rule->n_axes; i++) *out = *out && has_axis(combination, &rule->axes[i]);
done:
    return err;
}

static Err apply_rule(Loader *loader, const Rule *rule) {
    Err err = ERR_OK;
    bool matched = false;
    for (size_t i = 0; i < loader->n_combinations; i++) {
        for (size_t k = 0; k < loader->n_seeds; k++) {
            Combination *combination = &loader->combinations[i];
            bool hit = false;
            TRY(rule_matches(loader, rule, combination, loader->seeds[k], &hit));
            combination->excluded[k] = combination->excluded[k] || hit;
            matched = matched || hit;
        }
    }
    /* Seeds and axes given on the command line leave cells out, so a rule for those has nothing to match. */
    if (!matched && loader->n_overrides == 0 && loader->seeds_override == NULL)
        TRY(problem_add(&loader->problems, rule->doc, rule->node, "this exclude matches no cell"));
done:
    return err;
}

static Err expect_list(Loader *loader, const Top *top, const char *what, bool *ok) {
    char words[DOC_WORDS_LEN];
    *ok = top->node->kind == DOC_LIST;
    if (*ok) return ERR_OK;
    return problem_add(&loader->problems, top->doc, top->node, "expected a list of %s, got %s", what,
                       doc_words(words, top->node));
}

Err select_exclude(Loader *loader) {
    Err err = ERR_OK;
    const Top *top = load_top(loader, TOP_EXCLUDE);
    bool ok = false;
    if (top == NULL) return ERR_OK;
    TRY(expect_list(loader, top, "cells to leave out", &ok));
    for (size_t i = 0; ok && i < top->node->n; i++) {
        Rule rule = {.doc = top->doc, .node = top->node->items[i]};
        bool use = false;
        TRY(read_rule(loader, &rule, &use));
        if (use) TRY(apply_rule(loader, &rule));
    }
done:
    return err;
}

/* ---- include ---- */

/* The values of the variant's axes in their order, taken from the layer; one that is missing is noted. */
static Err include_axes(Loader *loader, const Layer *layer, const AxisGroups *groups, const Doc *doc,
                        const DocNode *node, CellAxis *axes, size_t *n, bool *ok) {
    Err err = ERR_OK;
    for (size_t i = 0; i < groups->n; i++) {
        for (size_t k = 0; k < groups->items[i].n_axes; k++) {
            const char *key = groups->items[i].axes[k].entry.key;
            const Entry *entry = layer_find(layer, key);
            if (entry != NULL) {
                axes[(*n)++] = (CellAxis){key, entry->text};
                continue;
            }
            *ok = false;
            TRY(problem_add(&loader->problems, doc, node, "this include names no %s; it must name every axis", key));
        }
    }
done:
    return err;
}

/* Entries that are no axes of the variant, in their canonical text; those that the command line decides are left out.
 */
static Err include_extra(Loader *loader, const Variant *variant, const Layer *layer, Layer *extra, CellAxis *axes,
                         size_t *n) {
    Err err = ERR_OK;
    for (size_t i = 0; i < layer->n; i++) {
        const Entry *entry = &layer->items[i];
        if (axes_find(&loader->groups, entry->key) != NULL || axes_find(&variant->groups, entry->key) != NULL) continue;
        if (override_find(loader, entry->key) != NULL) continue;
        TRY(pool_grow(&loader->pool, &extra->items, extra->n, &extra->capacity, sizeof *extra->items));
        extra->items[extra->n++] = *entry;
        axes[(*n)++] = (CellAxis){entry->key, entry->text};
    }
done:
    return err;
}

static Err include_one(Loader *loader, const Doc *doc, const DocNode *node) {
    Err err = ERR_OK;
    Layer layer = {0}, extra = {0};
    CellAxis *axes = NULL;
    Combination *added = NULL;
    size_t n = 0, n_problems = loader->problems.n;
    const DocNode *name = doc_get(node, "variant");
    if (name == NULL) return problem_add(&loader->problems, doc, node, "expected {variant: NAME, key: value, ...}");
    const Variant *variant = name->kind == DOC_TEXT ? variant_find(loader, name->text) : NULL;
    if (variant == NULL) return variant_unknown(loader, doc, name);
    TRY(layer_read(loader, &layer, doc, node, "variant"));
    bool ok = loader->problems.n == n_problems;
    TRY(pool_alloc(&loader->pool, &axes, layer.n + 1, sizeof *axes));
    if (ok) TRY(include_axes(loader, &layer, &loader->groups, doc, node, axes, &n, &ok));
    if (ok) TRY(include_axes(loader, &layer, &variant->groups, doc, node, axes, &n, &ok));
    if (!ok) goto done;
    TRY(include_extra(loader, variant, &layer, &extra, axes, &n));
    if (expand_has(loader, variant, axes, n)) {
        /* What the command line decides can make cells alike. */
        if (loader->n_overrides == 0)
            TRY(problem_add(&loader->problems, doc, node, "this include adds a cell that is there already"));
        goto done;
    }
    TRY(expand_add(loader, &added, variant, axes, n));
    added->extra = extra;
    added->doc = doc;
    added->node = node;
done:
    return err;
}

Err select_include(Loader *loader) {
    Err err = ERR_OK;
    const Top *top = load_top(loader, TOP_INCLUDE);
    bool ok = false;
    if (top == NULL) return ERR_OK;
    TRY(expect_list(loader, top, "cells to add", &ok));
    for (size_t i = 0; ok && i < top->node->n; i++) TRY(include_one(loader, top->doc, top->node->items[i]));
done:
    return err;
}

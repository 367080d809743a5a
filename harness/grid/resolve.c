/* Settings of every combination: the layers in their order; and that no setting is written in vain. */

#include "harness/grid/load.h"

static Err apply_layers(const Loader *loader, const Combination *combination, Settings *settings) {
    Err err = ERR_OK;
    TRY(layer_apply(&loader->extended_base, settings));
    TRY(layer_apply(&loader->base, settings));
    TRY(layer_apply(&combination->variant->layer, settings));
    for (size_t i = 0; i < combination->n_axes; i++)
        TRY(settings_set(settings, combination->axes[i].key, combination->axes[i].shown));
    for (size_t i = 0; i < loader->n_overrides; i++)
        TRY(settings_set(settings, loader->overrides[i].key, loader->overrides[i].value));
    TRY(settings_resolve(settings));
done:
    return err;
}

static bool all_excluded(const Loader *loader, const Combination *combination) {
    for (size_t i = 0; i < loader->n_seeds; i++)
        if (!combination->excluded[i]) return false;
    return true;
}

static Err resolve_one(Loader *loader, Combination *combination, bool *ok) {
    Err err = ERR_OK;
    Settings *settings = NULL;
    TRY(settings_new(&settings));
    Err wrong = apply_layers(loader, combination, settings);
    *ok = wrong == ERR_OK;
    if (wrong == ERR_SPEC) wrong = err_context(wrong, "variant %s", combination->variant->name);
    TRY(problem_catch(&loader->problems, combination->doc, combination->node, wrong));
    if (*ok) {
        combination->settings = settings;
        settings = NULL;
    }
done:
    settings_free(settings);
    return err;
}

static void mark(Entry *entry, const Settings *settings) {
    entry->effective = entry->effective || settings_applies(settings, entry->key);
}

static void mark_layer(const Layer *layer, const Settings *settings) {
    for (size_t i = 0; i < layer->n; i++) mark(&layer->items[i], settings);
}

static void mark_groups(const AxisGroups *groups, const Settings *settings) {
    for (size_t i = 0; i < groups->n; i++)
        for (size_t k = 0; k < groups->items[i].n_axes; k++) mark(&groups->items[i].axes[k].entry, settings);
}

static void mark_all(Loader *loader, const Combination *combination) {
    const Settings *settings = combination->settings;
    mark_layer(&loader->base, settings);
    mark_layer(&combination->variant->layer, settings);
    mark_layer(&combination->extra, settings);
    mark_groups(&loader->groups, settings);
    mark_groups(&combination->variant->groups, settings);
    for (size_t i = 0; i < loader->n_overrides; i++) {
        Override *override = &loader->overrides[i];
        override->effective = override->effective || settings_applies(settings, override->key);
    }
}

static const char *condition(const char *key) {
    const Option *row = option_find(key);
    return row == NULL || row->when == NULL ? "never" : row->when;
}

static Err check_entry(Loader *loader, const Entry *entry, const char *where) {
    if (entry->effective) return ERR_OK;
    return problem_add(&loader->problems, entry->doc, entry->key_node, "%s has no effect in %s: it applies with %s",
                       entry->key, where, condition(entry->key));
}

static Err check_layer(Loader *loader, const Layer *layer, const char *where) {
    Err err = ERR_OK;
    for (size_t i = 0; i < layer->n; i++) TRY(check_entry(loader, &layer->items[i], where));
done:
    return err;
}

static Err check_groups(Loader *loader, const AxisGroups *groups, const char *where) {
    Err err = ERR_OK;
    for (size_t i = 0; i < groups->n; i++)
        for (size_t k = 0; k < groups->items[i].n_axes; k++)
            TRY(check_entry(loader, &groups->items[i].axes[k].entry, where));
done:
    return err;
}

static bool has_combination(const Loader *loader, const Variant *variant) {
    for (size_t i = 0; i < loader->n_combinations; i++)
        if (loader->combinations[i].variant == variant && loader->combinations[i].settings != NULL) return true;
    return false;
}

/* A base that another file lends may hold more than this grid needs; what this file says must matter. */
static Err check_effects(Loader *loader) {
    Err err = ERR_OK;
    TRY(check_layer(loader, &loader->base, "any cell"));
    TRY(check_groups(loader, &loader->groups, "any cell"));
    for (size_t i = 0; i < loader->n_variants; i++) {
        const Variant *variant = &loader->variants[i];
        if (!has_combination(loader, variant)) continue;
        TRY(check_layer(loader, &variant->layer, "any cell of this variant"));
        TRY(check_groups(loader, &variant->groups, "any cell of this variant"));
    }
    for (size_t i = 0; i < loader->n_combinations; i++)
        TRY(check_layer(loader, &loader->combinations[i].extra, "this cell"));
    for (size_t i = 0; i < loader->n_overrides; i++) {
        const Override *override = &loader->overrides[i];
        if (override->effective) continue;
        TRY(problem_add(&loader->problems, NULL, NULL, "override '%s=%s' has no effect in any cell: it applies with %s",
                        override->key, override->value, condition(override->key)));
    }
done:
    return err;
}

Err resolve(Loader *loader) {
    Err err = ERR_OK;
    const Variant *failed = NULL;
    bool any = false;
    for (size_t i = 0; i < loader->n_combinations; i++) {
        Combination *combination = &loader->combinations[i];
        bool ok = false;
        /* one message per variant: its other combinations fail for the same reason */
        if (all_excluded(loader, combination) || combination->variant == failed) continue;
        TRY(resolve_one(loader, combination, &ok));
        any = any || ok;
        if (ok)
            mark_all(loader, combination);
        else
            failed = combination->variant;
    }
    if (any && failed == NULL) TRY(check_effects(loader));
done:
    return err;
}

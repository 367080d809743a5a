/* KEY=VALUE from the command line: the last layer. */
#include <stdlib.h>
#include <string.h>

#include "harness/grid/load.h"
#include "models/text.h"

const Override *override_find(const Loader *loader, const char *key) {
    for (size_t i = 0; i < loader->n_overrides; i++)
        if (strcmp(loader->overrides[i].key, key) == 0) return &loader->overrides[i];
    return NULL;
}

static Err read_setting(Loader *loader, const char *text, const char *key, const char *value) {
    Err err = ERR_OK;
    Settings *settings = NULL;
    const char *shown = NULL;
    TRY(settings_new(&settings));
    Err wrong = settings_set(settings, key, value);
    if (wrong != ERR_OK) {
        if (wrong == ERR_SPEC) wrong = err_context(wrong, "override '%.80s'", text);
        TRY(problem_catch(&loader->problems, NULL, NULL, wrong));
        goto done;
    }
    TRY(pool_text(&loader->pool, &shown, settings_show(settings, key)));
    loader->overrides[loader->n_overrides++] = (Override){.key = key, .value = shown};
done:
    settings_free(settings);
    return err;
}

static Err read_override(Loader *loader, const char *text) {
    Err err = ERR_OK;
    const char *key = NULL;
    char *equals = NULL;
    TRY(pool_text(&loader->pool, &key, text));
    equals = strchr(key, '=');
    if (equals == NULL || equals == key)
        return problem_add(&loader->problems, NULL, NULL, "override '%.80s': expected KEY=VALUE", text);
    *equals = '\0';
    bool seeds = strcmp(key, "seeds") == 0;
    if (override_find(loader, key) != NULL || (seeds && loader->seeds_override != NULL))
        return problem_add(&loader->problems, NULL, NULL, "override '%.80s': %.80s is given twice", text, key);
    if (seeds)
        loader->seeds_override = equals + 1;
    else
        TRY(read_setting(loader, text, key, equals + 1));
done:
    return err;
}

/* Without the axes that the command line decides; a zip may then say the same twice, and a group without axes goes. */
static void drop_axes(const Loader *loader, AxisGroups *groups) {
    size_t n_groups = 0;
    for (size_t i = 0; i < groups->n; i++) {
        AxisGroup group = groups->items[i];
        size_t n = 0;
        for (size_t k = 0; k < group.n_axes; k++)
            if (override_find(loader, group.axes[k].entry.key) == NULL) group.axes[n++] = group.axes[k];
        group.n_axes = n;
        (void)axes_unique(&group);
        if (n > 0) groups->items[n_groups++] = group;
    }
    groups->n = n_groups;
}

static int by_key(const void *a, const void *b) {
    const Override *left = a, *right = b;
    return strcmp(left->key, right->key);
}

Err overrides_read(Loader *loader, const char *const *texts, size_t n) {
    Err err = ERR_OK;
    TRY(pool_alloc(&loader->pool, &loader->overrides, n + 1, sizeof *loader->overrides));
    for (size_t i = 0; i < n; i++) TRY(read_override(loader, texts[i]));
    qsort(loader->overrides, loader->n_overrides, sizeof *loader->overrides, by_key);
done:
    return err;
}

/* ---- notes ---- */

static Err note_layer(Text *text, const Layer *layer, const char *key, const char *where) {
    const Entry *entry = layer_find(layer, key);
    if (entry == NULL) return ERR_OK;
    return text_add(text, "%s%s (%s)", text->len == 0 ? "" : ", ", entry->text, where);
}

static Err note_axes(Text *text, const AxisGroups *groups, const char *key, const char *where) {
    Err err = ERR_OK;
    const Axis *axis = axes_find(groups, key);
    if (axis == NULL) return ERR_OK;
    for (size_t i = 0; i < axis->n; i++) TRY(text_add(text, "%s%s", text->len == 0 ? "" : ", ", axis->values[i]));
    TRY(text_add(text, " (%s)", where));
done:
    return err;
}

/* True if a variant has the setting neither from a base nor of its own. */
static bool some_has_default(const Loader *loader, const char *key) {
    if (layer_find(&loader->base, key) != NULL || layer_find(&loader->extended_base, key) != NULL ||
        axes_find(&loader->groups, key) != NULL)
        return false;
    for (size_t i = 0; i < loader->n_variants; i++)
        if (layer_find(&loader->variants[i].layer, key) == NULL && axes_find(&loader->variants[i].groups, key) == NULL)
            return true;
    return loader->n_variants == 0;
}

static Err note(Loader *loader, Pool *pool, const Override *override, const char **out) {
    Err err = ERR_OK;
    Text text = {0};
    const char *key = override->key;
    const Option *row = option_find(key);
    const Layer *base = layer_find(&loader->base, key) != NULL ? &loader->base : &loader->extended_base;
    TRY(note_layer(&text, base, key, base == &loader->base ? "base" : "extended base"));
    for (size_t i = 0; i < loader->n_variants; i++) {
        TRY(note_layer(&text, &loader->variants[i].layer, key, loader->variants[i].name));
        TRY(note_axes(&text, &loader->variants[i].groups, key, loader->variants[i].name));
    }
    TRY(note_axes(&text, &loader->groups, key, "grid"));
    if (text.len == 0 || (row->when == NULL && some_has_default(loader, key)))
        TRY(text_add(&text, "%sthe default%s%s", text.len == 0 ? "" : ", ", row->def == NULL ? "" : " ",
                     row->def == NULL ? "" : row->def));
    TRY(pool_printf(pool, out, "%s: %s instead of %s", key, override->value, text.data));
done:
    text_clear(&text);
    return err;
}

Err overrides_apply(Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    TRY(pool_alloc(pool, &grid->notes, loader->n_overrides + 1, sizeof *grid->notes));
    for (size_t i = 0; i < loader->n_overrides; i++)
        TRY(note(loader, pool, &loader->overrides[i], &grid->notes[grid->n_notes++]));
    drop_axes(loader, &loader->groups);
    for (size_t i = 0; i < loader->n_variants; i++) drop_axes(loader, &loader->variants[i].groups);
done:
    return err;
}

/* `grid` and `zip`: keys with lists of values. */
#include <string.h>

#include "harness/grid/load.h"

const Axis *axes_find(const AxisGroups *groups, const char *key) {
    for (size_t i = 0; i < groups->n; i++)
        for (size_t k = 0; k < groups->items[i].n_axes; k++)
            if (strcmp(groups->items[i].axes[k].entry.key, key) == 0) return &groups->items[i].axes[k];
    return NULL;
}

/* The values of one key: *ok = false if something was noted. */
static Err read_axis(Loader *loader, Axis *axis, bool unique, bool *ok) {
    Err err = ERR_OK;
    const Entry *entry = &axis->entry;
    char words[DOC_WORDS_LEN];
    *ok = false;
    if (option_find(entry->key) == NULL) {
        const char *ignored = NULL; /* notes the unknown key */
        return layer_value(loader, entry, &(DocNode){.kind = DOC_TEXT, .text = ""}, &ignored);
    }
    if (entry->node->kind != DOC_LIST)
        return problem_add(&loader->problems, entry->doc, entry->node, "expected a list of values of %s, got %s",
                           entry->key, doc_words(words, entry->node));
    if (entry->node->n == 0)
        return problem_add(&loader->problems, entry->doc, entry->node, "%s has no values, so there are no cells",
                           entry->key);
    *ok = true;
    TRY(pool_alloc(&loader->pool, &axis->values, entry->node->n, sizeof *axis->values));
    for (size_t i = 0; i < entry->node->n; i++) {
        const char *value = NULL;
        TRY(layer_value(loader, entry, entry->node->items[i], &value));
        *ok = *ok && value != NULL;
        for (size_t k = 0; unique && value != NULL && k < axis->n; k++) {
            if (strcmp(axis->values[k], value) != 0) continue;
            *ok = false;
            TRY(problem_add(&loader->problems, entry->doc, entry->node->items[i], "%s has the value %s twice",
                            entry->key, value));
            break;
        }
        if (value != NULL) axis->values[axis->n++] = value;
    }
done:
    return err;
}

/* Keys of a map of axes; a key that another axis has is noted. */
static Err axis_entry(Loader *loader, const AxisGroups *groups, Entry *entry, bool *ok) {
    const Axis *first = axes_find(&loader->groups, entry->key);
    if (first == NULL) first = axes_find(groups, entry->key);
    *ok = first == NULL;
    if (*ok) return ERR_OK;
    return problem_add(&loader->problems, entry->doc, entry->key_node, "%s is an axis already, at line %d", entry->key,
                       first->entry.key_node->place.line);
}

static Err expect_map(Loader *loader, const Doc *doc, const DocNode *map, const char *what, bool *ok) {
    char words[DOC_WORDS_LEN];
    *ok = map->kind == DOC_MAP && map->n > 0;
    if (*ok) return ERR_OK;
    return problem_add(&loader->problems, doc, map, "expected %s as key: [value, ...], got %s", what,
                       map->kind == DOC_MAP ? "an empty map" : doc_words(words, map));
}

Err axes_read_grid(Loader *loader, AxisGroups *groups, const Doc *doc, const DocNode *map) {
    Err err = ERR_OK;
    bool ok = false;
    TRY(expect_map(loader, doc, map, "axes", &ok));
    for (size_t i = 0; ok && i < map->n; i++) {
        Axis *axis = NULL;
        bool use = false;
        TRY(pool_alloc(&loader->pool, &axis, 1, sizeof *axis));
        axis->entry = (Entry){.doc = doc, .key_node = map->items[2 * i], .node = map->items[2 * i + 1]};
        axis->entry.key = axis->entry.key_node->text;
        TRY(axis_entry(loader, groups, &axis->entry, &use));
        if (use) TRY(read_axis(loader, axis, true, &use));
        if (!use) continue;
        TRY(pool_grow(&loader->pool, &groups->items, groups->n, &groups->capacity, sizeof *groups->items));
        groups->items[groups->n++] = (AxisGroup){.axes = axis, .n_axes = 1, .n = axis->n};
    }
done:
    return err;
}

static bool rows_equal(const AxisGroup *group, size_t a, size_t b) {
    for (size_t k = 0; k < group->n_axes; k++)
        if (strcmp(group->axes[k].values[a], group->axes[k].values[b]) != 0) return false;
    return true;
}

size_t axes_unique(AxisGroup *group) {
    size_t n = 0;
    for (size_t i = 0; i < group->n; i++) {
        size_t same = 0;
        while (same < n && !rows_equal(group, same, i)) same++;
        if (same < n) continue;
        for (size_t k = 0; k < group->n_axes; k++) group->axes[k].values[n] = group->axes[k].values[i];
        n++;
    }
    size_t n_dropped = group->n - n;
    group->n = n;
    return n_dropped;
}

/* One key of zip, appended to the group if its values are as many as those of the first. */
static Err read_zip_axis(Loader *loader, AxisGroups *groups, AxisGroup *group, Entry entry, bool *ok) {
    Err err = ERR_OK;
    Axis *axis = &group->axes[group->n_axes];
    *axis = (Axis){.entry = entry};
    TRY(axis_entry(loader, groups, &axis->entry, ok));
    if (*ok) TRY(read_axis(loader, axis, false, ok));
    if (!*ok) goto done;
    if (group->n_axes == 0) group->n = axis->n;
    *ok = axis->n == group->n;
    if (*ok)
        group->n_axes++;
    else
        TRY(problem_add(&loader->problems, entry.doc, entry.node,
                        "keys of zip advance together: %s has %zu values, but %s has %zu", entry.key, axis->n,
                        group->axes[0].entry.key, group->n));
done:
    return err;
}

Err axes_read_zip(Loader *loader, AxisGroups *groups, const Doc *doc, const DocNode *map) {
    Err err = ERR_OK;
    AxisGroup group = {0};
    bool all = false;
    TRY(expect_map(loader, doc, map, "axes", &all));
    if (!all) goto done;
    TRY(pool_alloc(&loader->pool, &group.axes, map->n, sizeof *group.axes));
    for (size_t i = 0; i < map->n; i++) {
        const DocNode *key = map->items[2 * i];
        bool ok = false;
        Entry entry = {.key = key->text, .doc = doc, .key_node = key, .node = map->items[2 * i + 1]};
        TRY(read_zip_axis(loader, groups, &group, entry, &ok));
        all = all && ok;
    }
    if (!all) goto done;
    if (axes_unique(&group) > 0)
        TRY(problem_add(&loader->problems, doc, group.axes[0].entry.key_node, "zip gives the same values twice"));
    TRY(pool_grow(&loader->pool, &groups->items, groups->n, &groups->capacity, sizeof *groups->items));
    groups->items[groups->n++] = group;
done:
    return err;
}

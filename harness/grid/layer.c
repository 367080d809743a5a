/* Maps of settings, by section or dotted, as flat entries. */
#include <stdio.h>
#include <string.h>

#include "harness/grid/load.h"
#include "kernels/mem.h"
#include "models/option_match.h"
#include "models/value.h"

const Entry *layer_find(const Layer *layer, const char *key) {
    for (size_t i = 0; i < layer->n; i++)
        if (strcmp(layer->items[i].key, key) == 0) return &layer->items[i];
    return NULL;
}

/* Reads text as a value of key; *out = its canonical text. What is wrong is noted: the key at its place, the value at
 * its own. */
static Err check_value(Loader *loader, const Entry *entry, const DocNode *node, const char *text, const char **out) {
    Err err = ERR_OK;
    Settings *settings = NULL;
    const DocNode *blamed = option_find(entry->key) == NULL ? entry->key_node : node;
    *out = NULL;
    TRY(settings_new(&settings));
    Err wrong = settings_set(settings, entry->key, text);
    if (wrong != ERR_OK)
        TRY(problem_catch(&loader->problems, entry->doc, blamed, wrong));
    else
        TRY(pool_text(&loader->pool, out, settings_show(settings, entry->key)));
done:
    settings_free(settings);
    return err;
}

Err layer_value(Loader *loader, const Entry *entry, const DocNode *node, const char **out) {
    Err err = ERR_OK;
    char *text = NULL, expected[VALUE_EXPECTED_LEN];
    const Option *row = option_find(entry->key);
    *out = NULL;
    if (node->kind == DOC_MAP && row != NULL)
        return problem_add(&loader->problems, entry->doc, node, "%s: expected %s, got a map", entry->key,
                           value_expected(expected, row));
    Err wrong = doc_flow(&text, node);
    if (wrong != ERR_OK)
        TRY(problem_catch(&loader->problems, entry->doc, node, wrong));
    else
        TRY(check_value(loader, entry, node, text, out));
done:
    mem_free(text);
    return err;
}

static Err add_entry(Loader *loader, Layer *layer, Entry entry) {
    Err err = ERR_OK;
    const Entry *first = layer_find(layer, entry.key);
    if (first != NULL && first->doc == entry.doc) {
        return problem_add(&loader->problems, entry.doc, entry.key_node, "'%.100s' is given twice, first at line %d",
                           entry.key, first->key_node->place.line);
    }
    TRY(layer_value(loader, &entry, entry.node, &entry.text));
    if (entry.text == NULL) goto done;
    if (first != NULL) { /* the extended file's variant had it */
        layer->items[first - layer->items] = entry;
        goto done;
    }
    TRY(pool_grow(&loader->pool, &layer->items, layer->n, &layer->capacity, sizeof *layer->items));
    layer->items[layer->n++] = entry;
done:
    return err;
}

typedef enum SectionKind { SECTION_NONE, SECTION_FIXED, SECTION_NAMED } SectionKind;

/* Whether settings lie below key; NAMED: key ends in a name that the user chose ("data.train.lines"). */
static SectionKind section_kind(const char *key) {
    int n = 0;
    const Option *const *rows = option_table(&n);
    OptionName name;
    for (int i = 0; i < n; i++) {
        char head[KEY_LEN];
        (void)snprintf(head, sizeof head, "%s", rows[i]->key);
        for (char *dot = strrchr(head, '.'); dot != NULL; dot = strrchr(head, '.')) {
            *dot = '\0';
            if (!option_matches(head, key, &name)) continue;
            return name.at == NULL || strchr(head, '*')[1] != '\0' ? SECTION_FIXED : SECTION_NAMED;
        }
    }
    return SECTION_NONE;
}

/* A map below a key that is no setting. An empty one is fine for a section, not for something that the user named
 * ("lines: {}"). A section that does not exist is told once, not for each key in it. */
static Err check_section(Loader *loader, const Entry *entry, bool *ok) {
    SectionKind kind = section_kind(entry->key);
    *ok = kind != SECTION_NONE && entry->node->n > 0;
    if (kind == SECTION_NONE)
        return problem_catch(&loader->problems, entry->doc, entry->key_node, option_unknown(entry->key));
    if (kind == SECTION_NAMED && entry->node->n == 0)
        return problem_add(&loader->problems, entry->doc, entry->key_node, "'%.100s' holds no settings", entry->key);
    return ERR_OK;
}

static Err read_map(Loader *loader, Layer *layer, const Doc *doc, const DocNode *map, const char *prefix,
                    const char *skip) {
    Err err = ERR_OK;
    for (size_t i = 0; i < map->n; i++) {
        Entry entry = {.doc = doc, .key_node = map->items[2 * i], .node = map->items[2 * i + 1]};
        bool descend = false;
        if (skip != NULL && strcmp(entry.key_node->text, skip) == 0) continue;
        TRY(pool_printf(&loader->pool, &entry.key, "%s%s%s", prefix, *prefix == '\0' ? "" : ".", entry.key_node->text));
        if (strlen(entry.key) >= KEY_LEN)
            TRY(problem_add(&loader->problems, doc, entry.key_node, "a key of %zu bytes is too long",
                            strlen(entry.key)));
        else if (entry.node->kind != DOC_MAP)
            TRY(add_entry(loader, layer, entry));
        else if (option_find(entry.key) != NULL)
            TRY(layer_value(loader, &entry, entry.node, &entry.text)); /* notes that it is a map */
        else
            TRY(check_section(loader, &entry, &descend));
        if (descend) TRY(read_map(loader, layer, doc, entry.node, entry.key, NULL));
    }
done:
    return err;
}

Err layer_read(Loader *loader, Layer *layer, const Doc *doc, const DocNode *map, const char *skip) {
    return read_map(loader, layer, doc, map, "", skip);
}

Err layer_apply(const Layer *layer, Settings *settings) {
    Err err = ERR_OK;
    for (size_t i = 0; i < layer->n; i++) TRY(settings_set(settings, layer->items[i].key, layer->items[i].text));
done:
    return err;
}

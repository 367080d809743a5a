/* `variants`: names with settings, of the extended file first, each with an optional `grid` of its own. */
#include <string.h>

#include "harness/grid/load.h"
#include "kernels/near.h"

enum { VARIANT_NAME_MAX = 64 };

const Variant *variant_find(const Loader *loader, const char *name) {
    for (size_t i = 0; i < loader->n_variants; i++)
        if (strcmp(loader->variants[i].name, name) == 0) return &loader->variants[i];
    return NULL;
}

Err variant_unknown(Loader *loader, const Doc *doc, const DocNode *node) {
    char hint[160], words[DOC_WORDS_LEN];
    if (loader->n_variants == 0) return ERR_OK; /* what is wrong with `variants` has been said */
    if (node->kind != DOC_TEXT)
        return problem_add(&loader->problems, doc, node, "expected the name of a variant, got %s",
                           doc_words(words, node));
    Near near = near_start(node->text);
    for (size_t i = 0; i < loader->n_variants; i++) near_offer(&near, loader->variants[i].name);
    return problem_add(&loader->problems, doc, node, "there is no variant '%.64s'%s", node->text,
                       near_hint(&near, "", hint, (int)sizeof hint));
}

/* Names stand in cells' names and folders: "variant,key=value@seed". */
static bool good_name(const char *name) {
    size_t len = strlen(name);
    bool first = len > 0 && strchr(".-", name[0]) == NULL;
    return first && len <= VARIANT_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static Err find_or_add(Loader *loader, const char *name, Variant **out) {
    for (size_t i = 0; i < loader->n_variants; i++) {
        *out = &loader->variants[i];
        if (strcmp((*out)->name, name) == 0) return ERR_OK;
    }
    Err err = pool_grow(&loader->pool, &loader->variants, loader->n_variants, &loader->variants_capacity,
                        sizeof *loader->variants);
    if (err != ERR_OK) return err;
    *out = &loader->variants[loader->n_variants++];
    **out = (Variant){.name = name};
    return ERR_OK;
}

static Err read_variant(Loader *loader, const Doc *doc, const DocNode *key, const DocNode *node) {
    Err err = ERR_OK;
    Variant *variant = NULL;
    char words[DOC_WORDS_LEN];
    if (!good_name(key->text))
        return problem_add(&loader->problems, doc, key,
                           "'%.80s' is no name for a variant: expected up to %d letters, digits, '_', '.' or '-'",
                           key->text, VARIANT_NAME_MAX);
    TRY(find_or_add(loader, key->text, &variant));
    variant->doc = doc;
    variant->key_node = key;
    if (doc_is_null(node)) goto done;
    if (node->kind != DOC_MAP) {
        TRY(problem_add(&loader->problems, doc, node, "expected the settings of variant %s as a map, got %s", key->text,
                        doc_words(words, node)));
        goto done;
    }
    TRY(layer_read(loader, &variant->layer, doc, node, "grid"));
    const DocNode *grid = doc_get(node, "grid");
    if (grid == NULL) goto done;
    variant->groups = (AxisGroups){0}; /* a variant's grid is taken whole from the nearer file */
    TRY(axes_read_grid(loader, &variant->groups, doc, grid));
done:
    return err;
}

static Err read_variants(Loader *loader, const Top *top) {
    Err err = ERR_OK;
    char words[DOC_WORDS_LEN];
    if (top->node == NULL) return ERR_OK;
    if (top->node->kind != DOC_MAP || top->node->n == 0)
        return problem_add(&loader->problems, top->doc, top->node, "expected variants as name: {settings}, got %s",
                           top->node->kind == DOC_MAP ? "an empty map" : doc_words(words, top->node));
    for (size_t i = 0; i < top->node->n; i++)
        TRY(read_variant(loader, top->doc, top->node->items[2 * i], top->node->items[2 * i + 1]));
done:
    return err;
}

Err variants_read(Loader *loader) {
    Err err = ERR_OK;
    Variant *variant = NULL;
    TRY(read_variants(loader, &loader->inherited[TOP_VARIANTS]));
    TRY(read_variants(loader, &loader->own[TOP_VARIANTS]));
    if (loader->own[TOP_VARIANTS].node == NULL && loader->inherited[TOP_VARIANTS].node == NULL) {
        TRY(find_or_add(loader, "base", &variant)); /* a grid without variants has one: its base */
        variant->doc = loader->doc;
        variant->key_node = doc_root(loader->doc);
    }
done:
    return err;
}

/* Variants times axes: an odometer over the groups, the last one fastest. */
#include <string.h>

#include "harness/grid/load.h"

static bool same_axes(const Combination *a, const CellAxis *axes, size_t n) {
    if (a->n_axes != n) return false;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n && strcmp(a->axes[k].key, axes[i].key) != 0) k++;
        if (k == n || strcmp(a->axes[k].shown, axes[i].shown) != 0) return false;
    }
    return true;
}

bool expand_has(const Loader *loader, const Variant *variant, const CellAxis *axes, size_t n) {
    for (size_t i = 0; i < loader->n_combinations; i++) {
        const Combination *other = &loader->combinations[i];
        if (other->variant == variant && same_axes(other, axes, n)) return true;
    }
    return false;
}

Err expand_add(Loader *loader, Combination **out, const Variant *variant, const CellAxis *axes, size_t n) {
    Err err = ERR_OK;
    *out = NULL;
    TRY(pool_grow(&loader->pool, &loader->combinations, loader->n_combinations, &loader->combinations_capacity,
                  sizeof *loader->combinations));
    Combination *added = &loader->combinations[loader->n_combinations];
    *added = (Combination){.variant = variant, .n_axes = n, .doc = variant->doc, .node = variant->key_node};
    TRY(pool_alloc(&loader->pool, &added->axes, n + 1, sizeof *axes));
    TRY(pool_alloc(&loader->pool, &added->excluded, loader->n_seeds + 1, sizeof *added->excluded));
    if (n > 0) memcpy(added->axes, axes, n * sizeof *axes);
    loader->n_combinations++;
    *out = added;
done:
    return err;
}

/* The groups of a variant: those of all, then its own. */
static const AxisGroup *group_at(const Loader *loader, const Variant *variant, size_t i) {
    return i < loader->groups.n ? &loader->groups.items[i] : &variant->groups.items[i - loader->groups.n];
}

/* Advances the last group that has another value; false when all have come round. */
static bool advance(const Loader *loader, const Variant *variant, size_t *at, size_t n) {
    for (size_t i = n; i-- > 0;) {
        if (++at[i] < group_at(loader, variant, i)->n) return true;
        at[i] = 0;
    }
    return false;
}

/* Counted before they are made: a product can be larger than any memory. */
static Err check_count(Loader *loader, bool *ok) {
    double n_cells = 0;
    for (size_t v = 0; v < loader->n_variants; v++) {
        const Variant *variant = &loader->variants[v];
        double n = (double)loader->n_seeds;
        for (size_t i = 0; i < loader->groups.n + variant->groups.n; i++) n *= (double)group_at(loader, variant, i)->n;
        n_cells += n;
    }
    *ok = n_cells <= GRID_CELLS_MAX;
    if (*ok) return ERR_OK;
    return problem_add(&loader->problems, loader->doc, doc_root(loader->doc),
                       "%zu variants, their axes and %zu seeds make %.0f cells; at most %d are allowed",
                       loader->n_variants, loader->n_seeds, n_cells, GRID_CELLS_MAX);
}

static Err expand_variant(Loader *loader, const Variant *variant) {
    Err err = ERR_OK;
    size_t n = loader->groups.n + variant->groups.n, n_axes_max = 0;
    size_t *at = NULL;
    CellAxis *axes = NULL;
    bool more = true;
    for (size_t i = 0; i < n; i++) n_axes_max += group_at(loader, variant, i)->n_axes;
    TRY(pool_alloc(&loader->pool, &at, n + 1, sizeof *at));
    TRY(pool_alloc(&loader->pool, &axes, n_axes_max + 1, sizeof *axes));
    for (; more; more = advance(loader, variant, at, n)) {
        size_t n_axes = 0;
        Combination *added = NULL;
        for (size_t i = 0; i < n; i++) {
            const AxisGroup *group = group_at(loader, variant, i);
            for (size_t k = 0; k < group->n_axes; k++)
                axes[n_axes++] = (CellAxis){group->axes[k].entry.key, group->axes[k].values[at[i]]};
        }
        TRY(expand_add(loader, &added, variant, axes, n_axes));
    }
done:
    return err;
}

Err expand(Loader *loader) {
    Err err = ERR_OK;
    bool ok = false;
    TRY(check_count(loader, &ok));
    for (size_t i = 0; ok && i < loader->n_variants; i++) TRY(expand_variant(loader, &loader->variants[i]));
done:
    return err;
}

/* Combinations x seeds -> cells: names, identities, folders, and which cells are the same training. */
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/grid/load.h"
#include "kernels/mem.h"
#include "models/text.h"

enum { FOLDER_NAME_MAX = 120, ID_SHORT = 8 };

/* ---- names ---- */

/* A list's spaces would make names awkward in a shell: [32, 128] stands as [32,128]. */
static Err add_compact(Text *text, const char *shown) {
    Err err = ERR_OK;
    bool list = shown[0] == '[';
    for (const char *c = shown; *c != '\0'; c++) {
        if (list && *c == ' ' && c[-1] == ',') continue;
        TRY(text_add_bytes(text, c, 1));
    }
done:
    return err;
}

Err cells_name(Pool *pool, const char **out, const Combination *combination, int64_t seed) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "%s", combination->variant->name));
    for (size_t i = 0; i < combination->n_axes; i++) {
        TRY(text_add(&text, ",%s=", combination->axes[i].key));
        TRY(add_compact(&text, combination->axes[i].shown));
    }
    TRY(text_add(&text, "@%" PRId64, seed));
    TRY(pool_text(pool, out, text.data));
done:
    text_clear(&text);
    return err;
}

/* Bytes that every file system and shell takes as they are; the rest becomes '_', and the digits tell names apart that
 * become the same. */
static Err folder_name(Pool *pool, const char **out, const char *name, const char *id) {
    char safe[FOLDER_NAME_MAX + 1];
    size_t n = 0;
    for (; name[n] != '\0' && n < FOLDER_NAME_MAX; n++) {
        char c = name[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        safe[n] = letter || strchr("_.-+=,@", c) != NULL ? c : '_';
    }
    safe[n] = '\0';
    return pool_printf(pool, out, "%s-%.*s", safe, ID_SHORT, id);
}

/* ---- identity ---- */

void grid_sha256(char hex[GRID_ID_LEN], const char *text, size_t len) {
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&sha);
    sha256_update(&sha, len, (const uint8_t *)text);
    sha256_digest(&sha, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* The first line separates these from hashes of anything else, and dates the rule by which they are made. */
static Err hash_identity(char id[GRID_ID_LEN], const char *identity, int64_t seed, const char *device) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "refocus cell 1\n%sseed=%" PRId64 "\ndevice=%s\n", identity, seed, device));
    grid_sha256(id, text.data, text.len);
done:
    text_clear(&text);
    return err;
}

Err grid_cell_id(char id[GRID_ID_LEN], const Settings *settings, int64_t seed, const char *device) {
    Err err = ERR_OK;
    char *identity = NULL;
    id[0] = '\0';
    TRY(settings_identity(settings, &identity));
    TRY(hash_identity(id, identity, seed, device));
done:
    mem_free(identity);
    return err;
}

static int by_id(const void *a, const void *b) {
    const Cell *const *left = a, *const *right = b;
    int order = strcmp((*left)->id, (*right)->id);
    if (order != 0) return order;
    return *left < *right ? -1 : *left > *right; /* both point into one array */
}

static Err find_same(Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    Cell **sorted = NULL;
    TRY(mem_alloc(&sorted, grid->n_cells + 1, sizeof(Cell *)));
    for (size_t i = 0; i < grid->n_cells; i++) sorted[i] = &grid->cells[i];
    qsort(sorted, grid->n_cells, sizeof(Cell *), by_id);
    for (size_t i = 0; i < grid->n_cells; i++) {
        bool first = i == 0 || strcmp(sorted[i - 1]->id, sorted[i]->id) != 0;
        sorted[i]->same_as = first ? (size_t)(sorted[i] - grid->cells) : sorted[i - 1]->same_as;
    }
    for (size_t i = 0; i < grid->n_cells; i++) {
        Cell *cell = &grid->cells[i];
        if (cell->same_as == i)
            TRY(folder_name(pool, &cell->folder, cell->name, cell->id));
        else
            cell->folder = grid->cells[cell->same_as].folder;
    }
done:
    mem_free(sorted);
    return err;
}

/* ---- cells ---- */

static Err copy_axes(Pool *pool, const Combination *combination, const CellAxis **out) {
    Err err = ERR_OK;
    CellAxis *axes = NULL;
    TRY(pool_alloc(pool, &axes, combination->n_axes + 1, sizeof *axes));
    for (size_t i = 0; i < combination->n_axes; i++) {
        TRY(pool_text(pool, &axes[i].key, combination->axes[i].key));
        TRY(pool_text(pool, &axes[i].shown, combination->axes[i].shown));
    }
    *out = axes;
done:
    return err;
}

/* What the seeds of a combination share. */
static Err prepare(Pool *pool, const Grid *grid, const Combination *combination, Cell *shared, char **identity) {
    Err err = ERR_OK;
    *identity = NULL;
    *shared = (Cell){.settings = combination->settings, .n_axes = combination->n_axes};
    for (size_t i = 0; i < grid->n_variants; i++)
        if (strcmp(grid->variants[i], combination->variant->name) == 0) shared->variant = grid->variants[i];
    if (combination->settings == NULL) return ERR_OK;
    TRY(copy_axes(pool, combination, &shared->axes));
    TRY(settings_identity(combination->settings, identity));
done:
    return err;
}

Err cells_make(const Loader *loader, Grid *grid, Pool *pool) {
    Err err = ERR_OK;
    Cell *shared = NULL;
    char **identity = NULL;
    size_t n = loader->n_combinations;
    TRY(mem_alloc(&shared, n + 1, sizeof *shared));
    TRY(mem_alloc(&identity, n + 1, sizeof *identity));
    TRY(pool_alloc(pool, &grid->cells, n * grid->n_seeds + 1, sizeof *grid->cells));
    for (size_t i = 0; i < n; i++) TRY(prepare(pool, grid, &loader->combinations[i], &shared[i], &identity[i]));
    for (size_t k = 0; k < grid->n_seeds; k++) {
        for (size_t i = 0; i < n; i++) {
            if (loader->combinations[i].excluded[k]) continue;
            Cell *cell = &grid->cells[grid->n_cells++];
            *cell = shared[i];
            cell->seed = grid->seeds[k];
            TRY(cells_name(pool, &cell->name, &loader->combinations[i], cell->seed));
            TRY(hash_identity(cell->id, identity[i], cell->seed, grid->device));
        }
    }
    TRY(find_same(grid, pool));
done:
    for (size_t i = 0; identity != NULL && i < n; i++) mem_free(identity[i]);
    mem_free(identity);
    mem_free(shared);
    return err;
}

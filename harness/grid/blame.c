/* Where a cell got the setting that an error names: the layers of a grid, the last one first. */
#include <stdio.h>
#include <string.h>

#include "harness/grid/doc.h"
#include "harness/grid/grid.h"
#include "harness/grid/message.h"
#include "kernels/mem.h"

typedef struct Files {
    Doc *doc[2]; /* the grid, then what it extends; NULL = none */
} Files;

typedef struct Found {
    const Doc *doc;
    const DocNode *node; /* NULL: nowhere in a file */
    char override[240];  /* "KEY=VALUE"; "" = not on the command line */
} Found;

static Err open_files(Files *files, const Grid *grid) {
    Err err = ERR_OK;
    TRY(doc_read_text(&files->doc[0], grid->path, grid->text, strlen(grid->text)));
    if (grid->extends_text != NULL)
        TRY(doc_read_text(&files->doc[1], grid->extends, grid->extends_text, strlen(grid->extends_text)));
done:
    return err;
}

/* The value below map at a dotted path, however the path is cut into keys: {data: {image: x}}, {data.image: x}. */
static const DocNode *at_path(const DocNode *map, const char *path) {
    const DocNode *found = NULL;
    if (map == NULL || map->kind != DOC_MAP) return NULL;
    for (size_t i = 0; i < map->n && found == NULL; i++) {
        const DocNode *value = map->items[2 * i + 1];
        size_t len = strlen(map->items[2 * i]->text);
        if (strncmp(path, map->items[2 * i]->text, len) != 0) continue;
        if (path[len] == '\0') found = value;
        if (path[len] == '.') found = at_path(value, path + len + 1);
    }
    return found;
}

static const DocNode *top_of(const Doc *doc, const char *key) {
    const DocNode *root = doc == NULL ? NULL : doc_root(doc);
    return root == NULL || root->kind != DOC_MAP ? NULL : doc_get(root, key);
}

static const DocNode *member(const DocNode *map, const char *key) {
    return map == NULL || map->kind != DOC_MAP ? NULL : doc_get(map, key);
}

static bool is_axis(const Cell *cell, const char *key) {
    for (size_t i = 0; i < cell->n_axes; i++)
        if (strcmp(cell->axes[i].key, key) == 0) return true;
    return false;
}

static bool find_override(Found *found, const Grid *grid, const char *key) {
    size_t len = strlen(key);
    for (const char *line = grid->overrides; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, key, len) != 0 || line[len] != '=') continue;
        (void)snprintf(found->override, sizeof found->override, "%.*s", (int)strcspn(line, "\n"), line);
        return true;
    }
    return false;
}

/* Takes the first file in which the path lies below `top`; of a variant, below its name. */
static bool find_below(Found *found, const Files *files, const char *top, const char *variant, const char *part,
                       const char *key) {
    for (size_t i = 0; i < 2; i++) {
        const DocNode *map = top_of(files->doc[i], top);
        if (variant != NULL) map = member(map, variant);
        if (part != NULL) map = member(map, part);
        found->doc = files->doc[i];
        found->node = at_path(map, key);
        if (found->node != NULL) return true;
    }
    return false;
}

static bool find(Found *found, const Files *files, const Grid *grid, const Cell *cell, const char *key) {
    const char *variant = cell->variant;
    *found = (Found){0};
    if (find_override(found, grid, key)) return true;
    if (is_axis(cell, key) &&
        (find_below(found, files, "variants", variant, "grid", key) ||
         find_below(found, files, "grid", NULL, NULL, key) || find_below(found, files, "zip", NULL, NULL, key)))
        return true;
    return find_below(found, files, "variants", variant, NULL, key) ||
           find_below(found, files, "base", NULL, NULL, key);
}

/* The first setting in a message that stands in the grid or on the command line. */
static bool find_named(Found *found, const Files *files, const Grid *grid, const Cell *cell, const char *message) {
    static const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    char key[KEY_LEN];
    for (const char *at = message; *at != '\0';) {
        size_t len = strspn(at, letters), skipped = len > 0 ? len : 1;
        while (len > 0 && at[len - 1] == '.') len--;
        if (len > 0 && len < sizeof key) {
            memcpy(key, at, len);
            key[len] = '\0';
            if (option_find(key) != NULL && find(found, files, grid, cell, key)) return true;
        }
        at += skipped;
    }
    return false;
}

static Err tell(Err code, const Found *found, const Cell *cell, const char *message) {
    char *text = NULL;
    Err err = mem_printf(&text, "%s: %s", cell->name, message);
    if (err != ERR_OK) return err;
    if (found->node != NULL)
        err = problem_set(code, doc_name(found->doc), doc_source(found->doc), found->node->place, text);
    else if (found->override[0] != '\0')
        err = err_set(code, "override '%s': %s", found->override, text);
    else
        err = err_set(code, "%s", text);
    mem_free(text);
    return err;
}

Err grid_blame(Err code, const Grid *grid, const Cell *cell) {
    Files files = {{NULL, NULL}};
    Found found = {0};
    char message[2048];
    bool of_user = code == ERR_SPEC || code == ERR_SHAPE || code == ERR_DATA || code == ERR_MISSING;
    (void)snprintf(message, sizeof message, "%s", err_message());
    if (of_user && open_files(&files, grid) == ERR_OK && !find_named(&found, &files, grid, cell, message))
        found = (Found){0};
    code = tell(code, &found, cell, message);
    for (size_t i = 0; i < 2; i++) doc_free(files.doc[i]);
    return code;
}

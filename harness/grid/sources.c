/* Closure over includes: a header stands for itself and for the .c files that implement it. */
#include "harness/grid/sources.h"

#include <stdio.h>
#include <string.h>

#include "harness/grid/source_table.h"
#include "kernels/mem.h"
#include "models/text.h"

/* Patterns end in '*', which stands for the rest of a name in that folder. */

/* What cannot change a bit of a curve. */
static const char *const idle[] = {
    "kernels/err.*",         "kernels/mem.*",       "kernels/near.*",        "kernels/machine.*", "kernels/libmem.*",
    "kernels/cuda_driver.*", "kernels/cuda_open.*", "kernels/cuda_plugin.*", "models/option*",    "models/value.*",
    "models/number.*",       "models/settings.*",   "models/text.*",         "models/questions.*"};

/* Where to begin for every cell, and for the metrics. */
static const char *const training[] = {
    "models/*",           "kernels/backend.*",  "harness/data/loader.*", "harness/data/data_options.*",
    "harness/run/train*", "harness/run/feed.*", "harness/run/rig.*"};
static const char *const metrics[] = {"harness/run/metrics/*", "harness/run/metric.*", "harness/run/look.*",
                                      "harness/run/evaluate*"};

enum {
    N_IDLE = sizeof idle / sizeof idle[0],
    N_TRAINING = sizeof training / sizeof training[0],
    N_METRICS = sizeof metrics / sizeof metrics[0]
};

typedef struct Closure {
    const char *const *roots; /* patterns */
    size_t n_roots;
    bool cuda;
    size_t n;     /* sources */
    bool *used;   /* [n] */
    size_t *open; /* [n] used, but their includes not yet looked at */
    size_t n_open;
} Closure;

static bool matches_any(const char *const *patterns, size_t n, const char *path) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(patterns[i]) - 1;
        if (strncmp(patterns[i], path, len) == 0 && strchr(path + len, '/') == NULL) return true;
    }
    return false;
}

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path), len_end = strlen(end);
    return len >= len_end && strcmp(path + len - len_end, end) == 0;
}

static bool is_root(const Closure *closure, const char *path) {
    return matches_any(closure->roots, closure->n_roots, path);
}

/* Of the folder that runs cells, only what begins there counts: the trainer includes journals, progress and the like.
 */
static bool counts(const Closure *closure, const char *path) {
    if (matches_any(idle, N_IDLE, path)) return false;
    if (!closure->cuda && (ends_with(path, ".cu") || ends_with(path, ".cuh"))) return false;
    return strncmp(path, "harness/run/", strlen("harness/run/")) != 0 || is_root(closure, path);
}

static void use(Closure *closure, size_t i) {
    if (closure->used[i] || !counts(closure, source_table[i].path)) return;
    closure->used[i] = true;
    closure->open[closure->n_open++] = i;
}

/* The header itself; plan.c and plan_verify.c for plan.h. */
static bool implements(const char *path, const char *header) {
    size_t stem = strlen(header) - strlen(strrchr(header, '.'));
    if (strcmp(path, header) == 0) return true;
    if (strncmp(path, header, stem) != 0) return false;
    bool source = ends_with(path, ".c") || ends_with(path, ".cu");
    return source && strchr(path + stem, '/') == NULL && (path[stem] == '.' || path[stem] == '_');
}

static void use_included(Closure *closure, const char *header) {
    for (size_t i = 0; i < closure->n; i++)
        if (implements(source_table[i].path, header)) use(closure, i);
}

static void follow(Closure *closure) {
    char header[256];
    while (closure->n_open > 0) {
        const char *at = source_table[closure->open[--closure->n_open]].includes;
        for (size_t len; *at != '\0'; at += len + 1) {
            len = strcspn(at, " ");
            (void)snprintf(header, sizeof header, "%.*s", (int)len, at);
            if (strrchr(header, '.') != NULL) use_included(closure, header);
        }
    }
}

/* folder/name.* : what the cell names. Names have '-' where files have '_'. */
static Err use_named(Closure *closure, const char *folder, const char *name) {
    char stem[256];
    int len = snprintf(stem, sizeof stem, "%s/%s.", folder, name);
    bool found = false;
    for (char *c = stem; *c != '\0'; c++)
        if (*c == '-') *c = '_';
    for (size_t i = 0; i < closure->n; i++) {
        if (strncmp(source_table[i].path, stem, (size_t)len) != 0) continue;
        use(closure, i);
        found = true;
    }
    return found ? ERR_OK : err_set(ERR_ARG, "no source %sc in this program", stem);
}

static Err closure_init(Closure *closure, const char *const *patterns, size_t n_patterns, const char *device) {
    Err err = ERR_OK;
    *closure = (Closure){.roots = patterns, .n_roots = n_patterns, .cuda = strcmp(device, "cuda") == 0};
    while (source_table[closure->n].path != NULL) closure->n++;
    TRY(mem_alloc(&closure->used, closure->n + 1, sizeof *closure->used));
    TRY(mem_alloc(&closure->open, closure->n + 1, sizeof *closure->open));
    for (size_t i = 0; i < closure->n; i++)
        if (is_root(closure, source_table[i].path)) use(closure, i);
done:
    return err;
}

static void closure_clear(Closure *closure) {
    mem_free(closure->used);
    mem_free(closure->open);
}

static Err list(const Closure *closure, char **out) {
    Err err = ERR_OK;
    Text text = {0};
    for (size_t i = 0; i < closure->n; i++)
        if (closure->used[i]) TRY(text_add(&text, "%s  %s\n", source_table[i].sha256, source_table[i].path));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

Err sources_listing(char **out, const Settings *settings, const char *device, const char *const *op_names,
                    size_t n_ops) {
    Err err = ERR_OK;
    Closure closure = {0};
    *out = NULL;
    TRY(closure_init(&closure, training, N_TRAINING, device));
    for (size_t i = 0; i < n_ops; i++) TRY(use_named(&closure, "kernels/ops", op_names[i]));
    if (settings_has(settings, "focus.kind"))
        TRY(use_named(&closure, "models/focus", settings_text(settings, "focus.kind")));
    if (settings_has(settings, "model.encoder"))
        TRY(use_named(&closure, "models/encoder", settings_text(settings, "model.encoder")));
    follow(&closure);
    TRY(list(&closure, out));
done:
    closure_clear(&closure);
    return err;
}

Err sources_listing_metrics(char **out) {
    Err err = ERR_OK;
    Closure closure = {0};
    *out = NULL;
    TRY(closure_init(&closure, metrics, N_METRICS, "cpu"));
    follow(&closure);
    TRY(list(&closure, out));
done:
    closure_clear(&closure);
    return err;
}

void sources_digest(const char *listing, char out[GRID_ID_LEN]) { grid_sha256(out, listing, strlen(listing)); }

/* ---- differences ---- */

typedef struct Line {
    const char *sha256, *path;
    size_t sha256_len, path_len;
} Line;

/* The line at *at, which moves behind it; false at the end. */
static bool next_line(const char **at, Line *line) {
    size_t len = strcspn(*at, "\n");
    const char *space = memchr(*at, ' ', len);
    if (space == NULL || space[1] != ' ') return false;
    size_t before = (size_t)(space - *at) + 2;
    *line = (Line){*at, space + 2, (size_t)(space - *at), before > len ? 0 : len - before};
    *at += len + ((*at)[len] == '\n');
    return true;
}

static bool same_digest(const Line *a, const Line *b) {
    return a->sha256_len == b->sha256_len && strncmp(a->sha256, b->sha256, a->sha256_len) == 0;
}

static bool find_line(const char *listing, const Line *asked, Line *found) {
    while (next_line(&listing, found))
        if (found->path_len == asked->path_len && strncmp(found->path, asked->path, asked->path_len) == 0) return true;
    return false;
}

static Err add_change(Text *text, const Line *line, const char *what) {
    return text_add(text, "%s%.*s %s", text->len == 0 ? "" : ", ", (int)line->path_len, line->path, what);
}

Err sources_changes(char **out, const char *before, const char *now) {
    Err err = ERR_OK;
    Text text = {0};
    Line line, other;
    *out = NULL;
    for (const char *at = before; next_line(&at, &line);) {
        if (!find_line(now, &line, &other))
            TRY(add_change(&text, &line, "no longer used"));
        else if (!same_digest(&line, &other))
            TRY(add_change(&text, &line, "changed"));
    }
    for (const char *at = now; next_line(&at, &line);)
        if (!find_line(before, &line, &other)) TRY(add_change(&text, &line, "added"));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

/* Folders of one name, compared by the settings that decide the training. */
#include "harness/run/cell_past.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/run/folder.h"
#include "kernels/mem.h"

enum { ID_DIGITS = 8, MAX_SHOWN = 3, MAX_VALUE = 60 }; /* a folder is called NAME-XXXXXXXX */

/* ---- which folder ---- */

/* True for "NAME-" and other digits. */
static bool is_namesake(const char *name, const char *own, size_t stem) {
    return strlen(name) == stem + ID_DIGITS && strncmp(name, own, stem) == 0 && strcmp(name, own) != 0 &&
           strspn(name + stem, "0123456789abcdef") == ID_DIGITS;
}

static bool is_later(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* *out = the namesake's folder whose settings were written last; NULL if there is none. The caller owns it. */
static Err find_last(char **out, const char *parent, const char *own) {
    Err err = ERR_OK;
    char *path = NULL;
    struct stat info;
    struct timespec latest = {0};
    const size_t stem = strlen(own) - ID_DIGITS;
    DIR *dir = opendir(parent);
    *out = NULL;
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        if (!is_namesake(e->d_name, own, stem)) continue;
        mem_free(path);
        path = NULL;
        TRY(mem_printf(&path, "%s/%s/%s", parent, e->d_name, FOLDER_SETTINGS));
        if (stat(path, &info) != 0 || (*out != NULL && !is_later(&info.st_mtim, &latest))) continue;
        latest = info.st_mtim;
        mem_free(*out);
        *out = NULL;
        TRY(mem_printf(out, "%s/%s", parent, e->d_name));
    }
done:
    if (dir != NULL) (void)closedir(dir);
    mem_free(path);
    return err;
}

/* ---- what changed ---- */

/* Settings and those lines of theirs that decide the training and are not at their defaults. */
typedef struct Side {
    const Settings *settings;
    char *identity; /* owned */
} Side;

typedef struct Changes {
    char *text;
    size_t len, used;
    int n;
} Changes;

/* from, to: NULL where there was, or is, no such setting. */
static void add_change(Changes *c, const char *key, const char *from, const char *to) {
    if (c->n++ >= MAX_SHOWN || c->used >= c->len) return;
    char *at = c->text + c->used;
    const size_t left = c->len - c->used;
    const char *before = c->n == 1 ? "stale: " : ", ";
    int n = 0;
    if (from == NULL)
        n = snprintf(at, left, "%s%s is new, %.*s", before, key, MAX_VALUE, to);
    else if (to == NULL)
        n = snprintf(at, left, "%s%s is gone, was %.*s", before, key, MAX_VALUE, from);
    else
        n = snprintf(at, left, "%s%s changed from %.*s to %.*s", before, key, MAX_VALUE, from, MAX_VALUE, to);
    if (n > 0) c->used += (size_t)n;
}

/* The line of an identity that begins with the first n bytes of `line`; NULL if there is none. */
static const char *find_line(const char *identity, const char *line, size_t n) {
    for (const char *at = identity; *at != '\0'; at += strcspn(at, "\n") + 1)
        if (strncmp(at, line, n) == 0) return at;
    return NULL;
}

static const char *value_of(const Side *side, const char *key) {
    return settings_has(side->settings, key) ? settings_show(side->settings, key) : NULL;
}

/* Lines of `own` that `other` has not; `again`: without those whose key it has with another value. */
static void add_changes(Changes *c, const Side *own, const Side *other, bool again, const Side *then, const Side *now) {
    char key[KEY_LEN];
    for (const char *line = own->identity; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const size_t len = strcspn(line, "\n") + 1, key_len = strcspn(line, "=\n");
        if (find_line(other->identity, line, len) != NULL) continue;
        if (again && find_line(other->identity, line, key_len + 1) != NULL) continue;
        (void)snprintf(key, sizeof key, "%.*s", (int)key_len, line);
        add_change(c, key, value_of(then, key), value_of(now, key));
    }
}

/* A value at its default is in no identity: it is asked of the settings. */
static void list_changes(Changes *c, const Side *then, const Side *now) {
    add_changes(c, now, then, false, then, now);
    add_changes(c, then, now, true, then, now);
    if (c->n > MAX_SHOWN && c->used < c->len)
        (void)snprintf(c->text + c->used, c->len - c->used, ", and %d more", c->n - MAX_SHOWN);
}

/* ---- both ---- */

/* *out = the settings in a folder; NULL if they cannot be read any more. */
static Err settings_in(Settings **out, const char *folder) {
    char *text = NULL;
    size_t n = 0;
    *out = NULL;
    Err err = folder_read(&text, &n, folder, FOLDER_SETTINGS);
    if (err == ERR_OK) err = grid_read_settings(out, FOLDER_SETTINGS, text);
    mem_free(text);
    if (err == ERR_NOMEM) return err;
    if (err != ERR_OK) err_clear();
    return ERR_OK;
}

Err cell_past(char *why, size_t len, const char *folder, const Cell *cell) {
    Err err = ERR_OK;
    char *parent = NULL, *last = NULL;
    Settings *settings = NULL;
    Side then = {NULL, NULL}, now = {cell->settings, NULL};
    Changes changes = {.text = why, .len = len};
    const char *slash = strrchr(folder, '/');
    why[0] = '\0';
    if (slash == NULL || strlen(slash + 1) <= ID_DIGITS) return ERR_OK;
    TRY(mem_strndup(&parent, folder, (size_t)(slash - folder)));
    TRY(find_last(&last, parent, slash + 1));
    if (last != NULL) TRY(settings_in(&settings, last));
    if (settings == NULL) goto done;
    then.settings = settings;
    TRY(settings_identity(then.settings, &then.identity));
    TRY(settings_identity(now.settings, &now.identity));
    list_changes(&changes, &then, &now);
done:
    mem_free(now.identity);
    mem_free(then.identity);
    settings_free(settings);
    mem_free(last);
    mem_free(parent);
    return err;
}

/* Lock files on the disk: found, read, and replaced whole. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/output.h"
#include "harness/report/lock.h"
#include "harness/run/folder.h"
#include "kernels/mem.h"

Err lock_path(char **out, const char *grid_path) {
    const char *slash = strrchr(grid_path, '/'), *name = slash != NULL ? slash + 1 : grid_path;
    const char *dot = strrchr(name, '.');
    size_t len = dot != NULL && dot != name ? (size_t)(dot - grid_path) : strlen(grid_path);
    return mem_printf(out, "%.*s.lock", (int)len, grid_path);
}

/* A path cut in two. */
typedef struct Place {
    char *folder, *file;
} Place;

static Err place_of(Place *out, const char *path) {
    Err err = ERR_OK;
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        TRY(mem_strdup(&out->folder, "."));
    else
        TRY(mem_strndup(&out->folder, path, slash == path ? 1 : (size_t)(slash - path)));
    TRY(mem_strdup(&out->file, slash != NULL ? slash + 1 : path));
done:
    return err;
}

static void place_clear(Place *place) {
    mem_free(place->folder);
    mem_free(place->file);
}

static Err read_bytes(char **out, size_t *n, const char *path) {
    Err err = ERR_OK;
    Place place = {0};
    *out = NULL;
    TRY(place_of(&place, path));
    TRY(folder_read(out, n, place.folder, place.file));
done:
    place_clear(&place);
    return err;
}

/* A link is followed. */
static Err write_bytes(const char *path, const char *text) {
    Err err = ERR_OK;
    char *real = NULL;
    Place place = {0};
    TRY(output_path(&real, path));
    TRY(place_of(&place, real));
    TRY(folder_write(place.folder, place.file, text, strlen(text)));
done:
    place_clear(&place);
    mem_free(real);
    return err;
}

Err lock_read(Lock *out, const char *path, const char *grid_path) {
    Err err = ERR_OK;
    char *text = NULL;
    size_t n = 0;
    FAIL_IF(access(path, F_OK) != 0 && errno == ENOENT, ERR_MISSING,
            "there is no lock %s: `refocus plan %s --write-lock` writes it", path, grid_path);
    TRY(read_bytes(&text, &n, path));
    TRY(lock_parse(out, path, text, n));
done:
    mem_free(text);
    return err;
}

/* The old lock's plans of other classes, and the new ones. */
static Err merge(Lock *merged, LockWritten *out, const Lock *old, const Lock *planned, const char *device) {
    Err err = ERR_OK;
    merged->experiment = planned->experiment;
    for (size_t i = 0; i < old->n_plans; i++) {
        if (strcmp(old->plan[i].device, device) == 0) continue;
        TRY(lock_add(merged, &old->plan[i]));
        out->n_kept++;
    }
    for (size_t i = 0; i < planned->n_plans; i++) TRY(lock_add(merged, &planned->plan[i]));
    out->n_written = planned->n_plans;
    lock_sort(merged);
done:
    return err;
}

Err lock_write(LockWritten *out, const char *path, const Lock *planned, const char *device) {
    Err err = ERR_OK;
    Lock old = {0}, merged = {0};
    char *before = NULL, *text = NULL;
    size_t n = 0;
    *out = (LockWritten){0};
    if (access(path, F_OK) == 0) TRY(read_bytes(&before, &n, path));
    err = before == NULL ? ERR_OK : lock_parse(&old, path, before, n);
    out->unreadable = err == ERR_DATA;
    if (out->unreadable) lock_clear(&old);
    if (err != ERR_DATA) TRY(err);
    TRY(merge(&merged, out, &old, planned, device));
    TRY(lock_text(&text, &merged));
    out->changed = before == NULL || n != strlen(text) || memcmp(before, text, n) != 0;
    if (out->changed) TRY(write_bytes(path, text));
done:
    mem_free(text);
    mem_free(before);
    lock_clear(&merged);
    lock_clear(&old);
    return err;
}

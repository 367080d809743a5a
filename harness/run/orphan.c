/* Comparing a folder's entries with a grid's cells. */
#include "harness/run/orphan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/run/folder.h"
#include "harness/run/publish.h"
#include "kernels/mem.h"

static bool is_cell_of(const char *name, const Grid *const *grids, size_t n) {
    for (size_t g = 0; g < n; g++)
        for (size_t i = 0; i < grids[g]->n_cells; i++)
            if (strcmp(grids[g]->cells[i].folder, name) == 0) return true;
    return false;
}

/* What run puts into a cell's folder before anything else, or leaves there. */
static bool holds_cell(const char *path) {
    return folder_has(path, FOLDER_SEALED) || folder_has(path, FOLDER_SETTINGS) || folder_has(path, FOLDER_JOURNAL) ||
           folder_has(path, FOLDER_CHECKPOINT) || folder_has(path, FOLDER_STALE);
}

/* Counts the files of a folder; further folders in it are not a cell's. */
static void measure(Orphan *orphan) {
    DIR *dir = opendir(orphan->path);
    if (dir == NULL) return;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct stat info;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(info.st_mode)) continue;
        orphan->bytes += (uint64_t)info.st_size;
        orphan->n_files++;
    }
    (void)closedir(dir);
}

static Err add(Orphans *out, const char *folder, const char *name) {
    Err err = ERR_OK;
    struct stat info;
    Orphan orphan = {0};
    TRY(folder_path(&orphan.path, folder, name));
    /* a link leads to somebody else's folder */
    if (lstat(orphan.path, &info) != 0 || !S_ISDIR(info.st_mode) || !holds_cell(orphan.path)) goto done;
    if (out->n == out->room) {
        size_t room = 2 * out->room + 8;
        TRY(mem_grow(&out->item, out->room, room, sizeof *out->item));
        out->room = room;
    }
    TRY(mem_strdup(&orphan.name, name));
    orphan.is_sealed = folder_has(orphan.path, FOLDER_SEALED);
    orphan.is_busy = folder_is_locked(orphan.path, NULL);
    measure(&orphan);
    out->bytes += orphan.bytes;
    out->item[out->n++] = orphan;
    orphan = (Orphan){0};
done:
    mem_free(orphan.path);
    mem_free(orphan.name);
    return err;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const Orphan *)a)->name, ((const Orphan *)b)->name);
}

Err orphans_find(Orphans *out, const char *results, const Grid *const *grids, size_t n) {
    Err err = ERR_OK;
    char *folder = NULL;
    DIR *dir = NULL;
    *out = (Orphans){0};
    TRY(publish_folder(&folder, results, grids[0]));
    dir = opendir(folder);
    if (dir == NULL && errno == ENOENT) goto done;
    FAIL_IF(dir == NULL, ERR_IO, "cannot look into %s: %s", folder, strerror(errno));
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        if (entry->d_name[0] != '.' && !is_cell_of(entry->d_name, grids, n)) TRY(add(out, folder, entry->d_name));
    if (out->n > 0) qsort(out->item, out->n, sizeof *out->item, by_name);
done:
    if (dir != NULL) (void)closedir(dir);
    mem_free(folder);
    return err;
}

void orphans_clear(Orphans *orphans) {
    for (size_t i = 0; i < orphans->n; i++) {
        mem_free(orphans->item[i].name);
        mem_free(orphans->item[i].path);
    }
    mem_free(orphans->item);
    *orphans = (Orphans){0};
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* A cell's folder holds files alone. */
static Err check_files(DIR *dir, const char *path) {
    Err err = ERR_OK;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct stat info;
        bool folder = fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
        FAIL_IF(folder && !is_dots(entry->d_name), ERR_IO,
                "%s is left alone: it holds a folder, %s, that refocus did not make", path, entry->d_name);
    }
    rewinddir(dir);
done:
    return err;
}

/* The lock goes last: nobody takes a folder that is half gone. */
static Err remove_files(const char *path) {
    Err err = ERR_OK;
    DIR *dir = opendir(path);
    FAIL_IF(dir == NULL, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    TRY(check_files(dir, path));
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (is_dots(entry->d_name) || strcmp(entry->d_name, FOLDER_LOCK) == 0) continue;
        FAIL_IF(unlinkat(dirfd(dir), entry->d_name, 0) != 0, ERR_IO, "cannot remove %s/%s: %s", path, entry->d_name,
                strerror(errno));
    }
    TRY(folder_drop(path, FOLDER_LOCK));
    FAIL_IF(rmdir(path) != 0, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
done:
    if (dir != NULL) (void)closedir(dir);
    return err;
}

Err orphan_remove(const Orphan *orphan, bool *busy) {
    Err err = ERR_OK;
    int lock = -1;
    *busy = false;
    TRY(folder_lock(&lock, orphan->path, NULL));
    *busy = lock < 0;
    if (!*busy) TRY(remove_files(orphan->path));
done:
    folder_unlock(lock);
    return err;
}

/* Files of a cell. */
#include "harness/run/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/record/file.h"
#include "kernels/mem.h"

Err folder_path(char **out, const char *folder, const char *file) { return mem_printf(out, "%s/%s", folder, file); }

Err folder_ensure(const char *path) {
    Err err = ERR_OK;
    char *copy = NULL;
    TRY(mem_strdup(&copy, path));
    for (char *c = copy + 1; *copy != '\0'; c++) {
        char end = *c;
        if (end != '/' && end != '\0') continue;
        *c = '\0';
        struct stat at;
        bool made = mkdir(copy, 0777) == 0, exists = !made && errno == EEXIST;
        bool is_folder = made || (exists && stat(copy, &at) == 0 && S_ISDIR(at.st_mode));
        FAIL_IF(!is_folder, ERR_CREATE, "cannot make the folder %s: %s", copy,
                exists ? "there is a file of that name" : strerror(errno));
        if (end == '\0') break;
        *c = end;
    }
done:
    mem_free(copy);
    return err;
}

bool folder_has(const char *folder, const char *file) {
    char *path = NULL;
    if (folder_path(&path, folder, file) != ERR_OK) return false;
    bool there = access(path, F_OK) == 0;
    mem_free(path);
    return there;
}

Err folder_drop(const char *folder, const char *file) {
    Err err = ERR_OK;
    char *path = NULL;
    TRY(folder_path(&path, folder, file));
    FAIL_IF(unlink(path) != 0 && errno != ENOENT, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
done:
    mem_free(path);
    return err;
}

static Err write_all(int fd, const char *path, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return err_set(ERR_IO, "cannot write %s: %s", path, strerror(errno));
        at += done;
        n -= (size_t)done;
    }
    return ERR_OK;
}

/* *gone: what was written was taken away before it had its name. */
static Err write_beside(const char *beside, const char *path, const void *bytes, size_t n, bool *gone) {
    Err err = ERR_OK;
    *gone = false;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FAIL_IF(fd < 0, ERR_CREATE, "cannot create %s: %s", beside, strerror(errno));
    TRY(write_all(fd, beside, bytes, n));
    FAIL_IF(fsync(fd) != 0, ERR_IO, "cannot write %s: %s", beside, strerror(errno));
    err = file_replace(beside, path);
    *gone = err == ERR_CREATE && access(beside, F_OK) != 0;
done:
    if (fd >= 0) (void)close(fd);
    if (err != ERR_OK) (void)unlink(beside);
    return err;
}

/* Who begins with the cell just now takes what is written beside for a leftover (folder_sweep): it is written again. */
Err folder_write(const char *folder, const char *file, const void *bytes, size_t n) {
    enum { TRIES = 8 };
    Err err = ERR_OK;
    char *path = NULL, *beside = NULL;
    bool gone = true;
    TRY(folder_path(&path, folder, file));
    TRY(file_beside(&beside, path));
    for (int i = 0; i < TRIES && gone; i++) {
        if (err != ERR_OK) err_clear();
        err = write_beside(beside, path, bytes, n, &gone);
    }
done:
    mem_free(beside);
    mem_free(path);
    return err;
}

Err folder_read(char **out, size_t *n, const char *folder, const char *file) {
    Err err = ERR_OK;
    char *path = NULL, *bytes = NULL;
    struct stat at;
    int fd = -1;
    *out = NULL;
    *n = 0;
    TRY(folder_path(&path, folder, file));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    FAIL_IF(fd < 0 || fstat(fd, &at) != 0, ERR_MISSING, "cannot open %s: %s", path, strerror(errno));
    TRY(mem_alloc(&bytes, (size_t)at.st_size + 1, 1));
    while (*n < (size_t)at.st_size) {
        ssize_t got = read(fd, bytes + *n, (size_t)at.st_size - *n);
        if (got < 0 && errno == EINTR) continue;
        FAIL_IF(got <= 0, ERR_IO, "cannot read %s: %s", path, got < 0 ? strerror(errno) : "it became shorter");
        *n += (size_t)got;
    }
    *out = bytes;
    bytes = NULL;
done:
    if (fd >= 0) (void)close(fd);
    mem_free(bytes);
    mem_free(path);
    return err;
}

void folder_sweep(const char *folder) {
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".tmp") == 0) (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
}

/* Atomic files over POSIX: fsync, rename or link, fsync of the folder. */
#include "harness/record/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernels/mem.h"

static Err io_error(Err code, const char *what, const char *path) {
    return err_set(code, "cannot %s '%s': %s", what, path, strerror(errno));
}

Err file_beside(char **out, const char *path) {
    Err err = mem_printf(out, "%s.%ld.tmp", path, (long)getpid());
    if (err == ERR_OK) (void)unlink(*out);
    return err;
}

static Err sync_path(const char *path, int flags) {
    Err err = ERR_OK;
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return io_error(ERR_IO, "open", path);
    if (fsync(fd) != 0 && errno != EINVAL) err = io_error(ERR_IO, "write", path); /* EINVAL: no such need there */
    if (close(fd) != 0 && err == ERR_OK) err = io_error(ERR_IO, "write", path);
    return err;
}

Err file_sync(const char *path) { return sync_path(path, O_RDONLY); }

static Err sync_folder_of(const char *path) {
    Err err = ERR_OK;
    char *copy = NULL;
    TRY(mem_strdup(&copy, path));
    TRY(sync_path(dirname(copy), O_RDONLY | O_DIRECTORY));
done:
    mem_free(copy);
    return err;
}

Err file_replace(const char *from, const char *to) {
    if (rename(from, to) != 0) return io_error(ERR_CREATE, "create", to);
    return sync_folder_of(to);
}

Err file_claim(const char *from, const char *to, int *taken) {
    *taken = 0;
    if (link(from, to) == 0) {
        (void)unlink(from);
        return sync_folder_of(to);
    }
    if (errno == EEXIST) {
        *taken = 1;
        return ERR_OK;
    }
    /* Some file systems have no hard links. Then a check and a rename must do: a folder has one owner at a time. */
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return io_error(ERR_CREATE, "create", to);
    *taken = access(to, F_OK) == 0;
    return *taken ? ERR_OK : file_replace(from, to);
}

static Err copy_bytes(int in, int out, const char *from, const char *to) {
    Err err = ERR_OK;
    enum { BLOCK = 1 << 20 };
    char *block = NULL;
    TRY(mem_alloc(&block, BLOCK, 1));
    for (;;) {
        ssize_t got = read(in, block, BLOCK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err = io_error(ERR_IO, "read", from);
        if (got <= 0) break;
        for (ssize_t at = 0; at < got && err == ERR_OK;) {
            ssize_t put = write(out, block + at, (size_t)(got - at));
            if (put < 0 && errno != EINTR) err = io_error(ERR_IO, "write", to);
            if (put > 0) at += put;
        }
        if (err != ERR_OK) break;
    }
done:
    mem_free(block);
    return err;
}

Err file_copy(const char *from, const char *to) {
    Err err = ERR_OK;
    int in = -1, out = -1;
    in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        err = io_error(ERR_MISSING, "open", from);
        goto done;
    }
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out < 0) {
        err = io_error(ERR_CREATE, "create", to);
        goto done;
    }
    TRY(copy_bytes(in, out, from, to));
    if (fsync(out) != 0) err = io_error(ERR_IO, "write", to);
done:
    if (in >= 0) (void)close(in);
    if (out >= 0 && close(out) != 0 && err == ERR_OK) err = io_error(ERR_IO, "write", to);
    return err;
}

/* Atomic files over POSIX: fsync, rename or link, fsync of the folder; and stamps over their bytes. */
#include "harness/record/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/data/digest.h"
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

/* Allocates nothing: it runs after the point of no return. */
static Err sync_folder_of(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : (size_t)(slash - path);
    if (len >= sizeof folder) return err_set(ERR_IO, "path '%.60s...' is too long", path);
    memcpy(folder, slash == NULL ? "." : path, len);
    folder[len] = '\0';
    return sync_path(len > 0 ? folder : "/", O_RDONLY | O_DIRECTORY);
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

/* ---- stamps ---- */
static const char stamp_head[] = "\nrefocus sha256 ";
enum { HEAD_LEN = sizeof stamp_head - 1, STAMP_LEN = HEAD_LEN + DIGEST_HEX, BLOCK = 1 << 16 };

/* SHA-256 of the first n bytes, as the text of a stamp. */
static Err make_stamp(char stamp[STAMP_LEN + 1], int fd, const char *path, off_t n) {
    Err err = ERR_OK;
    uint8_t *block = NULL;
    Digest digest;
    digest_start(&digest);
    TRY(mem_alloc(&block, BLOCK, 1));
    for (off_t at = 0; at < n;) {
        size_t want = n - at < BLOCK ? (size_t)(n - at) : (size_t)BLOCK;
        ssize_t got = pread(fd, block, want, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err = io_error(ERR_IO, "read", path);
        if (got == 0) err = err_set(ERR_IO, "'%s' shrinks while it is read", path);
        if (got <= 0) goto done;
        digest_bytes(&digest, block, (size_t)got);
        at += got;
    }
    memcpy(stamp, stamp_head, HEAD_LEN);
    (void)digest_hex(&digest, stamp + HEAD_LEN);
    stamp[STAMP_LEN - 1] = '\n';
    stamp[STAMP_LEN] = '\0';
done:
    mem_free(block);
    return err;
}

Err file_stamp(const char *path) {
    Err err = ERR_OK;
    char stamp[STAMP_LEN + 1];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (end < 0) {
        err = io_error(ERR_IO, "open", path);
        goto done;
    }
    TRY(make_stamp(stamp, fd, path, end));
    ssize_t put = write(fd, stamp, STAMP_LEN);
    if (put >= 0 && put < STAMP_LEN) errno = ENOSPC;
    if (put < STAMP_LEN) err = io_error(ERR_IO, "write", path);
done:
    if (fd >= 0 && close(fd) != 0 && err == ERR_OK) err = io_error(ERR_IO, "write", path);
    return err;
}

Err file_check_stamp(const char *path) {
    Err err = ERR_OK;
    char stamp[STAMP_LEN + 1], found[STAMP_LEN];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return io_error(ERR_MISSING, "open", path);
    off_t n = lseek(fd, 0, SEEK_END) - STAMP_LEN;
    if (n < 0 || pread(fd, found, STAMP_LEN, n) != STAMP_LEN || memcmp(found, stamp_head, HEAD_LEN) != 0) goto done;
    TRY(make_stamp(stamp, fd, path, n));
    FAIL_IF(memcmp(found, stamp, STAMP_LEN) != 0, ERR_DATA, "its bytes do not have the SHA-256 that it states");
done:
    (void)close(fd);
    return err;
}

/* ---- kinds ---- */
Err file_check_hdf5(const char *path, const char *what, const char *maker) {
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    char head[8] = {0};
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return err_set(ERR_MISSING, "there is no %s '%s'; %s makes one", what, path, maker);
    if (fd < 0) return err_set(ERR_MISSING, "cannot open %s '%s': %s", what, path, strerror(errno));
    bool folder = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    ssize_t got = folder ? 0 : read(fd, head, sizeof head);
    (void)close(fd);
    if (folder) return err_set(ERR_MISSING, "'%s' is a folder, expected a %s (.h5)", path, what);
    if (got == 0) return err_set(ERR_DATA, "'%s' is empty, expected an HDF5 %s", path, what);
    if (got < (ssize_t)sizeof head || memcmp(head, signature, sizeof head) != 0)
        return err_set(ERR_DATA, "'%s' is not an HDF5 file, expected a %s of refocus", path, what);
    return ERR_OK;
}

/* ---- copies ---- */
static Err copy_bytes(int in, int out, const char *from, const char *to) {
    Err err = ERR_OK;
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

/* Who is at a cell: locks, and whether what is written in them is still true. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/data/utf8.h"
#include "harness/run/folder.h"
#include "kernels/mem.h"

enum { LOCK_TEXT = 256 };

/* ---- processes ---- */

/* At most len - 1 bytes of a file of /proc; "" if it cannot be read. */
static void read_proc(const char *path, char *text, size_t len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, len - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0) (void)close(fd);
}

static void boot_id(char out[40]) {
    read_proc("/proc/sys/kernel/random/boot_id", out, 40);
    out[strcspn(out, "\n")] = '\0';
    if (out[0] == '\0') (void)snprintf(out, 40, "unknown");
}

/* When a process started, in ticks since the boot: the 22nd field, after a name that may hold blanks and brackets. -1 =
 * there is none. */
static int64_t start_ticks(int64_t pid) {
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    read_proc(path, text, sizeof text);
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
    return at != NULL ? (int64_t)strtoll(at, NULL, 10) : -1;
}

/* ---- what a lock says ---- */

static void write_owner(int fd) {
    FolderOwner me = {.pid = getpid(), .host = "unknown"};
    char text[LOCK_TEXT];
    time_t now = time(NULL);
    struct tm utc;
    (void)gethostname(me.host, sizeof me.host - 1);
    if (gmtime_r(&now, &utc) != NULL) (void)strftime(me.started, sizeof me.started, "%Y-%m-%d %H:%M:%S UTC", &utc);
    boot_id(me.boot);
    int len = snprintf(text, sizeof text, "%" PRId64 "\n%s\n%s\n%s\n%" PRId64 "\n", me.pid, me.host, me.started,
                       me.boot, start_ticks(me.pid));
    if (ftruncate(fd, 0) == 0 && len > 0) (void)!pwrite(fd, text, (size_t)len, 0);
}

static void read_owner(int fd, FolderOwner *owner) {
    char text[LOCK_TEXT] = "";
    static const FolderOwner unknown = {.pid = 0, .host = "unknown", .started = "unknown", .boot = "", .ticks = -1};
    *owner = unknown;
    if (pread(fd, text, sizeof text - 1, 0) > 0)
        (void)sscanf(text, "%" SCNd64 "\n%63[^\n]\n%31[^\n]\n%39[^\n]\n%" SCNd64, &owner->pid, owner->host,
                     owner->started, owner->boot, &owner->ticks);
    if (!utf8_is_tame(owner->host) || !utf8_is_tame(owner->started)) *owner = unknown;
}

char *folder_owner_text(const FolderOwner *owner, char buf[FOLDER_OWNER_TEXT]) {
    if (owner->pid <= 0)
        (void)snprintf(buf, FOLDER_OWNER_TEXT, "another process has just begun with it");
    else
        (void)snprintf(buf, FOLDER_OWNER_TEXT, "process %" PRId64 " on %s is at it since %s", owner->pid, owner->host,
                       owner->started);
    return buf;
}

/* ---- ages ---- */

/* Now, by the clock that stamps the files of a folder; this machine's where nothing can be written there. */
static time_t disk_now(const char *folder) {
    char *path = NULL;
    struct stat at;
    time_t now = time(NULL);
    if (mem_printf(&path, "%s/clock.%ld.tmp", folder, (long)getpid()) != ERR_OK) {
        err_clear();
        return now;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && fstat(fd, &at) == 0) now = at.st_mtime;
    if (fd >= 0) (void)unlink(path);
    if (fd >= 0) (void)close(fd);
    mem_free(path);
    return now;
}

int64_t folder_age(const char *folder, const char *file) {
    char *path = NULL;
    struct stat at;
    if (folder_path(&path, folder, file) != ERR_OK) {
        err_clear();
        return -1;
    }
    bool there = stat(path, &at) == 0;
    mem_free(path);
    return there ? (int64_t)(disk_now(folder) - at.st_mtime) : -1;
}

void folder_beat(const char *folder) {
    char *path = NULL;
    if (folder_path(&path, folder, FOLDER_LOCK) == ERR_OK)
        (void)utimensat(AT_FDCWD, path, NULL, 0); /* NULL: the file server's now, not ours */
    else
        err_clear();
    mem_free(path);
}

/* ---- locks ---- */

typedef enum Hold { HELD, FREE, UNKNOWN } Hold;

/* What the system says of the lock; FREE: an exclusive one is this process's now. */
static Hold ask_system(int fd, int operation) {
    if (flock(fd, operation | LOCK_NB) == 0) return FREE;
    return errno == EWOULDBLOCK ? HELD : UNKNOWN;
}

/* Whether the owner that the lock names is alive, where the system does not say that it is held. */
static bool lives(const char *folder, const FolderOwner *owner, Hold hold) {
    char boot[40];
    boot_id(boot);
    if (owner->pid <= 0) return false;
    if (strcmp(owner->boot, boot) != 0) {
        int64_t age = folder_age(folder, FOLDER_LOCK);
        return owner->boot[0] != '\0' && age > -FOLDER_DEAD_SECONDS && age < FOLDER_DEAD_SECONDS;
    }
    return hold == UNKNOWN && owner->pid != getpid() && start_ticks(owner->pid) == owner->ticks;
}

static bool is_held(int fd, const char *folder, int operation, FolderOwner *owner) {
    FolderOwner found;
    Hold hold = ask_system(fd, operation);
    read_owner(fd, &found);
    if (owner != NULL) *owner = found;
    return hold == HELD || lives(folder, &found, hold);
}

Err folder_lock(int *fd, const char *folder, FolderOwner *owner) {
    Err err = ERR_OK;
    char *path = NULL;
    *fd = -1;
    TRY(folder_path(&path, folder, FOLDER_LOCK));
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    FAIL_IF(*fd < 0, ERR_CREATE, "cannot create %s: %s", path, strerror(errno));
    if (is_held(*fd, folder, LOCK_EX, owner)) {
        (void)close(*fd);
        *fd = -1;
    } else {
        write_owner(*fd);
    }
done:
    mem_free(path);
    return err;
}

bool folder_is_locked(const char *folder, FolderOwner *owner) {
    char *path = NULL;
    if (owner != NULL) *owner = (FolderOwner){0};
    if (folder_path(&path, folder, FOLDER_LOCK) != ERR_OK) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* another user's lock may be read, not written */
    mem_free(path);
    if (fd < 0) return false;
    bool held = is_held(fd, folder, LOCK_SH, owner);
    (void)close(fd);
    if (!held && owner != NULL) *owner = (FolderOwner){0}; /* the file still names who had it last */
    return held;
}

void folder_unlock(int fd) {
    if (fd < 0) return;
    (void)!ftruncate(fd, 0); /* nobody: other machines need not wait */
    (void)close(fd);
}

/* For LD_PRELOAD: one call of a process fails, as it would on a full disk, a broken one, or a machine out of memory. In
 * the environment
 *     REFOCUS_FAIL=ROLE:CALL:K   the K-th CALL of processes whose first argument is ROLE ("run", "cell") fails; 0 =
 * none REFOCUS_FAIL_REPORT=FILE   each process of that role appends "CALL count ..." and what it leaked when it exits
 *     REFOCUS_CLOCK_JUMPS=1      the clock of the day goes back and forth by a day with each look at it
 * CALL: alloc (our own, through mem.h), write (to files), fsync, fork, flock (from the K-th on: a disk without locks).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "kernels/mem.h"

enum { ALLOC, WRITE, FSYNC, FORK, FLOCK, N_CALLS };

static const char *const call_names[N_CALLS] = {"alloc", "write", "fsync", "fork", "flock"};
static atomic_long count[N_CALLS];
static long fail_at[N_CALLS]; /* 0 = never */
static bool is_meant, clock_jumps;

/* The next definition of a function: the C library's. */
static void find_next(void *out, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(out, &found, sizeof found);
}

/* One that the program itself exports. */
static void find_own(void *out, const char *name) {
    void *found = dlsym(RTLD_DEFAULT, name);
    memcpy(out, &found, sizeof found);
}

static bool strikes(int call) {
    long n = atomic_fetch_add(&count[call], 1) + 1;
    return is_meant && fail_at[call] > 0 && (call == FLOCK ? n >= fail_at[call] : n == fail_at[call]);
}

/* ---- the process ---- */

/* True if argv[1] is role. */
static bool has_role(const char *role, size_t len) {
    char text[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *second = text + strlen(text) + 1;
    return n > 0 && second < text + n && strlen(second) == len && strncmp(second, role, len) == 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("REFOCUS_FAIL"), *first = text != NULL ? strchr(text, ':') : NULL,
               *second = first != NULL ? strchr(first + 1, ':') : NULL;
    void (*fail_alloc)(uint64_t) = NULL;
    clock_jumps = getenv("REFOCUS_CLOCK_JUMPS") != NULL;
    if (second == NULL) return;
    is_meant = has_role(text, (size_t)(first - text));
    for (int c = 0; c < N_CALLS; c++)
        if (strncmp(first + 1, call_names[c], (size_t)(second - first - 1)) == 0)
            fail_at[c] = strtol(second + 1, NULL, 10);
    find_own(&fail_alloc, "mem_fail_at");
    if (is_meant && fail_alloc != NULL && fail_at[ALLOC] > 0) fail_alloc((uint64_t)fail_at[ALLOC]);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("REFOCUS_FAIL_REPORT");
    MemStats (*own_stats)(void) = NULL;
    char line[256];
    if (!is_meant || path == NULL) return;
    find_own(&own_stats, "mem_stats");
    MemStats stats = own_stats != NULL ? own_stats() : (MemStats){0};
    long n[N_CALLS];
    for (int c = 0; c < N_CALLS; c++) n[c] = c == ALLOC ? (long)stats.n_allocs : atomic_load(&count[c]);
    int len = snprintf(line, sizeof line, "alloc %ld write %ld fsync %ld fork %ld leaked %ld\n", n[ALLOC], n[WRITE],
                       n[FSYNC], n[FORK], (long)stats.live_blocks);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    is_meant = false;
    if (fd >= 0) (void)!write(fd, line, (size_t)len);
    if (fd >= 0) (void)close(fd);
}

/* ---- calls ---- */

static bool is_file(int fd) {
    struct stat at;
    return fstat(fd, &at) == 0 && S_ISREG(at.st_mode);
}

static ssize_t full(void) {
    errno = ENOSPC;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t n) {
    static ssize_t (*next)(int, const void *, size_t);
    if (next == NULL) find_next(&next, "write");
    return is_file(fd) && strikes(WRITE) ? full() : next(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (next == NULL) find_next(&next, "pwrite");
    return is_file(fd) && strikes(WRITE) ? full() : next(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (next == NULL) find_next(&next, "pwrite64");
    return is_file(fd) && strikes(WRITE) ? full() : next(fd, bytes, n, at);
}

static int broken(void) {
    errno = EIO;
    return -1;
}

int fsync(int fd) {
    static int (*next)(int);
    if (next == NULL) find_next(&next, "fsync");
    return strikes(FSYNC) ? broken() : next(fd);
}

int fdatasync(int fd) {
    static int (*next)(int);
    if (next == NULL) find_next(&next, "fdatasync");
    return strikes(FSYNC) ? broken() : next(fd);
}

pid_t fork(void) {
    static pid_t (*next)(void);
    if (next == NULL) find_next(&next, "fork");
    if (!strikes(FORK)) return next();
    errno = EAGAIN;
    return -1;
}

int flock(int fd, int operation) {
    static int (*next)(int, int);
    if (next == NULL) find_next(&next, "flock");
    if (!strikes(FLOCK)) return next(fd, operation);
    errno = ENOLCK;
    return -1;
}

/* ---- the clock of the day ---- */

static time_t jump(void) {
    enum { DAY = 24 * 3600 };
    static atomic_int looks;
    return clock_jumps ? (atomic_fetch_add(&looks, 1) % 3 - 1) * DAY : 0;
}

time_t time(time_t *out) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    static int (*next)(clockid_t, struct timespec *);
    if (next == NULL) find_next(&next, "clock_gettime");
    int code = next(clock, out);
    if (code == 0 && clock == CLOCK_REALTIME) out->tv_sec += jump();
    return code;
}

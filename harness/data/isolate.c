#include "harness/data/isolate.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/mem.h"

/* What the copy leaves behind, in memory that both share. */
typedef struct Legacy {
    Err err;
    char message[ERR_MESSAGE_LEN];
} Legacy;

int64_t isolate_file_bytes(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > 0 ? (int64_t)info.st_size : 0;
}

/* ---- in the copy ---- */

/* Of address space: what counts for the limit. 0 if it cannot be told. */
static rlim_t bytes_in_use(void) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%llu", &pages) != 1) pages = 0;
    (void)fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Never more than what was allowed before. */
static void limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < hard) hard = now.rlim_max;
    if (now.rlim_cur != RLIM_INFINITY && now.rlim_cur < soft) soft = now.rlim_cur;
    now = (struct rlimit){.rlim_cur = soft < hard ? soft : hard, .rlim_max = hard};
    (void)setrlimit(resource, &now);
}

/* What a signal does here, unless the program was told to ignore it. */
static void handle(const int *signals, size_t n, void (*how)(int)) {
    for (size_t i = 0; i < n; i++)
        if (signal(signals[i], how) == SIG_IGN) signal(signals[i], SIG_IGN);
}

/* Dies of its errors at once and quietly, whatever handlers the program has, and with the process that waits for it.
 * That one decides what to do when it is asked to stop: work for it goes on (obeys: false). */
static void become_mortal(pid_t parent, int64_t bytes, bool obeys) {
    static const int errors[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU, SIGXFSZ, SIGPROF};
    static const int requests[] = {SIGINT, SIGTERM, SIGHUP};
    const rlim_t used = bytes_in_use();
    handle(errors, sizeof errors / sizeof *errors, SIG_DFL);
    handle(requests, sizeof requests / sizeof *requests, obeys ? SIG_DFL : SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    limit(RLIMIT_CORE, 0, 0);
    if (used > 0) limit(RLIMIT_AS, used + (rlim_t)ISOLATE_MEMORY(bytes), used + (rlim_t)ISOLATE_MEMORY(bytes));
}

static void limit_time(int64_t seconds) { limit(RLIMIT_CPU, (rlim_t)seconds, (rlim_t)seconds + 1); }

/* A disk or server that does not answer takes no processor time. */
static unsigned patience(int64_t seconds) { return (unsigned)(10 * seconds); }

/* Work that is read back writes no more to files than it may have in memory. */
static void become_quiet(int64_t bytes) {
    limit(RLIMIT_FSIZE, (rlim_t)ISOLATE_MEMORY(bytes), (rlim_t)ISOLATE_MEMORY(bytes));
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
}

static void leave_words(Legacy *legacy, Err err) {
    legacy->err = err;
    snprintf(legacy->message, sizeof legacy->message, "%s", err_message());
}

static void run_copy(Legacy *legacy, Err (*fn)(void *arg), void *arg) {
    leave_words(legacy, fn(arg));
    _exit(0);
}

struct Isolate {
    Err (*fn)(void *arg); /* and arg, library: borrowed */
    void *arg;
    int64_t bytes;
    const char *library;
    Legacy *legacy;
    pid_t child; /* -1: none */
    int socket;  /* to it; a byte asks, a byte answers */
};

/* Processor time counts anew for each piece of work. */
static void serve(const Isolate *isolate, int socket) {
    char byte = 0;
    const struct itimerval off = {{0, 0}, {0, 0}}, on = {{0, 0}, {ISOLATE_SECONDS(isolate->bytes), 0}};
    become_quiet(isolate->bytes);
    while (read(socket, &byte, 1) == 1) {
        (void)setitimer(ITIMER_PROF, &on, NULL);
        alarm(patience(on.it_value.tv_sec));
        leave_words(isolate->legacy, isolate->fn(isolate->arg));
        (void)setitimer(ITIMER_PROF, &off, NULL);
        alarm(0);
        if (write(socket, &byte, 1) != 1) break;
    }
    _exit(0);
}

/* ---- in the process itself ---- */

Err isolate_share(void *out, size_t bytes) {
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED) return err_set(ERR_NOMEM, "cannot share memory: %s", strerror(errno));
    memcpy(out, &shared, sizeof shared);
    return ERR_OK;
}

/* *child = 0 in the copy. */
static Err fork_limited(pid_t *child, int64_t bytes, bool obeys) {
    const pid_t parent = getpid();
    (void)fflush(NULL); /* or the copy would write it again */
    *child = fork();
    if (*child < 0) return err_set(ERR_NOMEM, "cannot start a process: %s", strerror(errno));
    if (*child == 0) become_mortal(parent, bytes, obeys);
    return ERR_OK;
}

static Err wait_for(int *status, pid_t child) {
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR) return err_set(ERR_IO, "cannot wait for a process: %s", strerror(errno));
    return ERR_OK;
}

/* Its own errors are the file's fault; what others do to a process is not. */
static Err killed(int status, int64_t seconds, const char *library) {
    const int signal = WTERMSIG(status);
    switch (signal) {
    case SIGXCPU:
    case SIGPROF:
        return err_set(ERR_DATA, "it is damaged, or made to do harm: reading it took %s more than %" PRId64 " s",
                       library, seconds);
    case SIGALRM:
        return err_set(ERR_IO, "reading it in %s came to no end within %u s: a disk or a server does not answer",
                       library, patience(seconds));
    case SIGINT:
    case SIGTERM:
    case SIGHUP: return err_set(ERR_INTERRUPTED, "reading it in %s was stopped (%s)", library, strsignal(signal));
    case SIGKILL:
        return err_set(ERR_DEFERRED, "reading it in %s was killed: not by refocus, perhaps for want of memory",
                       library);
    default: return err_set(ERR_DATA, "it is damaged: reading it failed in %s (%s)", library, strsignal(signal));
    }
}

/* How the copy ended that had work to do. */
static Err ended(int status, int64_t seconds, const char *library) {
    if (WIFSIGNALED(status)) return killed(status, seconds, library);
    return err_set(ERR_IO, "reading it in %s ended early, with exit code %d", library, WEXITSTATUS(status));
}

static Err last_words(Legacy *legacy) {
    legacy->message[sizeof legacy->message - 1] = '\0';
    return legacy->err == ERR_OK ? ERR_OK : err_set(legacy->err, "%s", legacy->message);
}

Err isolate_run(Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) {
    Err err = ERR_OK;
    int status = 0;
    pid_t child = -1;
    Legacy *legacy = NULL;
    const int64_t seconds = ISOLATE_SECONDS(bytes);
    TRY(isolate_share(&legacy, sizeof *legacy));
    TRY(fork_limited(&child, bytes, false));
    if (child == 0) {
        limit_time(seconds);
        alarm(patience(seconds));
        become_quiet(bytes);
        run_copy(legacy, fn, arg);
    }
    TRY(wait_for(&status, child));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) TRY(ended(status, seconds, library));
    TRY(last_words(legacy));
done:
    if (legacy != NULL) munmap(legacy, sizeof *legacy);
    return err;
}

/* ---- many pieces of work ---- */

Err isolate_open(Isolate **out, Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) {
    Err err = ERR_OK;
    Isolate *isolate = NULL;
    *out = NULL;
    TRY(mem_alloc(&isolate, 1, sizeof *isolate));
    *isolate = (Isolate){.fn = fn, .arg = arg, .bytes = bytes, .library = library, .child = -1, .socket = -1};
    TRY(isolate_share(&isolate->legacy, sizeof *isolate->legacy));
    *out = isolate;
    isolate = NULL;
done:
    isolate_close(isolate);
    return err;
}

static Err start(Isolate *isolate) {
    Err err = ERR_OK;
    int pair[2] = {-1, -1};
    FAIL_IF(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0, ERR_NOMEM, "cannot reach a process: %s",
            strerror(errno));
    TRY(fork_limited(&isolate->child, isolate->bytes, false));
    if (isolate->child == 0) {
        (void)close(pair[0]);
        serve(isolate, pair[1]);
    }
    isolate->socket = pair[0];
    pair[0] = -1;
done:
    if (pair[0] >= 0) (void)close(pair[0]);
    if (pair[1] >= 0) (void)close(pair[1]);
    return err;
}

/* Ends the copy, which has nothing to do or is dead. */
static Err stop(Isolate *isolate, int *status) {
    Err err = ERR_OK;
    if (isolate->socket >= 0) (void)close(isolate->socket);
    if (isolate->child > 0) err = wait_for(status, isolate->child);
    isolate->socket = isolate->child = -1;
    return err;
}

Err isolate_ask(Isolate *isolate) {
    Err err = ERR_OK;
    char byte = 0;
    ssize_t got = 0;
    int status = 0;
    if (isolate->child < 0) TRY(start(isolate));
    if (send(isolate->socket, &byte, 1, MSG_NOSIGNAL) == 1) do
            got = read(isolate->socket, &byte, 1);
        while (got < 0 && errno == EINTR);
    if (got == 1) return last_words(isolate->legacy);
    TRY(stop(isolate, &status));
    TRY(ended(status, ISOLATE_SECONDS(isolate->bytes), isolate->library));
done:
    return err;
}

void isolate_close(Isolate *isolate) {
    int status = 0;
    if (isolate == NULL) return;
    (void)!stop(isolate, &status);
    if (isolate->legacy != NULL) munmap(isolate->legacy, sizeof *isolate->legacy);
    mem_free(isolate);
}

/* ---- the rest of a program ---- */

Err isolate_rest(bool *has_ended, int *code, int64_t bytes) {
    Err err = ERR_OK;
    int status = 0;
    pid_t child = -1;
    const int64_t seconds = ISOLATE_SECONDS(bytes) + ISOLATE_REST_SECONDS;
    *has_ended = false;
    *code = -1;
    TRY(fork_limited(&child, bytes, true));
    if (child == 0) {
        limit_time(seconds); /* it may wait as long as it likes, for a pager */
        return ERR_OK;
    }
    *has_ended = true;
    TRY(wait_for(&status, child));
    if (WIFSIGNALED(status)) return killed(status, seconds, "a library");
    *code = WEXITSTATUS(status);
done:
    return err;
}

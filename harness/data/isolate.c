#include "harness/data/isolate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the copy leaves behind, in memory that both share. */
typedef struct Legacy {
    Err err;
    char message[2000];
} Legacy;

/* Dies of its errors at once and quietly, whatever handlers the program has. */
static void become_mortal(void) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGINT, SIGTERM};
    struct rlimit no_core = {0, 0};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    alarm(ISOLATE_SECONDS);
}

static void run_copy(Legacy *legacy, Err (*fn)(void *arg), void *arg) {
    become_mortal();
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
    legacy->err = fn(arg);
    snprintf(legacy->message, sizeof legacy->message, "%s", err_message());
    _exit(0);
}

Err isolate_run(Err (*fn)(void *arg), void *arg, const char *death) {
    Err err = ERR_OK;
    int status = 0;
    Legacy *legacy = mmap(NULL, sizeof *legacy, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (legacy == MAP_FAILED) return err_set(ERR_NOMEM, "cannot share memory: %s", strerror(errno));
    fflush(NULL); /* or the copy would write it again */
    pid_t child = fork();
    FAIL_IF(child < 0, ERR_NOMEM, "cannot start a process: %s", strerror(errno));
    if (child == 0) run_copy(legacy, fn, arg);
    while (waitpid(child, &status, 0) < 0)
        FAIL_IF(errno != EINTR, ERR_IO, "cannot wait for a process: %s", strerror(errno));
    FAIL_IF(!WIFEXITED(status) || WEXITSTATUS(status) != 0, ERR_DATA, "%s", death);
    legacy->message[sizeof legacy->message - 1] = '\0';
    FAIL_IF(legacy->err != ERR_OK, legacy->err, "%s", legacy->message);

done:
    munmap(legacy, sizeof *legacy);
    return err;
}

#include "harness/data/isolate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Dies of its errors at once and quietly, whatever handlers the program has. */
static void become_mortal(void) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGINT, SIGTERM};
    struct rlimit no_core = {0, 0};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    alarm(ISOLATE_SECONDS);
}

Err isolate_run(int *code, int (*fn)(void *arg), void *arg) {
    int status = 0;
    *code = ISOLATE_DIED;
    fflush(NULL); /* or the copy would write it again */
    pid_t child = fork();
    if (child < 0) return err_set(ERR_NOMEM, "cannot start a process: %s", strerror(errno));
    if (child == 0) {
        become_mortal();
        _exit(freopen("/dev/null", "w", stderr) == NULL ? 255 : fn(arg));
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return err_set(ERR_IO, "cannot wait for a process: %s", strerror(errno));
    if (WIFEXITED(status)) *code = WEXITSTATUS(status);
    return ERR_OK;
}

#include "tests/sweep_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/record/results.h"
#include "harness/run/folder.h"

static char program[4096], grid[4096];

int sweep_set_up(void **state) {
    (void)state;
    const char *named = getenv("REFOCUS");
    if (realpath(named != NULL ? named : "refocus", program) == NULL) return -1;
    return realpath("tests/cases/run/tiny.yaml", grid) == NULL ? -1 : 0;
}

/* ---- processes ---- */

pid_t sweep_start(const char *results, const char *jobs, const char *threads, const char *variable) {
    char said[4200];
    (void)snprintf(said, sizeof said, "%s.err", results);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    (void)setpgid(0, 0);
    int null = open("/dev/null", O_RDWR), err = open(said, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(99);
    if (getenv("SWEEP_SHOW") == NULL && dup2(err, 2) < 0) _exit(99);
    char *copy = variable != NULL ? strdup(variable) : NULL;
    if (copy != NULL) (void)putenv(copy);
    (void)execl(program, "refocus", "run", grid, "--results", results, "--jobs", jobs, "--threads", threads,
                (char *)NULL);
    _exit(98);
}

static int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

int sweep_finish(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return code_of(status);
}

bool sweep_ended(pid_t pid, int *code) {
    int status = 0;
    pid_t got = waitpid(pid, &status, WNOHANG);
    assert_true(got >= 0);
    if (got == pid) *code = code_of(status);
    return got == pid;
}

void sweep_wait_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* ---- results ---- */

SweepDigests sweep_digests(const char *results) {
    SweepDigests out = {0};
    Results *file = NULL;
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/tiny.h5", results);
    if (results_open(&file, path) != ERR_OK) fail_msg("%s", err_message());
    out.n = results_count(file);
    assert_true(out.n > 0 && out.n <= SWEEP_MAX_CELLS);
    for (size_t i = 0; i < out.n; i++) {
        const CellRecord *cell = results_cell(file, i);
        if (cell->status != CELL_DONE) fail_msg("%s: %s", cell->name, cell->cause);
        assert_non_null(cell->digest);
        assert_int_equal(results_check_digest(file, i), ERR_OK);
        (void)snprintf(out.name[i], sizeof out.name[i], "%s", cell->name);
        (void)snprintf(out.digest[i], sizeof out.digest[i], "%s", cell->digest);
    }
    results_close(file);
    return out;
}

void sweep_assert_same(const SweepDigests *a, const SweepDigests *b) {
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->name[i], b->name[i]);
        if (strcmp(a->digest[i], b->digest[i]) != 0) fail_msg("%s differs", a->name[i]);
    }
}

/* ---- folders ---- */

/* Paths below results/tiny that a pattern matches. The caller frees by globfree. */
static glob_t find(const char *results, const char *pattern) {
    glob_t out = {0};
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/tiny/%s", results, pattern);
    int code = glob(path, 0, NULL, &out);
    assert_true(code == 0 || code == GLOB_NOMATCH);
    return out;
}

pid_t sweep_cell_process(const char *results, size_t i, bool *killed) {
    FolderOwner owner = {.pid = 0};
    glob_t folders = find(results, "*@*");
    *killed = false;
    if (i < folders.gl_pathc && folder_is_locked(folders.gl_pathv[i], &owner))
        *killed = folder_has(folders.gl_pathv[i], FOLDER_KILLED);
    globfree(&folders);
    return (pid_t)owner.pid;
}

SweepLog sweep_log(const char *results) {
    SweepLog out = {0};
    char line[1024];
    glob_t logs = find(results, "*/" FOLDER_LOG);
    for (size_t i = 0; i < logs.gl_pathc; i++) {
        FILE *log = fopen(logs.gl_pathv[i], "r");
        assert_non_null(log);
        while (fgets(line, sizeof line, log) != NULL) {
            const char *again = strstr(line, " steps are run again"), *at = again;
            while (at != NULL && at > line && at[-1] >= '0' && at[-1] <= '9') at--;
            if (at != NULL) out.steps_again += strtol(at, NULL, 10);
            out.n_begun += strstr(line, " planned peak ") != NULL;
        }
        (void)fclose(log);
    }
    globfree(&logs);
    return out;
}

size_t sweep_leftovers(const char *results) {
    static const char *const needed[] = {FOLDER_SEALED, FOLDER_LOG, FOLDER_LOCK, FOLDER_SETTINGS, FOLDER_SOURCES};
    size_t n = 0;
    glob_t files = find(results, "*/*");
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        bool known = false;
        for (size_t k = 0; k < sizeof needed / sizeof needed[0]; k++) known = known || strcmp(name, needed[k]) == 0;
        n += !known;
        if (!known) print_message("left: %s\n", files.gl_pathv[i]);
    }
    globfree(&files);
    return n;
}

void sweep_remove(const char *results) {
    char command[4200];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", results);
    assert_int_equal(system(command), 0);
}

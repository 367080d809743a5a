/* Whole sweeps through the real program, compared by the digests of what their cells hold: jobs, threads and being
 * killed at any moment change no bit. REFOCUS names the program; without it ./refocus is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/record/results.h"
#include "harness/run/folder.h"
#include "kernels/rng.h"
#include "tests/data_settings.h"

enum { MAX_CELLS = 16, DIGEST_TEXT = 65 };

static char program[4096], grid[4096];

/* ---- sweeps ---- */

/* Starts `refocus run grid --results DIR` in a process group of its own. */
static pid_t start(const char *results, const char *jobs, const char *threads) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    (void)setpgid(0, 0);
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(99);
    if (getenv("SWEEP_SHOW") == NULL && dup2(null, 2) < 0) _exit(99);
    (void)execl(program, "refocus", "run", grid, "--results", results, "--jobs", jobs, "--threads", threads,
                (char *)NULL);
    _exit(98);
}

static int finish(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

typedef struct Digests {
    size_t n;
    char name[MAX_CELLS][128], digest[MAX_CELLS][DIGEST_TEXT];
} Digests;

static Digests digests_of(const char *results) {
    Digests out = {0};
    Results *file = NULL;
    char path[600];
    (void)snprintf(path, sizeof path, "%s/tiny.h5", results);
    if (results_open(&file, path) != ERR_OK) fail_msg("%s", err_message());
    out.n = results_count(file);
    assert_true(out.n > 0 && out.n <= MAX_CELLS);
    for (size_t i = 0; i < out.n; i++) {
        const CellRecord *cell = results_cell(file, i);
        assert_int_equal(cell->status, CELL_DONE);
        assert_non_null(cell->digest);
        assert_int_equal(results_check_digest(file, i), ERR_OK);
        (void)snprintf(out.name[i], sizeof out.name[i], "%s", cell->name);
        (void)snprintf(out.digest[i], sizeof out.digest[i], "%s", cell->digest);
    }
    results_close(file);
    return out;
}

static void assert_same(const Digests *a, const Digests *b) {
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->name[i], b->name[i]);
        if (strcmp(a->digest[i], b->digest[i]) != 0) fail_msg("%s differs", a->name[i]);
    }
}

static Digests whole;

/* ---- tests ---- */

static void test_plain(void **state) {
    (void)state;
    assert_int_equal(finish(start(test_path("plain"), "1", "1")), 0);
    whole = digests_of(test_path("plain"));
    assert_int_equal(whole.n, 6);
    for (size_t i = 0; i < whole.n; i++)
        for (size_t k = 0; k < i; k++) {
            bool twins = strstr(whole.name[i], "twin") != NULL && strstr(whole.name[k], "pulled") != NULL &&
                         strcmp(strchr(whole.name[i], '@'), strchr(whole.name[k], '@')) == 0;
            assert_int_equal(strcmp(whole.digest[i], whole.digest[k]) == 0, twins);
        }
}

static void test_jobs_and_threads(void **state) {
    (void)state;
    assert_int_equal(finish(start(test_path("jobs"), "2", "1")), 0);
    assert_int_equal(finish(start(test_path("threads"), "1", "2")), 0);
    Digests jobs = digests_of(test_path("jobs")), threads = digests_of(test_path("threads"));
    assert_same(&whole, &jobs);
    assert_same(&whole, &threads);
}

static void wait_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* Parent and cells are killed at once, again and again, at other moments each time; what is left over goes on. */
static void test_killed_again_and_again(void **state) {
    (void)state;
    Rng rng = rng_at(rng_stream(5, "kills"), 0, 0);
    const char *results = test_path("killed");
    int n_kills = 0, code = -1;
    for (int round = 0; round < 12 && code != 0; round++) {
        pid_t pid = start(results, "2", "1");
        if (round < 11) {
            wait_ms(60 + (long)rng_below(&rng, 700));
            n_kills += kill(-pid, SIGKILL) == 0;
        }
        code = finish(pid);
    }
    assert_int_equal(code, 0);
    assert_true(n_kills > 2);
    Digests killed = digests_of(results);
    assert_same(&whole, &killed);
}

/* The same with the polite signal: 75 each time, and nothing is lost. */
static void test_stopped_again_and_again(void **state) {
    (void)state;
    Rng rng = rng_at(rng_stream(6, "stops"), 0, 0);
    const char *results = test_path("stopped");
    int code = -1;
    for (int round = 0; round < 12 && code != 0; round++) {
        pid_t pid = start(results, "1", "1");
        if (round < 11) {
            wait_ms(150 + (long)rng_below(&rng, 600));
            (void)kill(pid, SIGTERM);
        }
        code = finish(pid);
        /* a signal before the program listens to it ends it at once, and harms nothing */
        assert_true(code == 0 || code == 75 || code == -SIGTERM);
    }
    assert_int_equal(code, 0);
    Digests stopped = digests_of(results);
    assert_same(&whole, &stopped);
}

static int set_up(void **state) {
    (void)state;
    const char *named = getenv("REFOCUS");
    if (realpath(named != NULL ? named : "refocus", program) == NULL) return -1;
    return realpath("tests/cases/run/tiny.yaml", grid) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_jobs_and_threads),
        cmocka_unit_test(test_killed_again_and_again),
        cmocka_unit_test(test_stopped_again_and_again),
    };
    return cmocka_run_group_tests_name("sweep", tests, set_up, tear_down);
}

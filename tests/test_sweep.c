/* Whole sweeps through the real program, compared by the digests of what their cells hold: jobs, threads, being killed
 * or stopped at any moment, and other sweeps of the same grid change no bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kernels/rng.h"
#include "tests/data_settings.h"
#include "tests/sweep_fixture.h"

static SweepDigests whole;

static void test_plain(void **state) {
    (void)state;
    assert_int_equal(sweep_finish(sweep_start(test_path("plain"), "1", "1", NULL)), 0);
    whole = sweep_digests(test_path("plain"));
    assert_int_equal(whole.n, 6);
    assert_int_equal(sweep_log(test_path("plain")).n_begun, SWEEP_TRAINED);
    assert_int_equal(sweep_log(test_path("plain")).steps_again, 0);
    for (size_t i = 0; i < whole.n; i++)
        for (size_t k = 0; k < i; k++) {
            bool twins = strstr(whole.name[i], "twin") != NULL && strstr(whole.name[k], "pulled") != NULL &&
                         strcmp(strchr(whole.name[i], '@'), strchr(whole.name[k], '@')) == 0;
            assert_int_equal(strcmp(whole.digest[i], whole.digest[k]) == 0, twins);
        }
}

static void test_jobs_and_threads(void **state) {
    (void)state;
    assert_int_equal(sweep_finish(sweep_start(test_path("jobs"), "2", "1", NULL)), 0);
    assert_int_equal(sweep_finish(sweep_start(test_path("threads"), "1", "2", NULL)), 0);
    SweepDigests jobs = sweep_digests(test_path("jobs")), threads = sweep_digests(test_path("threads"));
    sweep_assert_same(&whole, &jobs);
    sweep_assert_same(&whole, &threads);
}

/* Several sweeps of one grid, begun together: all end well, and every cell was trained by one of them. */
static void test_several_at_once(void **state) {
    (void)state;
    static const char *const jobs[] = {"1", "2", "1"};
    pid_t pid[3];
    const char *results = test_path("together");
    for (int i = 0; i < 3; i++) pid[i] = sweep_start(results, jobs[i], "1", NULL);
    for (int i = 0; i < 3; i++) assert_int_equal(sweep_finish(pid[i]), 0);
    assert_int_equal(sweep_log(results).n_begun, SWEEP_TRAINED);
    assert_int_equal(sweep_leftovers(results), 0);
    SweepDigests together = sweep_digests(results);
    sweep_assert_same(&whole, &together);
}

/* Parent and cells are killed at once, again and again, at other moments each time; what is left over goes on. */
static void test_killed_again_and_again(void **state) {
    (void)state;
    Rng rng = rng_at(rng_stream(5, "kills"), 0, 0);
    const char *results = test_path("killed");
    int n_kills = 0, code = -1;
    for (int round = 0; round < 12 && code != 0; round++) {
        pid_t pid = sweep_start(results, "2", "1", NULL);
        if (round < 11) {
            sweep_wait_ms(60 + (long)rng_below(&rng, 700));
            n_kills += kill(-pid, SIGKILL) == 0;
        }
        code = sweep_finish(pid);
    }
    assert_int_equal(code, 0);
    assert_true(n_kills > 2);
    SweepDigests killed = sweep_digests(results);
    sweep_assert_same(&whole, &killed);
}

/* The same with the polite signal: 75 each time, and nothing is lost. */
static void test_stopped_again_and_again(void **state) {
    (void)state;
    Rng rng = rng_at(rng_stream(6, "stops"), 0, 0);
    const char *results = test_path("stopped");
    int code = -1;
    for (int round = 0; round < 12 && code != 0; round++) {
        pid_t pid = sweep_start(results, "1", "1", NULL);
        if (round < 11) {
            sweep_wait_ms(150 + (long)rng_below(&rng, 600));
            (void)kill(pid, SIGTERM);
        }
        code = sweep_finish(pid);
        /* a signal before the program listens to it ends it at once, and harms nothing */
        assert_true(code == 0 || code == 75 || code == -SIGTERM);
    }
    assert_int_equal(code, 0);
    assert_int_equal(sweep_log(results).steps_again, 0);
    SweepDigests stopped = sweep_digests(results);
    sweep_assert_same(&whole, &stopped);
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
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_killed_again_and_again),
        cmocka_unit_test(test_stopped_again_and_again),
    };
    return cmocka_run_group_tests_name("sweep", tests, sweep_set_up, tear_down);
}

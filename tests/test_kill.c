/* Killed by SIGKILL, a sweep goes on to the same bits: at random instants, and at each point where the disk changes.
 * KILLS random kills and POINTS kills at each kind of point: few by default, many in `make test-kill`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng.h"
#include "tests/data_settings.h"
#include "tests/sweep_fixture.h"

enum { MAX_STARTS = 400 };

static SweepDigests whole;

/* What all sweeps of a test took. */
typedef struct Total {
    int64_t kills, n_sweeps, steps, steps_again, n_starts;
} Total;

static long wanted(const char *variable, long otherwise) {
    const char *text = getenv(variable);
    return text != NULL && text[0] != '\0' ? strtol(text, NULL, 10) : otherwise;
}

static int set_up(void **state) {
    if (sweep_set_up(state) != 0) return -1;
    if (sweep_finish(sweep_start(test_path("plain"), "1", "1", NULL)) != 0) return -1;
    whole = sweep_digests(test_path("plain"));
    return 0;
}

/* A sweep that has come to its end: the same results, nothing left over, and resumed rather than restarted. */
static void check_sweep(const char *results, int64_t kills, Total *total) {
    SweepDigests ended = sweep_digests(results);
    sweep_assert_same(&whole, &ended);
    assert_int_equal(sweep_leftovers(results), 0);
    int64_t again = sweep_log(results).steps_again;
    if (again > kills * SWEEP_CHECKPOINT_EVERY)
        fail_msg("%" PRId64 " steps were run again after %" PRId64 " kills", again, kills);
    total->kills += kills;
    total->n_sweeps++;
    total->steps += SWEEP_TRAINED * SWEEP_STEPS + again;
    total->steps_again += again;
    sweep_remove(results);
}

static void print_total(const char *what, const Total *t) {
    int64_t least = t->n_sweeps * SWEEP_TRAINED * SWEEP_STEPS;
    print_message("%s: %" PRId64 " kills in %" PRId64 " sweeps (%" PRId64 " starts), all ended with the same digests; "
                  "%" PRId64 " steps run, %" PRId64 " of them again, at most %" PRId64 " + %" PRId64 " x %d\n",
                  what, t->kills, t->n_sweeps, t->n_starts, t->steps, t->steps_again, least, t->kills,
                  SWEEP_CHECKPOINT_EVERY);
}

/* ---- random instants ---- */

/* Kills the parent, a cell, or all of them. A cell that was killed before is left alone: twice without a new checkpoint
 * it would be a failure. Returns how many cells may have lost steps. */
static int64_t kill_something(Rng *rng, pid_t sweep, const char *results, int n_jobs) {
    bool killed = false;
    pid_t cell = sweep_cell_process(results, (size_t)rng_below(rng, SWEEP_TRAINED), &killed);
    switch (rng_below(rng, 3)) {
    case 0: return kill(-sweep, SIGKILL) == 0 ? n_jobs : 0;
    case 1: return kill(sweep, SIGKILL) == 0;
    default: return cell > 0 && !killed && kill(cell, SIGKILL) == 0;
    }
}

static void test_random_instants(void **state) {
    (void)state;
    const long n_kills = wanted("KILLS", 4);
    const char *results = test_path("random");
    Rng rng = rng_at(rng_stream(7, "kills"), 0, 0);
    Total total = {0};
    while (total.kills < n_kills) {
        int64_t kills = 0;
        int code = -1;
        for (int starts = 0; code != 0; starts++) {
            int n_jobs = 1 + (int)rng_below(&rng, 2);
            if (starts > MAX_STARTS) fail_msg("no end after %d starts", starts);
            pid_t sweep = sweep_start(results, n_jobs == 1 ? "1" : "2", "1", NULL);
            total.n_starts++;
            for (;;) {
                sweep_wait_ms((long)rng_below(&rng, 1 + rng_below(&rng, 3000))); /* often soon, sometimes late */
                if (sweep_ended(sweep, &code)) break;
                if (total.kills + kills < n_kills) kills += kill_something(&rng, sweep, results, n_jobs);
            }
            if (code != 0 && code != -SIGKILL) fail_msg("it ended with %d: see %s.err", code, results);
        }
        check_sweep(results, kills, &total);
    }
    print_total("random instants", &total);
}

/* ---- points ---- */

static const struct {
    const char *name;
    int n;          /* passings of one process of a sweep */
    bool in_parent; /* else in a cell's process */
} points[] = {
    {"journal", 16, false}, {"checkpoint", 15, false}, {"evaluation", 8, false}, {"seal", 6, false}, {"pack", 3, true}};

/* Only the process that passes the point, and where that is a cell's, its sweep goes on by itself; or all of them. */
static void kill_at(size_t p, int64_t i, Total *total) {
    const char *results = test_path("point");
    char variable[64];
    bool all = i % 2 == 1;
    int nth = 1 + (int)(i * 5 % points[p].n);
    (void)snprintf(variable, sizeof variable, "REFOCUS_KILL_AT=%s:%d%s", points[p].name, nth, all ? ":all" : "");
    /* one that was killed behind its sealing is not begun again */
    size_t n_begun = SWEEP_TRAINED + (size_t)(strcmp(points[p].name, "seal") != 0 || nth <= 3);
    int code = sweep_finish(sweep_start(results, "1", "1", variable));
    total->n_starts++;
    if (code != (all || points[p].in_parent ? -SIGKILL : 0)) fail_msg("%s: ended with %d", variable, code);
    if (code != 0) {
        assert_int_equal(sweep_finish(sweep_start(results, "1", "1", NULL)), 0);
        total->n_starts++;
    } else if (sweep_log(results).n_begun != n_begun) {
        fail_msg("%s: nothing was killed", variable);
    }
    check_sweep(results, 1, total);
}

static void test_points(void **state) {
    (void)state;
    const long n = wanted("POINTS", 1);
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
        Total total = {0};
        for (long i = 0; i < n; i++) kill_at(p, i + (n == 1 ? (long)p : 0), &total);
        print_total(points[p].name, &total);
    }
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_instants),
        cmocka_unit_test(test_points),
    };
    return cmocka_run_group_tests_name("kill", tests, set_up, tear_down);
}

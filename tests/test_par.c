/* The thread pool: every task once, for any number of threads, again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/par.h"

enum { MAX_TASKS = 257 };

typedef struct Count {
    atomic_int times[MAX_TASKS];
    atomic_int others; /* tasks with a number that does not exist */
    int n_tasks;
    int64_t value[MAX_TASKS];
} Count;

static void count(void *arg, int i_task) {
    Count *c = arg;
    if (i_task < 0 || i_task >= c->n_tasks) {
        atomic_fetch_add(&c->others, 1);
        return;
    }
    atomic_fetch_add(&c->times[i_task], 1);
    c->value[i_task] = (int64_t)i_task * i_task;
}

static void run_and_check(Par *par, int n_tasks) {
    static Count c;
    memset(&c, 0, sizeof c);
    c.n_tasks = n_tasks;
    par_run(par, n_tasks, count, &c);
    assert_int_equal(atomic_load(&c.others), 0);
    for (int i = 0; i < MAX_TASKS; i++) {
        assert_int_equal(atomic_load(&c.times[i]), i < n_tasks ? 1 : 0);
        assert_int_equal(c.value[i], i < n_tasks ? (int64_t)i * i : 0); /* seen by the caller when par_run returns */
    }
}

static void each_task_runs_once(void **state) {
    (void)state;
    const int n_tasks[] = {0, 1, 2, 3, 5, 16, 257};
    for (int n_threads = 1; n_threads <= 9; n_threads++) {
        Par *par = NULL;
        assert_int_equal(par_new(&par, n_threads), ERR_OK);
        assert_int_equal(par_n_threads(par), n_threads);
        for (size_t i = 0; i < sizeof n_tasks / sizeof n_tasks[0]; i++) run_and_check(par, n_tasks[i]);
        par_free(par);
    }
}

static void no_pool_is_one_thread(void **state) {
    (void)state;
    assert_int_equal(par_n_threads(NULL), 1);
    run_and_check(NULL, 7);
    par_free(NULL);
}

/* Short batches one after the other, the last of them while workers have gone to sleep. */
static void stress(void **state) {
    (void)state;
    Par *par = NULL;
    assert_int_equal(par_new(&par, 3), ERR_OK);
    for (int round = 0; round < 3000; round++) {
        run_and_check(par, round % 11);
        if (round % 1000 == 999) (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    par_free(par);
}

/* A pool that is freed at once, while its threads are only starting. */
static void free_without_use(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        Par *par = NULL;
        assert_int_equal(par_new(&par, 2 + i % 4), ERR_OK);
        par_free(par);
    }
}

static void wrong_numbers_are_refused(void **state) {
    (void)state;
    const int wrong[] = {0, -1, 1000000};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Par *par = (Par *)&wrong;
        assert_int_equal(par_new(&par, wrong[i]), ERR_ARG);
        assert_null(par);
    }
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    MemStats before = mem_stats();
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK && k < 10; k++) {
        Par *par = NULL;
        mem_fail_at(k);
        err = par_new(&par, 3);
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_int_equal(par == NULL, err != ERR_OK);
        par_free(par);
        assert_int_equal(mem_stats().live_blocks, before.live_blocks);
    }
    assert_int_equal(err, ERR_OK);
}

static void ranges_cover_everything_in_order(void **state) {
    (void)state;
    const int64_t n[] = {0, 1, 2, 7, 8, 1000003, (int64_t)1 << 40};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
        for (int n_tasks = 1; n_tasks <= 13; n_tasks++) {
            int64_t at = 0, smallest = INT64_MAX, largest = 0;
            for (int t = 0; t < n_tasks; t++) {
                int64_t first = -1, last = -1;
                par_range(n[i], n_tasks, t, &first, &last);
                assert_int_equal(first, at);
                assert_true(last >= first);
                smallest = last - first < smallest ? last - first : smallest;
                largest = last - first > largest ? last - first : largest;
                at = last;
            }
            assert_int_equal(at, n[i]);
            assert_true(largest - smallest <= 1);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(no_pool_is_one_thread),
        cmocka_unit_test(stress),
        cmocka_unit_test(free_without_use),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(failing_allocations_leak_nothing),
        cmocka_unit_test(ranges_cover_everything_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

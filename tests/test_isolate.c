/* Work in a copy of the process: what comes back of it, what kills it, and what it may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/data/isolate.h"

static void assert_says(Err got, Err code, const char *words) {
    if (got != code || strstr(err_message(), words) == NULL)
        fail_msg("got %d '%s', expected %d with '%s'", (int)got, err_message(), (int)code, words);
}

static Err write_shared(void *arg) {
    *(int *)arg = 7;
    return ERR_OK;
}

static Err refuse(void *arg) {
    *(int *)arg = 8;
    return err_set(ERR_MISSING, "no such thing");
}

static void test_what_comes_back(void **state) {
    (void)state;
    int own = 1;
    int *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(isolate_run(write_shared, &own, 0, "lib"), ERR_OK);
    assert_int_equal(own, 1);
    assert_int_equal(isolate_run(write_shared, shared, 0, "lib"), ERR_OK);
    assert_int_equal(*shared, 7);
    assert_says(isolate_run(refuse, shared, 0, "lib"), ERR_MISSING, "no such thing");
    munmap(shared, sizeof *shared);
}

static Err die(void *arg) {
    raise(*(const int *)arg);
    return ERR_OK;
}

static Err leave(void *arg) { _exit(*(const int *)arg); }

static void test_deaths(void **state) {
    (void)state;
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}, spins[] = {SIGXCPU, SIGPROF};
    static const int asleep = SIGALRM, outside = SIGKILL, asked[] = {SIGINT, SIGTERM, SIGHUP};
    int code = 3;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        assert_says(isolate_run(die, (void *)(uintptr_t)&crashes[i], 0, "libfoo"), ERR_DATA,
                    "it is damaged: reading it failed in libfoo (");
    for (size_t i = 0; i < sizeof spins / sizeof *spins; i++)
        assert_says(isolate_run(die, (void *)(uintptr_t)&spins[i], 0, "libfoo"), ERR_DATA,
                    "reading it took libfoo more than 5 s");
    assert_says(isolate_run(die, (void *)(uintptr_t)&asleep, 0, "libfoo"), ERR_IO, "no end within 50 s");
    assert_says(isolate_run(die, (void *)(uintptr_t)&outside, 0, "libfoo"), ERR_DEFERRED, "was killed: not by refocus");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) /* that is for the process to decide */
        assert_int_equal(isolate_run(die, (void *)(uintptr_t)&asked[i], 0, "libfoo"), ERR_OK);
    assert_says(isolate_run(leave, &code, 0, "libfoo"), ERR_IO, "reading it in libfoo ended early, with exit code 3");
}

/* 1 GiB and 32 times the file: so much more than that is refused, and less is not. */
static Err take_memory(void *arg) {
    const size_t bytes = *(const size_t *)arg;
    void *block = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return block == MAP_FAILED ? err_set(ERR_NOMEM, "no memory") : ERR_OK;
}

static Err look_at_limits(void *arg) {
    struct rlimit cpu, core;
    const rlim_t seconds = (rlim_t)ISOLATE_SECONDS(*(const int64_t *)arg);
    if (getrlimit(RLIMIT_CPU, &cpu) != 0 || getrlimit(RLIMIT_CORE, &core) != 0) return ERR_IO;
    return cpu.rlim_cur == seconds && core.rlim_cur == 0 ? ERR_OK : err_set(ERR_DATA, "%ld", (long)cpu.rlim_cur);
}

static void test_limits(void **state) {
    (void)state;
    size_t half = (size_t)1 << 29, three = (size_t)3 << 30;
    int64_t large = INT64_C(100) << 20;
    assert_int_equal(isolate_run(take_memory, &half, 0, "lib"), ERR_OK);
    assert_says(isolate_run(take_memory, &three, 0, "lib"), ERR_NOMEM, "no memory");
    assert_int_equal(isolate_run(take_memory, &three, large, "lib"), ERR_OK);
    assert_int_equal(isolate_run(look_at_limits, &large, large, "lib"), ERR_OK);
    assert_int_equal(take_memory(&three), ERR_OK); /* the process itself has no limit */
}

/* ---- many pieces of work ---- */

typedef struct Work {
    int asked, signal;
    pid_t by;
} Work;

static Err work(void *arg) {
    Work *w = arg;
    w->by = getpid();
    if (w->signal != 0) raise(w->signal);
    return w->asked == 3 ? err_set(ERR_DATA, "three") : ERR_OK;
}

static void test_many_pieces_of_work(void **state) {
    (void)state;
    Work *w = NULL;
    Isolate *isolate = NULL;
    pid_t first = 0;
    assert_int_equal(isolate_share(&w, sizeof *w), ERR_OK);
    assert_int_equal(isolate_open(&isolate, work, w, 0, "libfoo"), ERR_OK);
    for (w->asked = 1; w->asked <= 5; w->asked++) {
        if (w->asked == 3)
            assert_says(isolate_ask(isolate), ERR_DATA, "three");
        else
            assert_int_equal(isolate_ask(isolate), ERR_OK);
        first = w->asked == 1 ? w->by : first;
        assert_int_equal(w->by, first);
        assert_int_not_equal(w->by, getpid());
    }
    static const int deaths[] = {SIGSEGV, SIGPROF};
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        w->signal = deaths[i];
        assert_says(isolate_ask(isolate), ERR_DATA,
                    i == 0 ? "reading it failed in libfoo (" : "took libfoo more than 5 s");
        w->signal = 0;
        assert_int_equal(isolate_ask(isolate), ERR_OK); /* by another copy */
        assert_int_not_equal(w->by, first);
    }
    isolate_close(isolate);
    isolate_close(NULL);
    munmap(w, sizeof *w);
}

static void test_the_rest_of_the_program(void **state) {
    (void)state;
    static const int ends[] = {0, 7, 65};
    bool ended = false;
    int code = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const Err err = isolate_rest(&ended, &code, 0);
        if (err == ERR_OK && !ended) _exit(ends[i]);
        assert_int_equal(err, ERR_OK);
        assert_int_equal(code, ends[i]);
    }
    static const struct {
        int signal;
        Err err;
        const char *words;
    } deaths[] = {{SIGSEGV, ERR_DATA, "reading it failed in a library ("},
                  {SIGKILL, ERR_DEFERRED, "was killed: not by refocus"},
                  {SIGTERM, ERR_INTERRUPTED, "was stopped (Terminated)"}};
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        const Err err = isolate_rest(&ended, &code, 0);
        if (err == ERR_OK && !ended) raise(deaths[i].signal);
        assert_true(ended);
        assert_int_equal(code, -1);
        assert_says(err, deaths[i].err, deaths[i].words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_back),
        cmocka_unit_test(test_deaths),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_pieces_of_work),
        cmocka_unit_test(test_the_rest_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

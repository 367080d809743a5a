/* Error codes, the thread's message, TRY and ASSERT. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/err.h"

static void set_returns_code_and_keeps_message(void **state) {
    (void)state;
    assert_int_equal(err_set(ERR_SHAPE, "got %d, expected %s", 3, "four"), ERR_SHAPE);
    assert_string_equal(err_message(), "got 3, expected four");
    assert_int_equal(err_set(ERR_IO, "later"), ERR_IO);
    assert_string_equal(err_message(), "later");
    err_clear();
    assert_string_equal(err_message(), "");
}

static void context_goes_before(void **state) {
    (void)state;
    Err err = err_set(ERR_SPEC, "unknown key");
    assert_int_equal(err_context(err, "%s:%d", "grid.yaml", 12), ERR_SPEC);
    assert_string_equal(err_message(), "grid.yaml:12: unknown key");
    assert_int_equal(err_context(err, "cell"), ERR_SPEC);
    assert_string_equal(err_message(), "cell: grid.yaml:12: unknown key");
}

/* However long, a message is cut and ended, never overrun. */
static void long_messages_are_cut(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(ERR_IO, "%s", text);
    size_t len = strlen(err_message());
    assert_in_range(len, 500, 4999);
    (void)err_context(ERR_IO, "front");
    assert_int_equal(strlen(err_message()), len);
    assert_memory_equal(err_message(), "front: xxx", 10);
    (void)err_context(ERR_IO, "%s", text);
    assert_int_equal(strlen(err_message()), len);
}

static void *other_thread(void *arg) {
    (void)arg;
    bool empty = err_message()[0] == '\0';
    (void)err_set(ERR_IO, "of the other thread");
    return empty ? NULL : "the message leaked";
}

static void each_thread_has_its_own(void **state) {
    (void)state;
    pthread_t thread;
    void *complaint = NULL;
    (void)err_set(ERR_IO, "mine");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &complaint), 0);
    assert_null(complaint);
    assert_string_equal(err_message(), "mine");
}

static void every_code_has_a_name(void **state) {
    (void)state;
    for (int a = ERR_DEVICE_FULL; a <= ERR_OK; a++) {
        assert_string_not_equal(err_name((Err)a), "unknown error");
        for (int b = ERR_DEVICE_FULL; b < a; b++) assert_string_not_equal(err_name((Err)a), err_name((Err)b));
    }
    assert_string_equal(err_name((Err)-99), "unknown error");
}

static Err steps(int n_good, int *n_done, bool *cleaned) {
    Err err = ERR_OK;
    for (int i = 0; i < 3; i++) {
        TRY(i < n_good ? ERR_OK : ERR_DATA);
        (*n_done)++;
    }
    FAIL_IF(n_good == 3, ERR_GATE, "all %d were good", n_good);
done:
    *cleaned = true;
    return err;
}

static void try_leaves_through_done(void **state) {
    (void)state;
    const Err expected[] = {ERR_DATA, ERR_DATA, ERR_DATA, ERR_GATE, ERR_OK};
    for (int n = 0; n < 5; n++) {
        int n_done = 0;
        bool cleaned = false;
        assert_int_equal(steps(n, &n_done, &cleaned), expected[n]);
        assert_int_equal(n_done, n < 3 ? n : 3);
        assert_true(cleaned);
    }
    (void)steps(3, &(int){0}, &(bool){false});
    assert_string_equal(err_message(), "all 3 were good");
}

static void assert_aborts_and_says_where(void **state) {
    (void)state;
    int end[2], status = 0;
    char text[256] = "";
    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(end[1], STDERR_FILENO);
        ASSERT(1 + 1 == 3);
        _exit(0);
    }
    (void)close(end[1]);
    ssize_t n = read(end[0], text, sizeof text - 1);
    (void)close(end[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(n > 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_err.c"));
    assert_non_null(strstr(text, "1 + 1 == 3"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_code_and_keeps_message),
        cmocka_unit_test(context_goes_before),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(each_thread_has_its_own),
        cmocka_unit_test(every_code_has_a_name),
        cmocka_unit_test(try_leaves_through_done),
        cmocka_unit_test(assert_aborts_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

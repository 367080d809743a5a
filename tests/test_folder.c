/* A cell's folder: its files are whole, whoever else is at work there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/run/folder.h"
#include "kernels/mem.h"
#include "tests/data_settings.h"

static char folder[600], pattern[700];

static void expect(const char *text) {
    char *found = NULL;
    size_t n = 0;
    assert_int_equal(folder_read(&found, &n, folder, "note"), ERR_OK);
    assert_string_equal(found, text);
    assert_int_equal(n, strlen(text));
    mem_free(found);
}

static size_t n_leftovers(void) {
    glob_t found = {0};
    const size_t n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return n;
}

static void test_written_whole(void **state) {
    (void)state;
    assert_int_equal(folder_write(folder, "note", "one", 3), ERR_OK);
    expect("one");
    assert_int_equal(folder_write(folder, "note", "two", 3), ERR_OK);
    expect("two");
    assert_int_equal(folder_drop(folder, "note"), ERR_OK);
    assert_int_equal(folder_drop(folder, "note"), ERR_OK);
    assert_false(folder_has(folder, "note"));
    assert_int_equal(n_leftovers(), 0);
}

static atomic_long n_to_take;

/* Who begins with a cell sweeps its folder, and takes what is just being written for a leftover. */
static void *sweep(void *unused) {
    (void)unused;
    while (n_to_take > 0) {
        glob_t found = {0};
        if (glob(pattern, 0, NULL, &found) == 0)
            for (size_t i = 0; i < found.gl_pathc && n_to_take > 0; i++)
                if (unlink(found.gl_pathv[i]) == 0) n_to_take--;
        globfree(&found);
    }
    return NULL;
}

static void test_written_while_swept(void **state) {
    (void)state;
    static char text[1 << 16];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 20; i++) {
        Err err = ERR_OK;
        pthread_t sweeper;
        n_to_take = 3;
        assert_int_equal(pthread_create(&sweeper, NULL, sweep, NULL), 0);
        while (err == ERR_OK && n_to_take > 0) err = folder_write(folder, "note", text, sizeof text - 1);
        n_to_take = 0;
        assert_int_equal(pthread_join(sweeper, NULL), 0);
        if (err != ERR_OK) fail_msg("%s", err_message());
        expect(text);
    }
    assert_int_equal(n_leftovers(), 0);
}

static void test_no_folder(void **state) {
    (void)state;
    assert_int_equal(folder_write("no such folder", "note", "one", 3), ERR_CREATE);
    assert_non_null(strstr(err_message(), "no such folder/note"));
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "%s", test_path("cell"));
    (void)snprintf(pattern, sizeof pattern, "%s/*.tmp", folder);
    return folder_ensure(folder) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_whole),
        cmocka_unit_test(test_written_while_swept),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests_name("folder", tests, set_up, tear_down);
}

/* Files that users name: whole, or as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/data/outfile.h"
#include "tests/data_settings.h"

static const OutputKind note = {"note", "NOTE", 4};

static char path[600];

static void put(const char *text) { (void)write_test_file("note", text, strlen(text)); }

/* What stands at path; nothing may lie beside it. */
static void expect(const char *text) {
    char found[64] = "", pattern[700];
    glob_t beside = {0};
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        found[fread(found, 1, sizeof found - 1, file)] = '\0';
        (void)fclose(file);
    }
    assert_string_equal(found, text);
    (void)snprintf(pattern, sizeof pattern, "%s.*", path);
    assert_int_equal(glob(pattern, 0, NULL, &beside), GLOB_NOMATCH);
    globfree(&beside);
}

static void test_appears_whole(void **state) {
    (void)state;
    Outfile out = {0};
    assert_int_equal(outfile_open(&out, path, &note), ERR_OK);
    (void)fputs("NOTE one", out.file);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(outfile_finish(&out), ERR_OK);
    outfile_discard(&out);
    expect("NOTE one");
}

static void test_discarded_leaves_what_was(void **state) {
    (void)state;
    Outfile out = {0};
    put("NOTE one");
    assert_int_equal(outfile_open(&out, path, &note), ERR_OK);
    (void)fputs("NOTE two", out.file);
    outfile_discard(&out);
    outfile_discard(&out);
    expect("NOTE one");
}

static void test_other_kinds_stay(void **state) {
    (void)state;
    Outfile out = {0};
    put("a letter");
    assert_int_equal(outfile_open(&out, path, &note), ERR_CREATE);
    outfile_discard(&out);
    expect("a letter");
    assert_int_equal(outfile_open(&out, path, NULL), ERR_OK);
    (void)fputs("any", out.file);
    assert_int_equal(outfile_finish(&out), ERR_OK);
    outfile_discard(&out);
    expect("any");
}

/* Too little room for all of it: found at the end, or long before. */
static void write_too_much(size_t n) {
    struct rlimit before, small;
    Outfile out = {0};
    put("NOTE one");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){4096, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(outfile_open(&out, path, &note), ERR_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (size_t i = 0; i < n; i++) (void)fputc('x', out.file);
    const Err err = outfile_finish(&out);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    outfile_discard(&out);
    assert_int_equal(err, ERR_IO);
    assert_non_null(strstr(err_message(), "File too large"));
    expect("NOTE one");
}

static void test_no_room(void **state) {
    (void)state;
    write_too_much(4097);
    write_too_much(1 << 20);
}

static void test_no_folder(void **state) {
    (void)state;
    Outfile out = {0};
    assert_int_equal(outfile_open(&out, "no such folder/file", NULL), ERR_CREATE);
    outfile_discard(&out);
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "%s", test_path("note"));
    (void)unlink(path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_appears_whole, set_up),
        cmocka_unit_test_setup(test_discarded_leaves_what_was, set_up),
        cmocka_unit_test_setup(test_other_kinds_stay, set_up),
        cmocka_unit_test_setup(test_no_room, set_up),
        cmocka_unit_test_setup(test_no_folder, set_up),
    };
    return cmocka_run_group_tests_name("outfile", tests, NULL, tear_down);
}

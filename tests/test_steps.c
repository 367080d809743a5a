/* Names of steps: which follow, how they fold, and that they have one order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/report/steps.h"
#include "tests/record_fixture.h"

static void test_steps(void **state) {
    (void)state;
    Pool pool = {0};
    const char *name = NULL;
    assert_true(steps_follow("dec.t07.h'", "dec.t08.h'"));
    assert_true(steps_follow("enc.9.out", "enc.10.out"));
    assert_true(steps_follow("t9", "t10"));
    assert_false(steps_follow("dec.t07.h", "dec.t09.h"));
    assert_false(steps_follow("dec.t07.h", "dec.t08.c"));
    assert_false(steps_follow("dec.t07h", "dec.t08h"));
    assert_false(steps_follow("enc.conv1", "enc.conv2"));
    assert_true(steps_compare("dec.t09.h", "dec.t10.h") < 0);
    assert_true(steps_compare("dec.t99.h", "dec.t100.h") < 0);
    assert_true(steps_compare("dec.t10.a", "dec.t09.b") < 0);
    assert_true(steps_compare("a", "b") < 0);
    assert_int_equal(steps_compare("dec.t10.a", "dec.t10.a"), 0);
    assert_int_not_equal(steps_compare("dec.t1.a", "dec.t01.a"), 0);
    assert_ok(steps_fold(&pool, &name, "dec.t98.h'", 4));
    assert_string_equal(name, "dec.t{98..101}.h'");
    assert_int_equal(steps_count(name), 4);
    assert_ok(steps_unfold(&pool, &name, "dec.t{98..101}.h'", 3));
    assert_string_equal(name, "dec.t101.h'");
    assert_ok(steps_unfold(&pool, &name, "dec.t{08..10}", 1));
    assert_string_equal(name, "dec.t09");
    assert_ok(steps_fold(&pool, &name, "dec.t03.h", 1));
    assert_string_equal(name, "dec.t03.h");
    assert_int_equal(steps_count("plain"), 1);
    static const char *const wrong[] = {"{",      "t{1..}",        "t{1..0}",    "t{..2}",
                                        "t{1,2}", "t{0..9999999}", "t{0..5000}", "t{1.2}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_int_equal(steps_count(wrong[i]), 0);
    pool_clear(&pool);
}

/* Any three names are in one order, whichever two are compared. */
static void test_steps_have_one_order(void **state) {
    (void)state;
    static const char *const name[] = {"d.t1.x", "d.t2.a", "d.t",  "d.t.x", "d",     "d.t10.x", "d.t01.x", "d.1",
                                       "d.x",    "e.t1",   "d.t1", "d.t1'", "d.t2'", "d.1.x",   "d.12"};
    const size_t n = sizeof name / sizeof name[0];
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            assert_int_equal(steps_compare(name[a], name[b]) < 0, steps_compare(name[b], name[a]) > 0);
            for (size_t c = 0; c < n; c++)
                if (steps_compare(name[a], name[b]) < 0 && steps_compare(name[b], name[c]) < 0)
                    assert_true(steps_compare(name[a], name[c]) < 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_steps_have_one_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What became of the plans that a lock holds: which cells, by how many bytes, which tensors; and what a tolerance
 * accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "harness/report/lock_diff.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "tests/lock_fixture.h"
#include "tests/record_fixture.h"

static void compare(LockDiff *out, const Lock *locked, const Lock *planned, const char *device, const char *tolerance) {
    Tolerance t;
    *out = (LockDiff){0};
    assert_ok(tolerance_parse(&t, "tolerance", tolerance, true));
    assert_ok(lock_diff(out, locked, planned, device, &t));
}

/* Adds bytes to a tensor, its module and the peak. */
static void grow(Small *s, size_t i_tensor, int64_t bytes) {
    s->tensors[0][i_tensor].bytes += bytes;
    s->modules[0][0].bytes += bytes;
    s->plan[0].peak_bytes += bytes;
}

static void assert_part(const LockPart *part, const char *name, int64_t before, int64_t after) {
    assert_string_equal(part->name, name);
    assert_int_equal(part->before, before);
    assert_int_equal(part->after, after);
}

static void test_same(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.n, 0);
    assert_int_equal(diff.n_same, 6);
    assert_int_equal(lock_diff_failures(&diff), 0);
    lock_diff_clear(&diff);
}

static void test_growth(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    grow(&b, 4, 1000);
    for (size_t step = 0; step < 3; step++) grow(&b, step, 50);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "10%");
    assert_int_equal(diff.n, 1);
    assert_int_equal(diff.change[0].kind, LOCK_GREW);
    assert_false(diff.change[0].tolerated);
    assert_int_equal(lock_diff_failures(&diff), 6);
    assert_int_equal(diff.change[0].n_tensors, 2);
    assert_part(&diff.change[0].tensors[0], "enc.y", 9000, 10000);
    assert_part(&diff.change[0].tensors[1], "dec.t{00..02}.h", 300, 450);
    assert_int_equal(diff.change[0].n_modules, 1);
    assert_int_equal(diff.change[0].smaller, 0);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "11.5%");
    assert_true(diff.change[0].tolerated);
    assert_int_equal(lock_diff_failures(&diff), 0);
    assert_int_equal(diff.n_tolerated, 6);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "1149");
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &b.lock, &a.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_SHRANK);
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &b.lock, &a.lock, "cuda", NULL);
    assert_int_equal(diff.n, 0);
    lock_diff_clear(&diff);
}

/* The same peak, otherwise made up. */
static void test_change_without_growth(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    grow(&b, 4, 60);
    grow(&b, 3, -60);
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_CHANGED);
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "0");
    assert_int_equal(lock_diff_failures(&diff), 0);
    lock_diff_clear(&diff);
    small_make(&b);
    b.plan[0].peak_node = "enc.tanh'";
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_CHANGED);
    lock_diff_clear(&diff);
}

/* Against a lock that was read, and so lacks the smaller tensors. */
static void test_tensors_come_and_go(void **state) {
    (void)state;
    Small a, b;
    Lock read = {0};
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    char *text = NULL;
    assert_ok(lock_text(&text, &a.lock));
    assert_ok(lock_parse(&read, "a.lock", text, strlen(text)));
    b.tensors[0][3].name = "enc.kept";
    b.tensors[0][4].name = "enc.x";
    b.tensors[0][5] = (RecordBytes){"tiny", 9};
    b.modules[0][0].bytes += 5;
    b.plan[0].peak_bytes += 5;
    compare(&diff, &read, &b.lock, "cpu-x", NULL);
    const LockChange *change = &diff.change[0];
    assert_int_equal(change->n_tensors, 4);
    assert_part(&change->tensors[0], "enc.x", 0, 9000);
    assert_part(&change->tensors[1], "enc.y", 9000, 0);
    assert_part(&change->tensors[2], "dec.t00.h.scratch", 640, 0);
    assert_part(&change->tensors[3], "enc.kept", 0, 640);
    assert_int_equal(change->smaller, 5);
    lock_diff_clear(&diff);
    lock_clear(&read);
    mem_free(text);
}

static void test_cells_come_and_go(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    b.cells[1].name = "rev,lambda=1";
    b.cells[0].n_seeds = 3;
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.n, 2);
    assert_int_equal(diff.n_same, 3);
    assert_int_equal(diff.change[0].kind, LOCK_NEW);
    assert_string_equal(diff.change[0].cells.item[0].name, "rev,lambda=1");
    assert_int_equal(diff.change[1].kind, LOCK_GONE);
    assert_int_equal(diff.n_cells[LOCK_GONE], 3); /* base@5, and both seeds of rev,lambda=0.5 */
    assert_int_equal(lock_diff_failures(&diff), 5);
    lock_diff_clear(&diff);
}

/* What grows by a real override is accounted for to the byte: tensors, smaller ones and gaps are the peak's growth. */
static void test_real_growth_adds_up(void **state) {
    (void)state;
    Lock before, after;
    LockDiff diff;
    lock_fixture_plan(&before, DEVICE_CPU, NULL, 0);
    lock_fixture_plan(&after, DEVICE_CPU, (const char *[]){"train.batch=6"}, 1);
    compare(&diff, &before, &after, device_class(DEVICE_CPU), NULL);
    assert_true(diff.n > 0);
    for (size_t i = 0; i < diff.n; i++) {
        const LockChange *c = &diff.change[i];
        int64_t modules = 0, tensors = c->smaller;
        tensors += lock_module_bytes(c->after, "gaps") - lock_module_bytes(c->before, "gaps");
        for (size_t k = 0; k < c->n_modules; k++) modules += c->modules[k].after - c->modules[k].before;
        for (size_t k = 0; k < c->n_tensors; k++) tensors += c->tensors[k].after - c->tensors[k].before;
        assert_int_equal(modules, c->after->peak_bytes - c->before->peak_bytes);
        assert_int_equal(tensors, c->after->peak_bytes - c->before->peak_bytes);
    }
    lock_diff_clear(&diff);
    lock_clear(&after);
    lock_clear(&before);
}

static void test_tolerance(void **state) {
    (void)state;
    Tolerance t;
    static const char *const wrong[] = {"", "%", "x%", "-1%", "5 apples", "-3", "1e999%"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_says(tolerance_parse(&t, "tolerance", wrong[i], true), ERR_ARG, "a size such as 16MiB");
    assert_says(tolerance_parse(&t, "metric-tolerance", "16MiB", false), ERR_ARG, "such as 2%");
    assert_ok(tolerance_parse(&t, "tolerance", "0.5%", true));
    assert_true(tolerance_allows(&t, 1000, 5));
    assert_false(tolerance_allows(&t, 1000, 5.01));
    assert_true(tolerance_allows(&t, -1000, 5));
    assert_ok(tolerance_parse(&t, "tolerance", "1KiB", true));
    assert_true(tolerance_allows(&t, 0, 1024));
    assert_false(tolerance_allows(&t, 1e9, 1025));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_change_without_growth),
        cmocka_unit_test(test_tensors_come_and_go),
        cmocka_unit_test(test_cells_come_and_go),
        cmocka_unit_test(test_real_growth_adds_up),
        cmocka_unit_test(test_tolerance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

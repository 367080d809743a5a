/* Counted allocation: alignment, zeroes, overflow, counters, fault injection, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/par.h"

static bool is_zero(const char *at, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (at[i] != 0) return false;
    return true;
}

static void blocks_are_zero_and_aligned(void **state) {
    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        char *block = NULL;
        assert_int_equal(mem_alloc(&block, n, 3), ERR_OK);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_true(is_zero(block, 3 * n));
        memset(block, 0xff, 3 * n); /* so that reuse would show */
        mem_free(block);
    }
}

static void sizes_that_overflow_fail(void **state) {
    (void)state;
    const size_t n[][2] = {{SIZE_MAX, 2}, {SIZE_MAX / 2, 3}, {SIZE_MAX, 1}, {SIZE_MAX - 64, 1}, {SIZE_MAX / 8, 8}};
    uint64_t live = mem_stats().live_blocks;
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        void *block = &live;
        assert_int_equal(mem_alloc(&block, n[i][0], n[i][1]), ERR_NOMEM);
        assert_null(block);
        assert_non_null(strstr(err_message(), "out of memory"));
    }
    assert_int_equal(mem_stats().live_blocks, live);
}

static void product_of_three(void **state) {
    (void)state;
    size_t out = 0;
    assert_int_equal(size_mul3(&out, 3, 5, 7), ERR_OK);
    assert_int_equal(out, 105);
    assert_int_equal(size_mul3(&out, 0, SIZE_MAX, SIZE_MAX), ERR_OK);
    assert_int_equal(out, 0);
    assert_int_equal(size_mul3(&out, SIZE_MAX, 1, 1), ERR_OK);
    assert_int_equal(out, SIZE_MAX);
    assert_int_equal(size_mul3(&out, SIZE_MAX / 2, 1, 3), ERR_ARG);
    assert_int_equal(out, 0);
    assert_int_equal(size_mul3(&out, (size_t)1 << 40, (size_t)1 << 40, 1), ERR_ARG);
}

static void growing_keeps_and_zeroes(void **state) {
    (void)state;
    int *block = NULL;
    assert_int_equal(mem_grow(&block, 0, 3, sizeof *block), ERR_OK);
    for (int i = 0; i < 3; i++) block[i] = i + 1;
    assert_int_equal(mem_grow(&block, 3, 100, sizeof *block), ERR_OK);
    for (int i = 0; i < 100; i++) assert_int_equal(block[i], i < 3 ? i + 1 : 0);
    int *before = block;
    mem_fail_at(1);
    assert_int_equal(mem_grow(&block, 100, 200, sizeof *block), ERR_NOMEM);
    assert_ptr_equal(block, before);
    assert_int_equal(block[2], 3);
    assert_int_equal(mem_grow(&block, 100, SIZE_MAX, sizeof *block), ERR_NOMEM);
    assert_ptr_equal(block, before);
    mem_free(block);
}

static void strings(void **state) {
    (void)state;
    char *text = NULL;
    assert_int_equal(mem_strdup(&text, ""), ERR_OK);
    assert_string_equal(text, "");
    mem_free(text);
    assert_int_equal(mem_strndup(&text, "focus", 3), ERR_OK);
    assert_string_equal(text, "foc");
    mem_free(text);
    assert_int_equal(mem_printf(&text, "%s@%d%0500d", "cell", 7, 0), ERR_OK);
    assert_int_equal(strlen(text), 506);
    assert_memory_equal(text, "cell@7000", 9);
    mem_free(text);
    mem_fail_at(1);
    assert_int_equal(mem_printf(&text, "%d", 1), ERR_NOMEM);
    assert_null(text);
    mem_fail_at(1);
    assert_int_equal(mem_strdup(&text, "x"), ERR_NOMEM);
    assert_null(text);
}

static void counters_add_up(void **state) {
    (void)state;
    MemStats before = mem_stats();
    char *a = NULL, *b = NULL;
    assert_int_equal(mem_alloc(&a, 100, 10), ERR_OK);
    assert_int_equal(mem_alloc(&b, 1, 24), ERR_OK);
    MemStats during = mem_stats();
    assert_int_equal(during.n_allocs, before.n_allocs + 2);
    assert_int_equal(during.live_blocks, before.live_blocks + 2);
    assert_int_equal(during.live_bytes, before.live_bytes + 1024);
    assert_true(during.peak_bytes >= during.live_bytes);
    mem_free(a);
    mem_free(b);
    mem_free(NULL);
    MemStats after = mem_stats();
    assert_int_equal(after.live_blocks, before.live_blocks);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_int_equal(after.peak_bytes, during.peak_bytes);
    assert_int_equal(after.n_allocs, during.n_allocs);
}

static void the_kth_allocation_fails_once(void **state) {
    (void)state;
    for (uint64_t k = 1; k <= 4; k++) {
        mem_fail_at(k);
        for (uint64_t i = 1; i <= 6; i++) {
            char *block = NULL;
            assert_int_equal(mem_alloc(&block, 5, 5), i == k ? ERR_NOMEM : ERR_OK);
            assert_int_equal(block == NULL, i == k);
            mem_free(block);
        }
    }
    char *block = NULL;
    mem_fail_at(1);
    mem_fail_at(0);
    assert_int_equal(mem_alloc(&block, 1, 1), ERR_OK);
    mem_free(block);
}

enum { N_TASKS = 8, N_ROUNDS = 300, N_FAILING = 100 };
static int n_failed[N_TASKS];

static void allocate_and_free(void *arg, int i_task) {
    (void)arg;
    n_failed[i_task] = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        char *block = NULL;
        if (mem_alloc(&block, (size_t)(i % 37), 11) != ERR_OK)
            n_failed[i_task]++;
        else if (!is_zero(block, (size_t)(i % 37) * 11))
            n_failed[i_task] += 1000;
        mem_free(block);
    }
}

static void threads_share_the_counters(void **state) {
    (void)state;
    Par *par = NULL;
    assert_int_equal(par_new(&par, 4), ERR_OK);
    MemStats before = mem_stats();
    mem_fail_at(N_FAILING);
    par_run(par, N_TASKS, allocate_and_free, NULL);
    MemStats after = mem_stats();
    int failed = 0;
    for (int i = 0; i < N_TASKS; i++) failed += n_failed[i];
    assert_int_equal(failed, 1);
    assert_int_equal(after.n_allocs, before.n_allocs + N_TASKS * N_ROUNDS - 1);
    assert_int_equal(after.live_blocks, before.live_blocks);
    assert_int_equal(after.live_bytes, before.live_bytes);
    par_free(par);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zero_and_aligned),
        cmocka_unit_test(sizes_that_overflow_fail),
        cmocka_unit_test(product_of_three),
        cmocka_unit_test(growing_keeps_and_zeroes),
        cmocka_unit_test(strings),
        cmocka_unit_test(counters_add_up),
        cmocka_unit_test(the_kth_allocation_fails_once),
        cmocka_unit_test(threads_share_the_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

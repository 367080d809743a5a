/* Placement against brute force on small sets of blocks; larger sets against the bound that no placement can be
 * below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/rng.h"
#include "models/place.h"
#include "tests/brute_place.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

enum { MAX_BLOCKS = 256 };

/* Lives over n_nodes nodes, most of them short, and mostly small blocks. */
static void random_blocks(PlanBlock *blocks, int n, int n_nodes, Rng *rng) {
    for (int i = 0; i < n; i++) {
        int first = (int)rng_below(rng, (uint32_t)n_nodes) - 1;
        int longest = rng_below(rng, 3) == 0 ? n_nodes - first : 4;
        int last = first + (int)rng_below(rng, (uint32_t)longest);
        if (last >= n_nodes) last = n_nodes - 1;
        if (last < 0) last = 0;
        size_t most = rng_below(rng, 4) == 0 ? 100 : 12;
        blocks[i] = (PlanBlock){.first = first, .last = last, .bytes = 64 * (1 + rng_below(rng, (uint32_t)most))};
    }
}

static size_t place_and_check(PlanBlock *blocks, int n) {
    size_t bound = brute_bound(blocks, n), total = 0, top = 0;
    OK(place_blocks(blocks, n, bound, &total));
    for (int i = 0; i < n; i++) {
        size_t end = blocks[i].offset + blocks[i].bytes;
        assert_int_equal(blocks[i].offset % 64, 0);
        if (end > top) top = end;
        for (int k = 0; k < i; k++) {
            bool apart = end <= blocks[k].offset || blocks[k].offset + blocks[k].bytes <= blocks[i].offset;
            assert_true(apart || !brute_meet(&blocks[i], &blocks[k]));
        }
    }
    assert_int_equal(top, total);
    assert_true(total >= bound);
    return total;
}

/* Of small sets nearly every one is placed as well as can be, and none much worse. */
static void test_against_all_orders(void **state) {
    (void)state;
    int n_sets = 0, n_best = 0;
    double worst = 1;
    for (uint64_t seed = 0; seed < 600; seed++) {
        PlanBlock blocks[8];
        Rng rng = rng_at(rng_stream(seed, "test.place"), 0, 0);
        int n = 3 + (int)rng_below(&rng, 5);
        random_blocks(blocks, n, 2 + (int)rng_below(&rng, 9), &rng);
        size_t best = brute_best(blocks, n), ours = place_and_check(blocks, n), bound = brute_bound(blocks, n);
        assert_true(best >= bound && ours >= best);
        n_sets++;
        n_best += ours == best;
        if ((double)ours > worst * (double)best) worst = (double)ours / (double)best;
    }
    print_message("    %d of %d sets as well as any order, the worst %.3f times\n", n_best, n_sets, worst);
    assert_true(n_best >= n_sets - 1);
    assert_true(worst <= 1.05);
}

/* A set that has no placement at its bound, the first of a search through small ones: no node has more than 4 units
 * alive, and it takes 5. */
static void test_bound_out_of_reach(void **state) {
    (void)state;
    enum { U = 64, N = 7 };
    PlanBlock blocks[N] = {{5, 6, 1 * U, 0}, {7, 7, 2 * U, 0}, {3, 5, 1 * U, 0}, {2, 2, 2 * U, 0},
                           {0, 4, 2 * U, 0}, {3, 6, 1 * U, 0}, {6, 7, 2 * U, 0}};
    assert_int_equal(brute_bound(blocks, N), 4 * U);
    assert_int_equal(brute_best(blocks, N), 5 * U);
    assert_int_equal(place_and_check(blocks, N), 5 * U);
}

static void test_large_sets(void **state) {
    (void)state;
    double sum = 0, worst = 1;
    enum { N_SETS = 60 };
    for (uint64_t seed = 0; seed < N_SETS; seed++) {
        static PlanBlock blocks[MAX_BLOCKS];
        Rng rng = rng_at(rng_stream(seed, "test.place.large"), 0, 0);
        int n = 20 + (int)rng_below(&rng, 180);
        random_blocks(blocks, n, n, &rng);
        double ratio = (double)place_and_check(blocks, n) / (double)brute_bound(blocks, n);
        sum += ratio;
        if (ratio > worst) worst = ratio;
    }
    print_message("    %d sets of up to 200 blocks: %.4f of the bound on average, the worst %.4f\n", N_SETS,
                  sum / N_SETS, worst);
    assert_true(sum / N_SETS <= 1.003);
    assert_true(worst <= 1.04);
}

/* Blocks that follow one another, two at a time, need what the largest pair needs. */
static void test_chain(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        PlanBlock blocks[100];
        Rng rng = rng_at(rng_stream(seed, "test.place.chain"), 0, 0);
        int n = 1 + (int)rng_below(&rng, 100);
        for (int i = 0; i < n; i++)
            blocks[i] = (PlanBlock){.first = i, .last = i + 1, .bytes = 64 * (1 + rng_below(&rng, 1000))};
        assert_int_equal(place_and_check(blocks, n), brute_bound(blocks, n));
    }
}

static void test_same_every_time(void **state) {
    (void)state;
    static PlanBlock a[MAX_BLOCKS], b[MAX_BLOCKS];
    Rng rng = rng_at(rng_stream(5, "test.place.same"), 0, 0);
    random_blocks(a, 150, 150, &rng);
    memcpy(b, a, sizeof a);
    (void)place_and_check(a, 150);
    (void)place_and_check(b, 150);
    for (int i = 0; i < 150; i++) assert_int_equal(a[i].offset, b[i].offset);
}

static void test_nothing_to_place(void **state) {
    (void)state;
    size_t total = 1;
    OK(place_blocks(NULL, 0, 0, &total));
    assert_int_equal(total, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_orders), cmocka_unit_test(test_bound_out_of_reach),
        cmocka_unit_test(test_large_sets),         cmocka_unit_test(test_chain),
        cmocka_unit_test(test_same_every_time),    cmocka_unit_test(test_nothing_to_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

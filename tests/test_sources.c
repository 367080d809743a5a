/* Which sources a cell used: on a small table of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "harness/grid/source_table.h"
#include "harness/grid/sources.h"
#include "kernels/mem.h"
#include "tests/fixed_options.h"

const SourceFile source_table[] = {
    {"harness/data/loader.c", "d1", "harness/data/loader.h harness/data/line.h "},
    {"harness/data/loader.h", "d2", "kernels/err.h "},
    {"harness/data/line.h", "d3", ""},
    {"harness/data/line_draw.c", "d4", "harness/data/line.h kernels/rng.h "},
    {"harness/data/linear.c", "d5", ""},
    {"harness/run/journal.c", "r1", ""},
    {"harness/run/journal.h", "r2", "models/graph.h "},
    {"harness/run/metric.h", "r3", ""},
    {"harness/run/metrics/word.c", "r4", "harness/run/metric.h kernels/tile.h "},
    {"harness/run/train.c", "r5", "harness/run/journal.h harness/run/train_step.h gen/focus.inc "},
    {"harness/run/train_step.h", "r6", ""},
    {"kernels/backend.c", "k1", ""},
    {"kernels/backend.cu", "k2", ""},
    {"kernels/err.c", "k3", ""},
    {"kernels/err.h", "k4", ""},
    {"kernels/ops/add.c", "o1", "kernels/op.h kernels/tile.h "},
    {"kernels/ops/add.cu", "o2", "kernels/cuda.cuh "},
    {"kernels/ops/conv2d.c", "o3", "kernels/conv.h "},
    {"kernels/cuda.cuh", "k5", ""},
    {"kernels/conv.c", "k6", "kernels/conv.h "},
    {"kernels/conv.h", "k7", "kernels/conv.h "},
    {"kernels/rng.h", "k8", ""},
    {"kernels/tile.c", "k9", "kernels/tile.h kernels/tile_body.h "},
    {"kernels/tile.h", "ka", "kernels/err.h "},
    {"kernels/tile_body.h", "kb", ""},
    {"models/encoder/crnn_small.c", "m1", ""},
    {"models/encoder/resnet32.c", "m2", ""},
    {"models/focus/kl.c", "m3", "models/focus/target.h "},
    {"models/focus/none.c", "m4", ""},
    {"models/focus/target.h", "m5", ""},
    {"models/graph.c", "m6", "kernels/err.h "},
    {"models/option.c", "m7", ""},
    {NULL, NULL, NULL},
};

static Settings *settings_with(const char *kind) {
    Settings *settings = NULL;
    assert_int_equal(settings_new(&settings), ERR_OK);
    assert_int_equal(settings_set(settings, "train.steps", "1"), ERR_OK);
    assert_int_equal(settings_set(settings, "focus.kind", kind), ERR_OK);
    assert_int_equal(settings_resolve(settings), ERR_OK);
    return settings;
}

static char *listing_of(const char *kind, const char *device, const char *const *ops, size_t n_ops) {
    Settings *settings = settings_with(kind);
    char *listing = NULL;
    if (sources_listing(&listing, settings, device, ops, n_ops) != ERR_OK) fail_msg("%s", err_message());
    settings_free(settings);
    return listing;
}

static const char *const always = "d1  harness/data/loader.c\n"
                                  "d2  harness/data/loader.h\n"
                                  "d3  harness/data/line.h\n"
                                  "d4  harness/data/line_draw.c\n"
                                  "r5  harness/run/train.c\n"
                                  "r6  harness/run/train_step.h\n"
                                  "k1  kernels/backend.c\n";

static void expect_listing(const char *listing, const char *rest) {
    char expected[4096];
    (void)snprintf(expected, sizeof expected, "%s%s", always, rest);
    assert_string_equal(listing, expected);
}

static void only_what_the_cell_uses(void **state) {
    (void)state;
    const char *const ops[] = {"conv2d", "add", "conv2d"};
    char *one = listing_of("none", "cpu", ops + 1, 1), *all = listing_of("kl", "cpu", ops, 3);
    expect_listing(one, "o1  kernels/ops/add.c\n"
                        "k8  kernels/rng.h\n"
                        "k9  kernels/tile.c\n"
                        "ka  kernels/tile.h\n"
                        "kb  kernels/tile_body.h\n"
                        "m1  models/encoder/crnn_small.c\n"
                        "m4  models/focus/none.c\n"
                        "m6  models/graph.c\n");
    expect_listing(all, "o1  kernels/ops/add.c\n"
                        "o3  kernels/ops/conv2d.c\n"
                        "k6  kernels/conv.c\n"
                        "k7  kernels/conv.h\n"
                        "k8  kernels/rng.h\n"
                        "k9  kernels/tile.c\n"
                        "ka  kernels/tile.h\n"
                        "kb  kernels/tile_body.h\n"
                        "m1  models/encoder/crnn_small.c\n"
                        "m3  models/focus/kl.c\n"
                        "m5  models/focus/target.h\n"
                        "m6  models/graph.c\n");
    mem_free(one);
    mem_free(all);
}

static void cuda_sources_count_on_cuda(void **state) {
    (void)state;
    const char *const ops[] = {"add"};
    char *cuda = listing_of("none", "cuda", ops, 1);
    assert_non_null(strstr(cuda, "k2  kernels/backend.cu\n"));
    assert_non_null(strstr(cuda, "o2  kernels/ops/add.cu\n"));
    assert_non_null(strstr(cuda, "k5  kernels/cuda.cuh\n"));
    mem_free(cuda);
}

static void metrics_stand_apart(void **state) {
    (void)state;
    char *listing = NULL;
    assert_int_equal(sources_listing_metrics(&listing), ERR_OK);
    assert_string_equal(listing, "r3  harness/run/metric.h\n"
                                 "r4  harness/run/metrics/word.c\n"
                                 "k9  kernels/tile.c\n"
                                 "ka  kernels/tile.h\n"
                                 "kb  kernels/tile_body.h\n");
    mem_free(listing);
}

static void what_has_no_source(void **state) {
    (void)state;
    const char *const ops[] = {"matmul"};
    Settings *settings = settings_with("original");
    char *listing = NULL;
    assert_int_equal(sources_listing(&listing, settings, "cpu", ops, 1), ERR_ARG);
    assert_string_equal(err_message(), "no source kernels/ops/matmul.c in this program");
    assert_int_equal(sources_listing(&listing, settings, "cpu", NULL, 0), ERR_ARG);
    assert_string_equal(err_message(), "no source models/focus/original.c in this program");
    assert_null(listing);
    settings_free(settings);
}

static void expect_changes(const char *before, const char *now, const char *expected) {
    char *changes = NULL;
    assert_int_equal(sources_changes(&changes, before, now), ERR_OK);
    assert_string_equal(changes, expected);
    mem_free(changes);
}

static void changes_are_named(void **state) {
    (void)state;
    expect_changes("a  x.c\nb  y.c\n", "a  x.c\nb  y.c\n", "");
    expect_changes("a  x.c\nb  y.c\nc  z.c\n", "a  x.c\nB  y.c\nc  z2.c\n",
                   "y.c changed, z.c no longer used, z2.c added");
    expect_changes("", "a  x.c\n", "x.c added");
    expect_changes("not a listing", "", "");
    char a[GRID_ID_LEN], b[GRID_ID_LEN];
    sources_digest("a  x.c\n", a);
    sources_digest("b  x.c\n", b);
    assert_string_not_equal(a, b);
    sources_digest("", a);
    assert_string_equal(a, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void every_failed_allocation_is_survived(void **state) {
    (void)state;
    const char *const ops[] = {"conv2d", "add"};
    Settings *settings = settings_with("kl");
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k++) {
        char *listing = NULL, *changes = NULL;
        mem_fail_at(k);
        err = sources_listing(&listing, settings, "cpu", ops, 2);
        if (err == ERR_OK) err = sources_changes(&changes, listing, "");
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        mem_free(listing);
        mem_free(changes);
        assert_int_equal(mem_stats().live_blocks, live);
        assert_true(k < 100);
    }
    settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_cell_uses), cmocka_unit_test(cuda_sources_count_on_cuda),
        cmocka_unit_test(metrics_stand_apart),     cmocka_unit_test(what_has_no_source),
        cmocka_unit_test(changes_are_named),       cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

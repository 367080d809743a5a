/* What is told of a cell: sparklines, text, JSON, curves as CSV and as pictures, cells by pattern. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/report/attention_sheet.h"
#include "harness/report/curve.h"
#include "harness/report/difference.h"
#include "harness/report/identity.h"
#include "harness/report/jsonio.h"
#include "harness/report/pick.h"
#include "harness/report/show.h"
#include "harness/report/spark.h"
#include "harness/report/width.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

enum { PATH = FIXTURE_PATH + 40, MAX_CELLS = 8 };

static char path[PATH];

static const char *in_folder(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", fixture_folder, name);
    return path;
}

/* ---- a study of a few cells ---- */

static void seal_as(const SampleSpec *spec, const char *folder) {
    CellRecord *record = NULL;
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_ok(sample_record(&record, spec));
    assert_ok(record_seal(record, folder));
    record_free(record);
}

/* results.h5 with baseline and revised at seeds 0 and 1, and a diverged and a missing cell; the sealed cells lie in
 * results/. */
static const char *make_study(void) {
#define CELL(name, number, chars, hits, decides, ending)                                                               \
    {                                                                                                                  \
        .variant = name, .seed = number, .accuracy = chars, .hit = hits, .rise = 0.1, .ms = 80,                        \
        .planned_bytes = 1 << 20, .identity = decides, .status = ending                                                \
    }
    static const char none[] = "focus.kind=none\ntrain.steps=40\n";
    static const char kl[] = "focus.kind=kl\nfocus.lambda=0.5\ntrain.steps=40\n";
    static const SampleSpec spec[] = {
        CELL("baseline", 0, 0.5, 0.6, none, CELL_DONE), CELL("revised", 0, 0.7, 0.9, kl, CELL_DONE),
        CELL("baseline", 1, 0.6, 0.7, none, CELL_DONE), CELL("revised", 1, 0.8, 0.9, kl, CELL_DONE),
        CELL("original", 0, 0, 0, "focus.kind=original\n", CELL_DIVERGED)};
    const size_t n = sizeof spec / sizeof *spec;
    static char folder[MAX_CELLS][PATH], name[MAX_CELLS][40], results[PATH];
    PackEntry entry[MAX_CELLS];
    assert_int_equal(mkdir(in_folder("results"), 0777), 0);
    for (size_t i = 0; i <= n; i++) {
        (void)snprintf(name[i], sizeof name[i], "%s@%d", i < n ? spec[i].variant : "original",
                       i < n ? (int)spec[i].seed : 1);
        (void)snprintf(folder[i], sizeof folder[i], "%s/results/%s-0badcafe", fixture_folder, name[i]);
        if (i < n) seal_as(&spec[i], folder[i]);
        entry[i] = (PackEntry){.name = name[i],
                               .variant = i < n ? spec[i].variant : "original",
                               .seed = i < n ? spec[i].seed : 1,
                               .folder = folder[i]};
    }
    const PackGrid grid = {
        .experiment = "study", .baseline = "baseline", .n_entries = n + 1, .entries = entry, .primary_margin = NAN};
    (void)snprintf(results, sizeof results, "%s", in_folder("results.h5"));
    assert_ok(record_pack(&grid, results));
    return results;
}

static Results *open_study(void) {
    Results *results = NULL;
    assert_ok(results_open(&results, make_study()));
    return results;
}

/* ---- small parts ---- */

static void test_spark(void **state) {
    (void)state;
    char buf[SPARK_TEXT];
    assert_string_equal(spark_text(buf, (const double[]){0, 1, 2, 3, 4, 5, 6, 7}, 8, 8), "▁▂▃▄▅▆▇█");
    assert_string_equal(spark_text(buf, (const double[]){0, 0, 7, 7}, 4, 2), "▁█");
    assert_string_equal(spark_text(buf, (const double[]){1, NAN, INFINITY, 2}, 4, 4), "▁  █");
    assert_string_equal(spark_text(buf, (const double[]){5, 5}, 2, 40), "▄▄");
    assert_string_equal(spark_text(buf, NULL, 0, 40), "");
    double many[1000];
    for (int i = 0; i < 1000; i++) many[i] = i;
    assert_int_equal(text_width(spark_text(buf, many, 1000, 1000)), SPARK_MAX);
}

static void test_identity(void **state) {
    (void)state;
    const char *text = "a.b=1\na.bc=2=3\n", *line = NULL;
    size_t len = 0;
    assert_true(identity_has(text, "a.b=1", 5));
    assert_false(identity_has(text, "a.b=", 4));
    assert_string_equal(identity_value(text, "a.bc=9", &len), "2=3\n");
    assert_int_equal(len, 3);
    assert_null(identity_value(text, "a=1", &len));
    for (int n = 0; n < 2; n++) assert_true(identity_next(&text, &line, &len));
    assert_false(identity_next(&text, &line, &len));
}

static void test_pick(void **state) {
    (void)state;
    Results *results = open_study();
    size_t *picked = NULL, n = 0;
    assert_ok(pick_cells(&picked, &n, results, NULL));
    assert_int_equal(n, 6);
    mem_free(picked);
    assert_ok(pick_cells(&picked, &n, results, "*@1"));
    assert_int_equal(n, 3);
    assert_int_equal(picked[0], 2);
    mem_free(picked);
    assert_says(pick_cells(&picked, &n, results, "revise@0"), ERR_NOTHING, "did you mean revised@0?");
    assert_null(picked);
    assert_says(pick_cells(&picked, &n, results, "zzz"), ERR_NOTHING, "its first is baseline@0");
    results_close(results);
}

/* ---- text and JSON ---- */

static char *text_of(const Results *results, size_t i) {
    Show show;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_ok(show_read(&show, results, i));
    show_text(to, &show);
    show_clear(&show);
    assert_int_equal(fclose(to), 0);
    return text;
}

#define assert_has(text, words)                                                                                        \
    do {                                                                                                               \
        if (strstr(text, words) == NULL) fail_msg("'%s' is not in:\n%s", words, text);                                 \
    } while (0)

static void test_text(void **state) {
    (void)state;
    Results *results = open_study();
    char *text = text_of(results, 1);
    assert_has(text, "revised@0  of study\n");
    assert_has(text, "  outcome    done; 40 of 40 steps; best on valid after step 30\n");
    assert_has(text, "  differs in focus.kind=kl (none)  focus.lambda=0.5  (against baseline@0)\n");
    assert_has(text, "  settings   train.steps=40\n");
    assert_has(text, "char_accuracy 0.700");
    assert_has(text, "  curves     loss                            3 █");
    assert_has(text, "valid char_accuracy          0.49 ▁▃▆█");
    assert_has(text, "planned 1.0 MiB, measured 1.0 MiB");
    assert_has(text, "peak at decoder.t00");
    assert_has(text, "4.0 s in all, 80.0 ms of processor time per step (median); resumed 1 time\n");
    assert_has(text, "2 samples at steps 20, 40");
    assert_has(text, "/results/revised@0-0badcafe/log.txt"); /* found by its digest */
    free(text);
    text = text_of(results, 0);
    assert_null(strstr(text, "differs in"));
    free(text);
    text = text_of(results, 4);
    assert_has(text, "  outcome    diverged: loss is nan; 0 of 40 steps\n");
    assert_null(strstr(text, "curves"));
    free(text);
    text = text_of(results, 5);
    assert_has(text, "  outcome    no result yet\n");
    free(text);
    results_close(results);
}

/* Every line fits into 100 columns, but for a path in it. */
static void test_text_is_wrapped(void **state) {
    (void)state;
    Results *results = open_study();
    char *text = text_of(results, 1), *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (text_width(line) > 100 && strchr(line, '/') == NULL) fail_msg("%zu columns: %s", text_width(line), line);
    free(text);
    results_close(results);
}

static void test_json(void **state) {
    (void)state;
    Results *results = open_study();
    Show show;
    assert_ok(show_read(&show, results, 1));
    json_t *object = show_json(&show);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "cell")), "revised@0");
    assert_string_equal(json_string_value(json_object_get(json_object_get(object, "decides"), "focus.kind")), "kl");
    assert_string_equal(json_string_value(json_object_get(json_object_get(object, "baseline_decides"), "focus.kind")),
                        "none");
    json_t *focus = json_object_get(json_object_get(object, "curves"), "loss_focus");
    assert_int_equal(json_array_size(focus), 40);
    assert_true(json_is_null(json_array_get(focus, 2))); /* NaN in the record */
    json_t *valid = json_object_get(json_object_get(object, "evaluation"), "valid");
    assert_true(fabs(json_real_value(json_array_get(json_object_get(valid, "char_accuracy"), 3)) - 0.7) < 1e-12);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "memory"), "planned_bytes")), 1 << 20);
    json_decref(object);
    show_clear(&show);
    results_close(results);
}

static void test_list(void **state) {
    (void)state;
    Results *results = open_study();
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_ok(show_list(to, results));
    assert_int_equal(fclose(to), 0);
    assert_has(text, "cell        steps  test char_accuracy   time  outcome\n");
    assert_has(text, "revised@1      40               0.800  4.0 s  done\n");
    assert_has(text, "diverged: loss is nan\n");
    assert_has(text, "no result yet\n");
    free(text);
    results_close(results);
}

/* ---- curves ---- */

static char *csv_of(const Results *results, CurveOptions options) {
    size_t n = 0;
    assert_ok(curve_write(results, &options, in_folder("c.csv")));
    char *text = fixture_bytes(path, &n);
    text[n] = '\0';
    return text;
}

static void test_curve_csv(void **state) {
    (void)state;
    Results *results = open_study();
    char *text = csv_of(results, (CurveOptions){.cell = "revised*", .metric = "char_accuracy", .set = "test"});
    assert_string_equal(text, "row,cell,seed,step,char_accuracy,mean,low,high,n\n"
                              "revised,revised@0,0,40,0.7,0.75,0.7,0.8,2\n"
                              "revised,revised@1,1,40,0.8,0.75,0.7,0.8,2\n");
    free(text);
    text = csv_of(results, (CurveOptions){.cell = "revised@0", .metric = "loss_focus"});
    assert_has(text, "revised,revised@0,0,1,1,1,1,1,1\n");
    assert_has(text, "revised,revised@0,0,3,,,,,1\n"); /* there is none at step 3 */
    free(text);
    text = csv_of(results, (CurveOptions){.cell = "revised@0", .metric = "grad_norm", .smooth = 3});
    assert_has(text, "revised,revised@0,0,1,1.1875,"); /* two of the three are there */
    assert_has(text, "revised,revised@0,0,2,1.25,");
    free(text);
    results_close(results);
}

static void test_curve_pictures(void **state) {
    (void)state;
    Results *results = open_study();
    static const char *const names[] = {"c.png", "c.svg", "c.pdf"}, *const heads[] = {"\x89PNG", "<?xml", "%PDF"};
    CurveOptions o = {.metric = "hit_rate"};
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        assert_ok(curve_write(results, &o, in_folder(names[i])));
        char *bytes = fixture_bytes(path, &n);
        assert_memory_equal(bytes, heads[i], 4);
        free(bytes);
    }
    o = (CurveOptions){.cell = "revised@0", .metric = "lr", .log = true}; /* flat */
    assert_ok(curve_write(results, &o, in_folder("lr.png")));
    results_close(results);
}

static void test_curve_mistakes(void **state) {
    (void)state;
    Results *results = open_study();
    CurveOptions o = {.metric = "los"};
    assert_says(curve_write(results, &o, in_folder("c.png")), ERR_NOTHING, "did you mean loss?");
    o.metric = "hit_rat";
    assert_says(curve_write(results, &o, path), ERR_NOTHING, "on any set; did you mean hit_rate?");
    o = (CurveOptions){.metric = "hit_rate", .set = "photos"};
    assert_says(curve_write(results, &o, path), ERR_NOTHING, "has 'hit_rate' on photos");
    o = (CurveOptions){.metric = "loss", .set = "test"};
    assert_says(curve_write(results, &o, path), ERR_ARG, "--set goes with a metric");
    o = (CurveOptions){.cell = "original@*", .metric = "loss"};
    assert_says(curve_write(results, &o, path), ERR_NOTHING, "no chosen cell has a curve 'loss'");
    o = (CurveOptions){.metric = "loss"};
    assert_says(curve_write(results, &o, "c.gif"), ERR_ARG, ".png, .svg, .pdf or .csv");
    assert_says(curve_write(results, &o, "/nowhere/c.csv"), ERR_CREATE, "cannot create /nowhere/c.csv");
    results_close(results);
}

/* ---- memory that runs out ---- */

static Err try_show(const Results *results) {
    Show show;
    Err err = show_read(&show, results, 1);
    FILE *to = fopen("/dev/null", "w");
    if (err == ERR_OK) show_text(to, &show);
    if (err == ERR_OK) err = show_list(to, results);
    (void)fclose(to);
    show_clear(&show);
    return err;
}

static Err try_curve(const Results *results) {
    return curve_write(results, &(CurveOptions){.metric = "loss"}, in_folder("c.svg"));
}

static Err try_attention(const Results *results) {
    return attention_sheet_write(results, &(AttentionOptions){.compare = true}, in_folder("a.svg"));
}

static Err try_difference(const Results *results) {
    Difference d;
    const char *file = results_info(results)->path;
    Err err = difference_make(&d, &(DiffSpec){file, file, "revised@*"});
    difference_clear(&d);
    return err;
}

/* The k-th allocation fails, for k spread over all of them: always the same error, and nothing is lost. A line of text
 * may be cut short instead. */
static void test_failing_allocations(void **state) {
    (void)state;
    static Err (*const tries[])(const Results *) = {try_show, try_curve, try_attention, try_difference};
    Results *results = open_study();
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        uint64_t live = mem_stats().live_blocks, before = mem_stats().n_allocs;
        assert_ok(tries[i](results));
        uint64_t n = mem_stats().n_allocs - before,
                 step = n > 12 ? n / 12 : 1; /* every so many: fonts are opened each time */
        for (uint64_t k = 1; k <= n; k += step) {
            mem_fail_at(k);
            Err err = tries[i](results);
            mem_fail_at(0);
            if (err != ERR_OK && err != ERR_NOMEM) fail_msg("try %zu, allocation %d: %s", i, (int)k, err_message());
            assert_int_equal(mem_stats().live_blocks, live);
        }
    }
    results_close(results);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spark),   cmocka_unit_test(test_identity),     IN_FOLDER(test_pick),
        IN_FOLDER(test_text),           IN_FOLDER(test_text_is_wrapped),     IN_FOLDER(test_json),
        IN_FOLDER(test_list),           IN_FOLDER(test_curve_csv),           IN_FOLDER(test_curve_pictures),
        IN_FOLDER(test_curve_mistakes), IN_FOLDER(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

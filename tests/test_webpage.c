/* The page of a study: what the answer says, cells without figures with their causes, and names that try to leave their
 * place. Its figures against the table's, and the page in a browser: tests/cli/report.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report/webpage.h"
#include "kernels/mem.h"
#include "tests/study.h"

/* The page of the study's file; the caller frees it. */
static char *page_of(const Study *study) {
    enum { ROOM = 4 << 20 };
    char path[STUDY_PATH + 20], *page = calloc(ROOM, 1);
    Results *results = NULL;
    (void)snprintf(path, sizeof path, "%s/page.html", study->folder);
    assert_ok(results_open(&results, study->path));
    assert_ok(webpage_write(results, path, false));
    results_close(results);
    FILE *file = fopen(path, "rb");
    assert_true(page != NULL && file != NULL);
    assert_true(fread(page, 1, ROOM - 1, file) > 0 && feof(file));
    (void)fclose(file);
    return page;
}

static void want(const char *page, const char *words) {
    if (strstr(page, words) == NULL) fail_msg("the page does not say: %s", words);
}

static void want_no(const char *page, const char *words) {
    if (strstr(page, words) != NULL) fail_msg("the page says: %s", words);
}

/* Seven seeds decide: verdicts in words, what diverged and what is to come. */
static void test_answer(void **state) {
    Study *study = *state;
    study_seven(study);
    char *page = page_of(study);
    want(page, "<p class=\"headline\"><b>revised</b> against baseline: char_accuracy <b>+");
    want(page,
         "<b class=\"better\">better</b> <span class=\"why\">the interval excludes zero, and p after Holm is below");
    want(page, "<b class=\"none\">the baseline</b>");
    want(page, "<svg class=\"interval s1\"");
    want(page, "1 of 7 diverged");
    want(page, "<td class=\"words\">diverged</td>");
    want(page, "<td class=\"words\">no result yet</td>");
    want(page, "MiB<span class=\"why\">");
    free(page);
}

static void test_same_bytes(void **state) {
    Study *study = *state;
    study_seven(study);
    char *first = page_of(study), *second = page_of(study);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

#define ATTACK "</script><img src=x onerror=alert(1)>\"'&amp;<!--"

static void test_hostile_names(void **state) {
    static const char *const axis = "key=" ATTACK; /* read when the study is packed */
    Study *study = *state;
    const SampleSpec base = {.variant = "baseline", .accuracy = 0.5, .hit = 0.5, .ms = 10, .planned_bytes = 1 << 20};
    for (int64_t seed = 0; seed < 2; seed++) {
        SampleSpec spec = base;
        spec.seed = seed;
        study_add(study, spec);
        spec.variant = "v" ATTACK "\xff\xe2\x80\xae";
        spec.identity = "focus.kind=" ATTACK "\n";
        study_add_with(study, &spec, &axis, NULL);
    }
    study_pack(study, (PackGrid){.experiment = "e" ATTACK,
                                 .question = "q" ATTACK,
                                 .grid = "g" ATTACK,
                                 .settings = "s" ATTACK,
                                 .baseline = "baseline",
                                 .primary_metric = "char_accuracy",
                                 .primary_variant = "v" ATTACK,
                                 .primary_margin = 0.01});
    char *page = page_of(study);
    want_no(page, "<img");
    want_no(page, "<!--");
    want_no(page, "\xff");
    want_no(page, "\xe2\x80\xae");
    want(page, "<h1>q&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;&lt;!--</h1>");
    want(page, "\"label\":\"v\\u003c/script\\u003e\\u003cimg src=x onerror=alert(1)\\u003e\\u0022'\\u0026amp;");
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, "</script>")) != NULL; at++) n++;
    assert_int_equal(n, 2);
    free(page);
}

/* Nothing is finished: the page says so and why. */
static void test_no_figures(void **state) {
    Study *study = *state;
    const SampleSpec base = {.variant = "baseline", .status = CELL_OVER_BUDGET, .planned_bytes = 1 << 30};
    study_add(study, base);
    study_pack(study, (PackGrid){.experiment = "none", .baseline = "baseline", .primary_margin = 0});
    char *page = page_of(study);
    want(page, "No cell is finished yet.");
    want(page, "<b class=\"none\">no figures</b>");
    want(page, "over budget");
    free(page);
}

/* Whatever allocation fails, there is a message, nothing leaks, and no page stands there. */
static void test_memory_runs_out(void **state) {
    Study *study = *state;
    char path[STUDY_PATH + 20];
    Results *results = NULL;
    study_seven(study);
    (void)snprintf(path, sizeof path, "%s/page.html", study->folder);
    assert_ok(results_open(&results, study->path));
    const uint64_t live = mem_stats().live_blocks, before = mem_stats().n_allocs;
    assert_ok(webpage_write(results, path, false));
    const uint64_t n = mem_stats().n_allocs - before;
    assert_int_equal(remove(path), 0);
    for (uint64_t k = 1; k <= n; k += 1 + n / 20) {
        mem_fail_at(k);
        Err err = webpage_write(results, path, false);
        mem_fail_at(0);
        assert_int_equal(err, ERR_NOMEM);
        assert_int_equal(mem_stats().live_blocks, live);
        assert_null(fopen(path, "rb"));
    }
    results_close(results);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer, study_setup, study_teardown),
        cmocka_unit_test_setup_teardown(test_same_bytes, study_setup, study_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names, study_setup, study_teardown),
        cmocka_unit_test_setup_teardown(test_no_figures, study_setup, study_teardown),
        cmocka_unit_test_setup_teardown(test_memory_runs_out, study_setup, study_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

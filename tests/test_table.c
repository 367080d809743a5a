/* Tables against golden files, byte for byte: tests/golden/table_*.txt and .md. After a change of words or layout,
 * REFOCUS_UPDATE_GOLDEN=1 writes them anew; read the difference before committing it. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/record/results.h"
#include "harness/report/format.h"
#include "harness/report/stats.h"
#include "harness/report/table.h"
#include "harness/report/width.h"
#include "kernels/mem.h"
#include "tests/study.h"

static const TableOptions as_declared = {0};

static void compare_golden(Study *study, const TableOptions *options, const char *format, const char *golden) {
    char *got = study_render(study, options, format);
    study_compare_golden(got, golden);
    if (strcmp(format, "text") == 0) /* readable at 100 columns */
        for (char *line = strtok(got, "\n"); line != NULL; line = strtok(NULL, "\n"))
            if (text_width(line) > 100) fail_msg("%s: %zu columns: %s", golden, text_width(line), line);
    free(got);
}

static void test_seven_seeds(void **state) {
    Study *study = *state;
    study_seven(study);
    compare_golden(study, &as_declared, "text", "table_seven.txt");
    compare_golden(study, &as_declared, "markdown", "table_seven.md");
    compare_golden(study, &(TableOptions){.metric = "hit_rate", .at = "20", .set = "valid"}, "text",
                   "table_seven_hit.txt");
}

/* The model's numbers, recomputed from the formulas rather than read off the text. */
static void test_numbers(void **state) {
    Study *study = *state;
    Table *table = NULL;
    study_seven(study);
    assert_ok(study_table(study, &as_declared, &table));
    const TableRow *revised = NULL, *original = NULL;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (strcmp(table->row[i].label, "revised") == 0) revised = &table->row[i];
        if (strcmp(table->row[i].label, "original") == 0) original = &table->row[i];
    }
    assert_non_null(revised);
    assert_non_null(original);
    assert_true(original->n_failures == 2 && original->is_improving && !revised->is_improving);
    for (size_t c = 0; c < table->n_columns; c++) {
        const char *key = table->column[c].key;
        const TableValue *value = &revised->value[c];
        if (strcmp(key, "char_accuracy_difference") == 0) {
            double sum = 0;
            for (int i = 0; i < 7; i++) sum += 0.047 + study_noise[(i + 3) % 7] / 4;
            assert_true(fabs(value->mean - sum / 7) < 1e-12);
            assert_true(value->low > 0.04 && value->bold);
            assert_int_equal(value->n, 7);
            assert_int_equal(original->value[c].n, 5);
            assert_false(original->value[c].bold); /* five pairs cannot reach p < .05 after Holm over three */
        }
        if (strcmp(key, "p") == 0) assert_true(value->mean == 2.0 / 128 && original->value[c].mean == 2.0 / 32);
        if (strcmp(key, "p_holm") == 0) assert_true(value->mean == 6.0 / 128 && original->value[c].mean == 4.0 / 32);
        if (strcmp(key, "verdict") == 0) {
            assert_string_equal(value->text, "better");
            assert_string_equal(original->value[c].text, "undecided");
        }
        if (strcmp(key, "planned_mib") == 0) assert_true(value->mean == 61407232.0 / 1048576);
        if (strcmp(key, "parameters") == 0) assert_true(value->mean == 15);
    }
    table_free(table);
}

/* Two seeds and no declared comparison, as a quick run has it. */
static void test_two_seeds(void **state) {
    Study *study = *state;
    for (int64_t seed = 0; seed < 2; seed++) {
        double e = seed == 0 ? 0.005 : -0.007;
        study_add(study, (SampleSpec){.variant = "baseline",
                                      .seed = seed,
                                      .accuracy = 0.52 + e,
                                      .hit = 0.81 + e,
                                      .rise = 0.1,
                                      .ms = 81,
                                      .planned_bytes = 61341696});
        study_add(study, (SampleSpec){.variant = "revised",
                                      .seed = seed,
                                      .accuracy = 0.63 - e,
                                      .hit = 0.95,
                                      .rise = 0.05,
                                      .ms = 83,
                                      .planned_bytes = 61407232});
    }
    study_pack(study, (PackGrid){.experiment = "quickstart", .baseline = "baseline", .primary_margin = NAN});
    compare_golden(study, &as_declared, "text", "table_two.txt");
    compare_golden(study, &(TableOptions){.at = "best"}, "text", "table_two_best.txt");
}

static void test_one_seed(void **state) {
    Study *study = *state;
    static const char name[] = "原型"; /* two columns a character */
    study_add(study,
              (SampleSpec){
                  .variant = "baseline", .seed = 5, .accuracy = 0.5, .hit = 0.8, .ms = 81, .planned_bytes = 61341696});
    study_add(
        study,
        (SampleSpec){.variant = name, .seed = 5, .accuracy = 0.6, .hit = 0.95, .ms = 83, .planned_bytes = 61407232});
    study_pack(study, (PackGrid){.experiment = "one", .baseline = "baseline", .primary_margin = NAN});
    char *text = study_render(study, &as_declared, "text");
    assert_null(strstr(text, "±"));
    assert_non_null(strstr(text, "It decides nothing"));
    free(text);
}

/* Rows of an axis are paired with the baseline's row at the same place, or with its only row. */
static void test_axes(void **state) {
    Study *study = *state;
    static const char *const weak = "focus.lambda=0.1", *const strong = "focus.lambda=0.5";
    for (int64_t seed = 0; seed < 3; seed++) {
        double e = 0.01 * (double)seed;
        study_add(study, (SampleSpec){.variant = "baseline",
                                      .seed = seed,
                                      .accuracy = 0.5 + e,
                                      .hit = 0.8,
                                      .ms = 80,
                                      .planned_bytes = 61341696,
                                      .identity = "train.steps=40\n"});
        study_add_with(study,
                       &(SampleSpec){.variant = "revised",
                                     .seed = seed,
                                     .accuracy = 0.6 + e,
                                     .hit = 0.9,
                                     .ms = 81,
                                     .planned_bytes = 61407232,
                                     .identity = "focus.kind=kl\nfocus.lambda=0.1\n"},
                       &weak, "c0de");
        study_add_with(study,
                       &(SampleSpec){.variant = "revised",
                                     .seed = seed,
                                     .accuracy = 0.7 - e,
                                     .hit = 0.95,
                                     .ms = 82,
                                     .planned_bytes = 61407232,
                                     .identity = "focus.kind=kl\nfocus.lambda=0.5\n"},
                       &strong, "c0de");
    }
    study_pack(study, (PackGrid){.experiment = "tune", .baseline = "baseline", .primary_margin = NAN});
    compare_golden(study, &as_declared, "text", "table_axes.txt");
}

/* Nothing finished: costs and causes are the table. */
static void test_over_budget(void **state) {
    Study *study = *state;
    for (int64_t seed = 0; seed < 2; seed++) {
        study_add(study,
                  (SampleSpec){.variant = "baseline", .seed = seed, .planned_bytes = 61341696, .status = CELL_MISSING});
        study_add(study, (SampleSpec){.variant = "original",
                                      .seed = seed,
                                      .planned_bytes = (int64_t)30 << 30,
                                      .status = CELL_OVER_BUDGET});
    }
    study_pack(study, (PackGrid){.experiment = "budget", .baseline = "baseline", .primary_margin = NAN});
    compare_golden(study, &as_declared, "text", "table_budget.txt");
}

static void says(Study *study, const TableOptions *options, Err code, const char *words) {
    Table *table = NULL;
    Err err = study_table(study, options, &table);
    if (err != code || strstr(err_message(), words) == NULL)
        fail_msg("got %d '%s', expected %d with '%s'", (int)err, err_message(), (int)code, words);
    assert_null(table);
}

static void test_wrong_options(void **state) {
    Study *study = *state;
    const Format *format = NULL;
    study_seven(study);
    says(study, &(TableOptions){.metric = "char_acuracy"}, ERR_NOTHING, "did you mean char_accuracy?");
    says(study, &(TableOptions){.set = "photos"}, ERR_NOTHING, "recorded: valid, test");
    says(study, &(TableOptions){.at = "20"}, ERR_NOTHING, "recorded: 40");
    says(study, &(TableOptions){.at = "first"}, ERR_ARG, "expected last, best or a step");
    assert_int_equal(format_find(&format, "markdwn"), ERR_ARG);
    assert_non_null(strstr(err_message(), "did you mean markdown?"));
}

/* ---- rows and columns ---- */
static void test_rows_and_columns(void **state) {
    Study *study = *state;
    study_seven(study);
    const char *const some[] = {"rev*", "original", "uniform*"}, *const none[] = {"revisd"};
    compare_golden(study,
                   &(TableOptions){.n_rows = 3,
                                   .rows = some,
                                   .columns = "n,char_accuracy,difference,hit_rate*,planned_mib,p_holm",
                                   .has_digits = true,
                                   .digits = 2},
                   "text", "table_seven_chosen.txt");
    says(study, &(TableOptions){.n_rows = 1, .rows = none}, ERR_NOTHING,
         "no row matches 'revisd'; did you mean revised?");
    says(study, &(TableOptions){.columns = "n,hit_rat"}, ERR_NOTHING, "no column 'hit_rat'; did you mean hit_rate?");
    says(study, &(TableOptions){.columns = "n,,p"}, ERR_ARG, "has an empty name");
    says(study, &(TableOptions){.columns = ""}, ERR_ARG, "names no column");
    says(study, &(TableOptions){.columns = "xyzzy"}, ERR_NOTHING, "there are n, word_accuracy, char_accuracy");
}

/* ---- several files ---- */

/* Two variants and three seeds, the second better by `gain`. */
static void small_file(Study *study, const char *experiment, const char *file, const char *baseline, double gain,
                       const char *metric) {
    for (int64_t seed = 0; seed < 3; seed++) {
        double e = 0.01 * (double)seed;
        study_add(study, (SampleSpec){.variant = baseline,
                                      .seed = seed,
                                      .accuracy = 0.5 + e,
                                      .hit = 0.8,
                                      .ms = 80,
                                      .planned_bytes = 61341696});
        study_add(study, (SampleSpec){.variant = "revised",
                                      .seed = seed,
                                      .accuracy = 0.5 + gain + e * e,
                                      .hit = 0.9,
                                      .ms = 82,
                                      .planned_bytes = 61407232});
    }
    study_pack_as(study,
                  (PackGrid){.experiment = experiment,
                             .question = "What does it gain?",
                             .baseline = baseline,
                             .primary_variant = metric != NULL ? "revised" : NULL,
                             .primary_metric = metric,
                             .primary_margin = NAN},
                  file);
}

static Err table_of(const Study *study, const char *const *file, size_t n, Table **out) {
    char path[STUDY_PATH + 80];
    Results *results[4] = {NULL};
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", study->folder, file[i]);
        assert_ok(results_open(&results[i], path));
    }
    Err err = table_build(out, (const Results *const *)results, n, &as_declared);
    for (size_t i = 0; i < n; i++) results_close(results[i]);
    return err;
}

/* Rows are paired within their file; p belongs to the file that declared the metric. */
static void test_files(void **state) {
    Study *study = *state;
    Table *table = NULL;
    small_file(study, "digits", "digits.h5", "baseline", 0.1, "char_accuracy");
    small_file(study, "kana", "kana.h5", "plain", -0.2, NULL);
    small_file(study, "kana", "kana+0badcafe.h5", "plain", 0.3, "char_accuracy");
    assert_ok(table_of(study, (const char *const[]){"digits.h5", "kana.h5"}, 2, &table));
    char *text = study_format(table, "text");
    study_compare_golden(text, "table_files.txt");
    free(text);
    table_free(table);
    assert_ok(table_of(study, (const char *const[]){"kana.h5", "kana+0badcafe.h5"}, 2, &table));
    assert_string_equal(table->row[0].label, "kana: plain"); /* one experiment: by the files' names */
    assert_string_equal(table->row[3].label, "kana+0badcafe: revised");
    table_free(table);
    assert_int_equal(table_of(study, (const char *const[]){"kana.h5", "kana.h5"}, 2, &table), ERR_ARG);
    assert_non_null(strstr(err_message(), "is named twice"));
}

/* ---- tuning ---- */
static char *tuning_note(Study *study, const char *const *trials, size_t n) {
    Table *table = NULL;
    char *note = NULL;
    for (int variant = 0; variant < 3; variant++)
        study_add(study, (SampleSpec){.variant = (const char *[]){"baseline", "revised", "shuffled"}[variant],
                                      .accuracy = 0.5,
                                      .hit = 0.8,
                                      .ms = 80,
                                      .planned_bytes = 1 << 20});
    study_pack(study, (PackGrid){.baseline = "baseline",
                                 .primary_margin = NAN,
                                 .tuning = "tune.yaml",
                                 .n_tuning_trials = n,
                                 .tuning_trials = trials});
    assert_ok(study_table(study, &as_declared, &table));
    for (size_t i = 0; i < table->n_notes; i++)
        if (strncmp(table->note[i], "Tuning", 6) == 0) note = strdup(table->note[i]);
    for (size_t c = 0; c < table->n_columns; c++)
        if (strcmp(table->column[c].key, "tuning_trials") == 0) assert_true(table->row[0].value[c].mean == 6);
    table_free(table);
    assert_non_null(note);
    return note;
}

static void test_tuning(void **state) {
    Study *study = *state;
    char *note = tuning_note(study, (const char *const[]){"baseline=6", "revised=6", "shuffled=0"}, 3);
    assert_string_equal(note,
                        "Tuning: 6 trials for each of baseline, revised in tune.yaml, with other seeds, chosen on "
                        "valid; none for shuffled.");
    free(note);
    note = tuning_note(study, (const char *const[]){"baseline=6", "revised=12", "shuffled=6"}, 3);
    assert_string_equal(note, "Tuning was not equal: revised had 12 trials in tune.yaml, others fewer (column 'tuning "
                              "trials').");
    free(note);
}

static void test_mixed_code(void **state) {
    Study *study = *state;
    SampleSpec spec = {.variant = "baseline", .accuracy = 0.5, .hit = 0.8, .ms = 81, .planned_bytes = 1 << 20};
    Table *table = NULL;
    study_add_with(study, &spec, NULL, "0ld");
    spec.seed = 1;
    study_add_with(study, &spec, NULL, "new");
    study_pack(study, (PackGrid){.primary_margin = NAN});
    says(study, &as_declared, ERR_DATA, "'baseline@0' and 'baseline@1' were trained by different code");
    assert_ok(study_table(study, &(TableOptions){.mixed_code = true}, &table));
    table_free(table);
}

/* Variants have different code in any case; what they share must be the same. */
static void add_variants(Study *study, const char *sources_of_last) {
    SampleSpec spec = {.variant = "baseline", .accuracy = 0.5, .hit = 0.8, .ms = 81, .planned_bytes = 1 << 20};
    study->sources = "aa  kernels/a.c\nbb  models/focus/none.c\n";
    study_add_with(study, &spec, NULL, "one");
    spec.variant = "revised";
    study->sources = "aa  kernels/a.c\ncc  models/focus/kl.c\n";
    study_add_with(study, &spec, NULL, "two");
    spec.seed = 1;
    study->sources = sources_of_last;
    study_add_with(study, &spec, NULL, "two");
    study_pack(study, (PackGrid){.primary_margin = NAN});
}

static void test_branches_of_their_own(void **state) {
    Study *study = *state;
    Table *table = NULL;
    add_variants(study, "aa  kernels/a.c\ncc  models/focus/kl.c\n");
    assert_ok(study_table(study, &as_declared, &table));
    table_free(table);
}

static void test_another_kernel(void **state) {
    Study *study = *state;
    Table *table = NULL;
    add_variants(study, "ab  kernels/a.c\ncc  models/focus/kl.c\n");
    says(study, &as_declared, ERR_DATA, "'baseline@0' and 'revised@1' were trained by different code: kernels/a.c; ");
    assert_ok(study_table(study, &(TableOptions){.mixed_code = true}, &table));
    table_free(table);
}

static void test_failing_allocations(void **state) {
    Study *study = *state;
    Results *results = NULL;
    Table *table = NULL;
    Err err = ERR_NOMEM;
    for (int64_t seed = 0; seed < 2; seed++) {
        study_add(study,
                  (SampleSpec){.variant = "a", .seed = seed, .accuracy = 0.5, .ms = 1, .planned_bytes = 1 << 20});
        study_add(study,
                  (SampleSpec){.variant = "b", .seed = seed, .accuracy = 0.6, .ms = 1, .planned_bytes = 1 << 20});
    }
    study_pack(study, (PackGrid){.baseline = "a", .primary_margin = NAN});
    assert_ok(results_open(&results, study->path));
    uint64_t before = mem_stats().live_blocks;
    for (uint64_t k = 1; err != ERR_OK; k += 1 + k / 60) {
        mem_fail_at(k);
        err = table_build(&table, (const Results *const[]){results}, 1, &as_declared);
        mem_fail_at(0);
        table_free(table);
        if (err != ERR_OK && err != ERR_NOMEM) fail_msg("allocation %d: %d %s", (int)k, (int)err, err_message());
        assert_int_equal(mem_stats().live_blocks, before);
    }
    results_close(results);
}

static void test_value_text(void **state) {
    (void)state;
    char buf[VALUE_LEN];
    const TableColumn plain = {.decimals = 3, .after = "", .unit = ""}, grouped = {.is_grouped = true, .after = ""};
    const TableColumn sign = {.decimals = 2, .is_signed = true, .after = ""};
    assert_string_equal(
        table_value_text(buf, &plain, &(TableValue){.kind = VALUE_SPREAD, .mean = 0.8312, .std = 0.0119}),
        "0.831 ± 0.012");
    assert_string_equal(table_value_text(buf, &plain, &(TableValue){.kind = VALUE_SPREAD, .mean = 0.8312, .std = NAN}),
                        "0.831"); /* one seed has no spread */
    assert_string_equal(
        table_value_text(buf, &sign, &(TableValue){.kind = VALUE_INTERVAL, .mean = 0.5, .low = -0.25, .high = 1.25}),
        "+0.50 [-0.25, +1.25]");
    assert_string_equal(
        table_value_text(buf, &sign, &(TableValue){.kind = VALUE_INTERVAL, .mean = -0.001, .low = NAN, .high = NAN}),
        "0.00");
    assert_string_equal(table_value_text(buf, &grouped, &(TableValue){.kind = VALUE_NUMBER, .mean = 183973}),
                        "183,973");
    assert_string_equal(table_value_text(buf, &grouped, &(TableValue){.kind = VALUE_NUMBER, .mean = 1234567}),
                        "1,234,567");
    assert_string_equal(table_value_text(buf, &grouped, &(TableValue){.kind = VALUE_NUMBER, .mean = 100}), "100");
    assert_string_equal(table_value_text(buf, &plain, &(TableValue){.kind = VALUE_NONE}), "–");
    assert_string_equal(
        table_value_text(buf, &grouped, &(TableValue){.kind = VALUE_NUMBER, .mean = 12, .remark = " (5/7)"}),
        "12 (5/7)");
    assert_int_equal(text_width("né"), 2);
    assert_int_equal(text_width("原型"), 4);
    assert_int_equal(text_width("e\xcc\x81"), 1);
    assert_int_equal(text_width("\xff"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, study_setup, study_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_value_text),
        TEST(test_seven_seeds),
        TEST(test_numbers),
        TEST(test_two_seeds),
        TEST(test_one_seed),
        TEST(test_axes),
        TEST(test_over_budget),
        TEST(test_wrong_options),
        TEST(test_mixed_code),
        TEST(test_branches_of_their_own),
        TEST(test_another_kernel),
        TEST(test_rows_and_columns),
        TEST(test_files),
        TEST(test_tuning),
        TEST(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

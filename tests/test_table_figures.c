/* A whole study's table against figures that SciPy computed from the same numbers: tests/stats_figures.py makes
 * tests/stats_figures.inc. Four variants, eight seeds, two cells that diverged; in short:
 *
 *   difference = numpy.array([accuracy[v][s] - accuracy["baseline"][s] for s in seeds that both have])
 *   difference.mean(), difference.std(ddof=1), stats.ttest_1samp(difference, 0).confidence_interval(0.95)
 *   stats.permutation_test((difference,), numpy.mean, permutation_type="samples", n_resamples=numpy.inf).pvalue
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/stats_figures.inc"
#include "tests/study.h"

static void scipy_study(Study *study) {
    for (int64_t seed = 0; seed < STUDY_SEEDS; seed++)
        for (int v = 0; v < STUDY_VARIANTS; v++) {
            const StudyFigures *f = &study_figures[v];
            study_add(study, (SampleSpec){.variant = f->variant,
                                          .seed = seed,
                                          .accuracy = f->accuracy[seed],
                                          .hit = f->hit[seed],
                                          .rise = f->rise,
                                          .ms = f->ms[seed],
                                          .planned_bytes = 1 << 20,
                                          .status = f->diverged[seed] ? CELL_DIVERGED : CELL_DONE});
        }
    study_pack(study, (PackGrid){.baseline = "baseline",
                                 .primary_variant = "revised",
                                 .primary_metric = "char_accuracy",
                                 .primary_set = "test",
                                 .primary_at = "last",
                                 .primary_margin = 0.005});
}

static const TableValue *value_of(const Table *table, const char *row, const char *key) {
    for (size_t i = 0; i < table->n_rows; i++)
        for (size_t c = 0; c < table->n_columns; c++)
            if (strcmp(table->row[i].label, row) == 0 && strcmp(table->column[c].key, key) == 0)
                return &table->row[i].value[c];
    fail_msg("no value of %s for %s", key, row);
    return NULL;
}

static void near(const char *what, double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) fail_msg("%s: got %.17g, expected %.17g", what, got, expected);
}

/* SciPy's quantiles of t are good to nine digits. */
static void check(const Table *table, const char *row, const char *key, const double expected[4]) {
    const TableValue *value = value_of(table, row, key);
    near(key, value->mean, expected[0], 1e-12);
    near(key, value->std, expected[1], 1e-12);
    near(key, value->low, expected[2], 1e-9);
    near(key, value->high, expected[3], 1e-9);
}

static void test_study(void **state) {
    Study *study = *state;
    Table *table = NULL;
    scipy_study(study);
    assert_ok(study_table(study, &(TableOptions){0}, &table));
    for (int v = 0; v < STUDY_VARIANTS; v++) {
        const StudyFigures *f = &study_figures[v];
        check(table, f->variant, "char_accuracy", f->own);
        check(table, f->variant, "char_accuracy_interval", f->own);
        if (v == 0) continue;
        check(table, f->variant, "char_accuracy_difference", f->difference);
        check(table, f->variant, "hit_rate_difference", f->hit_difference);
        check(table, f->variant, "char_accuracy_difference_equal_time", f->equal_time);
        check(table, f->variant, "time_ratio", f->time_ratio);
        near("p", value_of(table, f->variant, "p")->mean, f->p, 1e-15);
        near("p_holm", value_of(table, f->variant, "p_holm")->mean, f->p_holm, 1e-15);
        assert_int_equal(value_of(table, f->variant, "p")->n, v == 1 ? STUDY_SEEDS - 2 : STUDY_SEEDS);
    }
    table_free(table);
}

/* Holm's family is all that was compared: what --rows hides was tested all the same. */
static void test_hidden_rows_count(void **state) {
    Study *study = *state;
    Table *table = NULL;
    const char *const rows[] = {"revised"};
    scipy_study(study);
    assert_ok(study_table(study, &(TableOptions){.n_rows = 1, .rows = rows}, &table));
    assert_int_equal(table->n_rows, 1);
    near("p_holm", value_of(table, "revised", "p_holm")->mean, study_figures[2].p_holm, 1e-15);
    table_free(table);
}

/* Verdicts and bold follow from the figures: an interval without zero is not enough where p after Holm is not. */
static void test_verdicts(void **state) {
    Study *study = *state;
    Table *table = NULL;
    scipy_study(study);
    assert_ok(study_table(study, &(TableOptions){0}, &table));
    const TableValue *original = value_of(table, "original", "char_accuracy_difference");
    assert_true(original->high < 0 && study_figures[1].p_holm > 0.05 && !original->bold);
    assert_string_equal(value_of(table, "original", "verdict")->text, "undecided");
    assert_true(value_of(table, "revised", "char_accuracy_difference")->bold);
    assert_string_equal(value_of(table, "revised", "verdict")->text, "better");
    assert_string_equal(value_of(table, "shuffled", "verdict")->text, "undecided"); /* wider than the margin */
    assert_false(value_of(table, "revised", "hit_rate_difference")->bold);
    table_free(table);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, study_setup, study_teardown)
    const struct CMUnitTest tests[] = {TEST(test_study), TEST(test_hidden_rows_count), TEST(test_verdicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

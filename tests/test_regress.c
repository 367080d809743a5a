/* Results against earlier ones: what counts as worse, by metric and by how cells ended. */
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

#include "harness/record/results.h"
#include "harness/report/regress.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

enum { MAX_CELLS = 4, PATH_LEN = FIXTURE_PATH + 40 };

/* What a results file holds: one cell a variant. */
typedef struct File {
    size_t n;
    SampleSpec spec[MAX_CELLS];
    const char *cause[MAX_CELLS];
    bool no_hits; /* hit_rate on test cannot be measured */
} File;

static void spoil(CellRecord *record) {
    RecordEvaluation *test = record_find_evaluation(record, "test");
    test->value[record_find_metric(test, "hit_rate")][test->n - 1] = NAN;
}

static void make_file(const char *path, const File *file) {
    char name[MAX_CELLS][80], folder[MAX_CELLS][PATH_LEN + 20];
    PackEntry entry[MAX_CELLS];
    for (size_t i = 0; i < file->n; i++) {
        const SampleSpec *spec = &file->spec[i];
        CellRecord *record = NULL;
        (void)snprintf(name[i], sizeof name[i], "%s@%d", spec->variant, (int)spec->seed);
        (void)snprintf(folder[i], sizeof folder[i], "%s.%zu", path, i);
        assert_int_equal(mkdir(folder[i], 0777), 0);
        entry[i] = (PackEntry){name[i], spec->variant, 0, NULL, spec->seed, folder[i]};
        if (spec->status == CELL_MISSING) continue;
        assert_ok(sample_record(&record, spec));
        if (file->cause[i] != NULL) record->cause = file->cause[i];
        if (file->no_hits) spoil(record);
        assert_ok(record_seal(record, folder[i]));
        record_free(record);
    }
    const PackGrid grid = {.experiment = "study", .n_entries = file->n, .entries = entry};
    assert_ok(record_pack(&grid, path));
}

static SampleSpec cell(const char *variant, double accuracy, double hit, int64_t planned_bytes) {
    return (SampleSpec){.variant = variant, .accuracy = accuracy, .hit = hit, .ms = 80, .planned_bytes = planned_bytes};
}

/* Compares `now` with `then`; the caller clears *out. */
static Err compare(Regress *out, const File *now, const File *then, RegressSpec spec) {
    char path[2][PATH_LEN];
    (void)snprintf(path[0], PATH_LEN, "%s/now.h5", fixture_folder);
    (void)snprintf(path[1], PATH_LEN, "%s/then.h5", fixture_folder);
    make_file(path[0], now);
    make_file(path[1], then);
    spec.path = path[0];
    spec.against = path[1];
    *out = (Regress){0};
    return regress_compare(out, &spec);
}

static const RegressFigure *find(const Regress *regress, const char *cell_name, const char *figure) {
    for (size_t i = 0; i < regress->n; i++)
        if (strcmp(regress->figure[i].cell, cell_name) == 0 && strcmp(regress->figure[i].figure, figure) == 0)
            return &regress->figure[i];
    return NULL;
}

static void assert_kind(const Regress *regress, const char *cell_name, const char *figure, RegressKind kind) {
    const RegressFigure *found = find(regress, cell_name, figure);
    RegressKind got = found == NULL ? REGRESS_SAME : found->kind;
    if (got != kind)
        fail_msg("%s %s is %s, expected %s", cell_name, figure, regress_kind_name(got), regress_kind_name(kind));
}

static void test_directions(void **state) {
    (void)state;
    const File then = {.n = 2, .spec = {cell("base", 0.5, 0.8, 1000), cell("rev", 0.5, 0.8, 1000)}};
    const File now = {.n = 2, .spec = {cell("base", 0.4, 0.9, 1000), cell("rev", 0.5, 0.8, 1000)}};
    Regress out;
    assert_ok(compare(&out, &now, &then, (RegressSpec){0}));
    assert_kind(&out, "base@0", "test char_accuracy", REGRESS_WORSE);
    assert_kind(&out, "base@0", "valid word_accuracy", REGRESS_WORSE);
    assert_kind(&out, "base@0", "test hit_rate", REGRESS_BETTER);
    assert_kind(&out, "base@0", "test drift_rate", REGRESS_BETTER); /* lower is better */
    assert_kind(&out, "base@0", "test centre_error_px", REGRESS_BETTER);
    assert_int_equal(out.count[REGRESS_WORSE], 4);
    assert_int_equal(out.count[REGRESS_BETTER], 6);
    assert_int_equal(out.n_cells, 2);
    assert_int_equal(out.figure[0].kind, REGRESS_WORSE); /* first */
    assert_true(out.figure[0].before > out.figure[0].after);
    regress_clear(&out);
}

static void test_tolerances(void **state) {
    (void)state;
    const File then = {.n = 1, .spec = {cell("base", 0.50, 0.8, 1000)}};
    const File now = {.n = 1, .spec = {cell("base", 0.49, 0.8, 1100)}};
    RegressSpec spec = {0};
    Regress out;
    assert_ok(tolerance_parse(&spec.bytes, "tolerance", "100", true));
    assert_ok(tolerance_parse(&spec.metric, "metric-tolerance", "1.9%", false));
    assert_ok(compare(&out, &now, &then, spec));
    assert_kind(&out, "base@0", "planned_bytes", REGRESS_TOLERATED);
    assert_kind(&out, "base@0", "test char_accuracy", REGRESS_WORSE);
    regress_clear(&out);
    folder_remove(fixture_folder);
    assert_int_equal(mkdir(fixture_folder, 0777), 0);
    assert_ok(tolerance_parse(&spec.bytes, "tolerance", "9%", true));
    assert_ok(tolerance_parse(&spec.metric, "metric-tolerance", "2.1%", false));
    assert_ok(compare(&out, &now, &then, spec));
    assert_kind(&out, "base@0", "planned_bytes", REGRESS_WORSE);
    assert_kind(&out, "base@0", "test char_accuracy", REGRESS_TOLERATED);
    regress_clear(&out);
}

static void test_how_cells_ended(void **state) {
    (void)state;
    File then = {.n = 3,
                 .spec = {cell("base", 0.5, 0.8, 1000), cell("rev", 0.5, 0.8, 1000), cell("gone", 0.5, 0.8, 1000)}};
    File now = {.n = 3,
                .spec = {cell("base", 0.5, 0.8, 1000), cell("rev", 0.5, 0.8, 1000), cell("new", 0.5, 0.8, 1000)}};
    Regress out;
    now.spec[0].status = CELL_DIVERGED;
    now.cause[0] = "the loss is not finite at step 7";
    then.spec[1].status = CELL_FAILED;
    then.cause[1] = "killed by signal 9";
    assert_ok(compare(&out, &now, &then, (RegressSpec){0}));
    assert_kind(&out, "base@0", "status", REGRESS_WORSE);
    assert_string_equal(find(&out, "base@0", "status")->before_text, "done");
    assert_string_equal(find(&out, "base@0", "status")->after_text, "diverged: the loss is not finite at step 7");
    assert_null(find(&out, "base@0", "test char_accuracy")); /* said once */
    assert_kind(&out, "rev@0", "status", REGRESS_BETTER);
    assert_kind(&out, "gone@0", "status", REGRESS_WORSE);
    assert_string_equal(find(&out, "gone@0", "status")->after_text, "not in the file");
    assert_kind(&out, "new@0", "status", REGRESS_NEW);
    assert_int_equal(out.count[REGRESS_WORSE], 2);
    assert_int_equal(out.n_cells, 2);
    regress_clear(&out);
}

static void test_missing_in_both(void **state) {
    (void)state;
    File then = {.n = 2, .spec = {cell("base", 0.5, 0.8, 1000), cell("rev", 0.5, 0.8, 1000)}}, now = then;
    Regress out;
    then.spec[1].status = now.spec[1].status = CELL_MISSING;
    assert_ok(compare(&out, &now, &then, (RegressSpec){0}));
    assert_int_equal(out.n, 0);
    regress_clear(&out);
}

static void test_what_cannot_be_measured(void **state) {
    (void)state;
    File then = {.n = 1, .spec = {cell("base", 0.5, 0.8, 1000)}}, now = then;
    RegressSpec spec = {0};
    Regress out;
    now.no_hits = true;
    assert_ok(tolerance_parse(&spec.metric, "metric-tolerance", "1000%", false));
    assert_ok(compare(&out, &now, &then, spec));
    assert_kind(&out, "base@0", "test hit_rate", REGRESS_WORSE);
    assert_true(isnan(find(&out, "base@0", "test hit_rate")->after));
    assert_int_equal(out.n, 1);
    regress_clear(&out);
}

static void test_metrics_asked_for(void **state) {
    (void)state;
    const File then = {.n = 1, .spec = {cell("base", 0.5, 0.8, 1000)}};
    const File now = {.n = 1, .spec = {cell("base", 0.4, 0.7, 1000)}};
    Regress out;
    assert_ok(compare(&out, &now, &then, (RegressSpec){.n_metrics = 1, .metrics = (const char *[]){"hit_rate"}}));
    assert_kind(&out, "base@0", "test hit_rate", REGRESS_WORSE);
    assert_null(find(&out, "base@0", "test char_accuracy"));
    regress_clear(&out);
}

static void test_nothing_to_compare(void **state) {
    (void)state;
    const File then = {.n = 1, .spec = {cell("base", 0.5, 0.8, 1000)}};
    const File now = {.n = 1, .spec = {cell("other", 0.5, 0.8, 1000)}};
    Regress out;
    assert_says(compare(&out, &now, &then, (RegressSpec){0}), ERR_NOTHING, "have no cell of the same name");
    regress_clear(&out);
}

static void test_unknown_metric(void **state) {
    (void)state;
    const File file = {.n = 1, .spec = {cell("base", 0.5, 0.8, 1000)}};
    Regress out;
    assert_says(compare(&out, &file, &file, (RegressSpec){.n_metrics = 1, .metrics = (const char *[]){"hit_rat"}}),
                ERR_NOTHING, "did you mean hit_rate?");
    regress_clear(&out);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {TEST(test_directions),
                                       TEST(test_tolerances),
                                       TEST(test_how_cells_ended),
                                       TEST(test_missing_in_both),
                                       TEST(test_what_cannot_be_measured),
                                       TEST(test_metrics_asked_for),
                                       TEST(test_nothing_to_compare),
                                       TEST(test_unknown_metric)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

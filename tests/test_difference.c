/* Two results compared: what differs is found where it is, and what does not count does not. */
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

#include "harness/report/difference.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

enum { PATH = FIXTURE_PATH + 40 };

typedef void (*Change)(CellRecord *record);

/* Seals the plain sample, changed, into a folder of its own and returns its path. */
static const char *seal(const char *name, const SampleSpec *spec, Change change) {
    static char paths[4][PATH];
    static int next;
    char folder[PATH];
    char *path = paths[next++ % 4];
    CellRecord *record = NULL;
    (void)snprintf(folder, sizeof folder, "%s/%s", fixture_folder, name);
    (void)snprintf(path, PATH, "%s/cell.h5", folder);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_ok(sample_record(&record, spec));
    if (change != NULL) change(record);
    assert_ok(record_seal(record, folder));
    record_free(record);
    return path;
}

static void compare(Difference *d, Change change) {
    const char *a = seal("a", &fixture_plain, NULL), *b = seal("b", &fixture_plain, change);
    assert_ok(difference_make(d, &(DiffSpec){a, b, NULL}));
    assert_int_equal(d->n, 1);
}

static void change_nothing_that_counts(CellRecord *record) {
    record->times.wall_seconds = 99;
    assert_ok(record_provenance(record, "host", "elsewhere"));
    assert_ok(record_provenance(record, "version", "2.0-test"));
    record->name = "another name";
}

static void test_equal(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_nothing_that_counts);
    assert_true(difference_is_none(&d));
    assert_true(d.cell[0].is_equal);
    assert_int_equal(d.environment.n, 2);
    assert_string_equal(d.environment.item[0].key, "version");
    assert_string_equal(d.environment.item[0].a, "1.0-test");
    assert_string_equal(d.environment.item[0].b, "2.0-test");
    assert_null(d.environment.item[1].a);
    assert_string_equal(d.environment.item[1].b, "elsewhere");
    assert_string_equal(d.cell[0].name, "revised@3 and another name");
    difference_clear(&d);
}

/* One bit of one value of one step. */
static void change_a_loss(CellRecord *record) {
    float *loss = &record->curves.value[CURVE_LOSS][6];
    *loss = nextafterf(*loss, 10);
}

static void test_first_step(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_a_loss);
    assert_false(difference_is_none(&d));
    assert_int_equal(d.cell[0].first_step, 7);
    assert_int_equal(d.cell[0].step.n, 1);
    assert_string_equal(d.cell[0].step.item[0].key, "loss");
    assert_true(d.cell[0].step.item[0].a != d.cell[0].step.item[0].b);
    assert_int_equal(d.cell[0].first_evaluation, 0);
    assert_int_equal(d.cell[0].first_maps, 0);
    assert_int_equal(d.cell[0].n_params, 0);
    difference_clear(&d);
}

static void change_a_metric(CellRecord *record) { record->evaluations[0].value[2][1] += 0.25; }

static void test_evaluation(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_a_metric); /* hit_rate on valid at step 20 of 10, 20, 30, 40 */
    assert_int_equal(d.cell[0].first_step, 0);
    assert_int_equal(d.cell[0].first_evaluation, 20);
    assert_int_equal(d.cell[0].metrics.n, 0); /* the last is the same */
    difference_clear(&d);
}

static void change_the_last(CellRecord *record) {
    RecordEvaluation *valid = &record->evaluations[0];
    valid->value[0][3] = NAN;
    record->attention.maps[record->attention.n_samples * 3 * 4] += 1; /* of the second row, step 40 */
}

static void test_last_evaluation_and_maps(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_the_last);
    assert_int_equal(d.cell[0].first_evaluation, 40);
    assert_int_equal(d.cell[0].metrics.n, 1);
    assert_string_equal(d.cell[0].metrics.item[0].key, "valid char_accuracy");
    assert_true(d.cell[0].metrics.item[0].a > 0 && isnan(d.cell[0].metrics.item[0].b));
    assert_int_equal(d.cell[0].first_maps, 40);
    difference_clear(&d);
}

static void change_a_parameter(CellRecord *record) {
    static const float changed[12] = {1, 2, 3, 4, 5.5f, 6, 7, 8, 9, 10, 11, 0.0f}; /* and the sign of a zero */
    record->final.item[0].data = changed;
}

static void test_parameters(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_a_parameter);
    assert_int_equal(d.cell[0].n_params, 1); /* the bias, with its NaN, is the same */
    assert_string_equal(d.cell[0].worst_param, "decoder.weight");
    assert_true(d.cell[0].worst_by == 0.5);
    difference_clear(&d);
}

static void test_status(void **state) {
    (void)state;
    Difference d;
    SampleSpec failed = fixture_plain;
    failed.status = CELL_FAILED;
    const char *a = seal("a", &fixture_plain, NULL), *b = seal("b", &failed, NULL);
    assert_ok(difference_make(&d, &(DiffSpec){a, b, NULL}));
    assert_string_equal(d.cell[0].facts.item[0].key, "status");
    assert_string_equal(d.cell[0].facts.item[0].b, "failed");
    assert_int_equal(d.cell[0].n_a, 40);
    assert_int_equal(d.cell[0].n_b, 0);
    difference_clear(&d);
}

static void change_memory(CellRecord *record) {
    static const RecordBytes modules[] = {{"encoder", 601}, {"decoder", 423}};
    record->memory.by_module = modules;
}

/* What has no words of its own is still a difference. */
static void test_the_rest(void **state) {
    (void)state;
    Difference d;
    compare(&d, change_memory);
    assert_false(difference_is_none(&d));
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    difference_text(to, &d);
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text, "in what is recorded beside curves, evaluations, attention and parameters"));
    assert_non_null(strstr(text, "0 equal, 1 different\n"));
    free(text);
    json_t *object = difference_json(&d);
    assert_false(json_boolean_value(json_object_get(object, "equal")));
    json_decref(object);
    difference_clear(&d);
}

static void test_packed_files(void **state) {
    (void)state;
    Difference d;
    char packed[PATH];
    CellRecord *kept = NULL;
    fixture_pack(packed, sizeof packed, &kept);
    assert_ok(difference_make(&d, &(DiffSpec){packed, packed, NULL}));
    assert_int_equal(d.n, 3); /* the missing cell is missing in both */
    assert_true(difference_is_none(&d));
    difference_clear(&d);
    Err err = difference_make(&d, &(DiffSpec){packed, packed, "nothing"});
    assert_says(err, ERR_NOTHING, "has a cell 'nothing'");
    difference_clear(&d);
    err = difference_make(&d, &(DiffSpec){packed, "nowhere.h5", NULL});
    assert_says(err, ERR_MISSING, "there is no results file 'nowhere.h5'");
    difference_clear(&d);
    record_free(kept);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_equal),      IN_FOLDER(test_first_step),
        IN_FOLDER(test_evaluation), IN_FOLDER(test_last_evaluation_and_maps),
        IN_FOLDER(test_parameters), IN_FOLDER(test_status),
        IN_FOLDER(test_the_rest),   IN_FOLDER(test_packed_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

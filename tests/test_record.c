/* Sealed cells and packed results: round trip, digests, what may be added later, a second reader. What goes wrong is in
 * test_record_faults.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/record/h5.h"
#include "harness/record/record.h"
#include "harness/record/results.h"
#include "tests/record_fixture.h"

static void same_bits(const void *a, const void *b, size_t bytes) { assert_memory_equal(a, b, bytes); }

static void compare_curves(const RecordCurves *a, const RecordCurves *b) {
    assert_int_equal(a->n, b->n);
    same_bits(a->step, b->step, a->n * sizeof *a->step);
    for (int i = 0; i < CURVE_COUNT; i++) same_bits(a->value[i], b->value[i], a->n * sizeof(float));
}

static void compare_evaluations(const CellRecord *a, const CellRecord *b) {
    assert_int_equal(a->n_evaluations, b->n_evaluations);
    for (size_t s = 0; s < a->n_evaluations; s++) {
        const RecordEvaluation *x = &a->evaluations[s], *y = &b->evaluations[s];
        assert_string_equal(x->set, y->set);
        assert_int_equal(x->n, y->n);
        assert_int_equal(x->n_samples, y->n_samples);
        assert_int_equal(x->n_metrics, y->n_metrics);
        same_bits(x->step, y->step, x->n * sizeof *x->step);
        for (size_t m = 0; m < x->n_metrics; m++) {
            assert_string_equal(x->metrics[m].name, y->metrics[m].name);
            assert_string_equal(x->metrics[m].unit, y->metrics[m].unit);
            assert_string_equal(x->metrics[m].long_name, y->metrics[m].long_name);
            assert_int_equal(x->metrics[m].direction, y->metrics[m].direction);
            assert_true(isnan(x->metrics[m].chance) ? isnan(y->metrics[m].chance)
                                                    : x->metrics[m].chance == y->metrics[m].chance);
            same_bits(x->value[m], y->value[m], x->n * sizeof(double));
        }
    }
}

static void compare_attention(const RecordAttention *a, const RecordAttention *b) {
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_samples, b->n_samples);
    assert_int_equal(a->n_t, b->n_t);
    assert_int_equal(a->map_h, b->map_h);
    assert_int_equal(a->map_w, b->map_w);
    size_t e = (size_t)a->n, n = (size_t)a->n_samples, t = (size_t)a->n_t, map = (size_t)(a->map_h * a->map_w);
    same_bits(a->step, b->step, e * sizeof *a->step);
    same_bits(a->maps, b->maps, e * n * t * map * sizeof(float));
    same_bits(a->centres, b->centres, e * n * t * 2 * sizeof(float));
    same_bits(a->boxes, b->boxes, n * t * 4 * sizeof(float));
    same_bits(a->images, b->images, n * (size_t)(a->image_h * a->image_w) * 3);
    same_bits(a->map_x, b->map_x, (size_t)a->map_w * sizeof(float));
    for (size_t i = 0; i < n; i++) assert_string_equal(a->text[i], b->text[i]);
    for (size_t i = 0; i < e * n; i++) assert_string_equal(a->predicted[i], b->predicted[i]);
}

static void compare_memory(const RecordMemory *a, const RecordMemory *b) {
    assert_int_equal(a->planned_bytes, b->planned_bytes);
    assert_int_equal(a->measured_bytes, b->measured_bytes);
    assert_int_equal(a->lower_bound_bytes, b->lower_bound_bytes);
    assert_string_equal(a->peak_node, b->peak_node);
    assert_int_equal(a->n_modules, b->n_modules);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_tensors, b->n_tensors);
    assert_string_equal(a->by_role[1].name, b->by_role[1].name);
    assert_int_equal(a->by_module[1].bytes, b->by_module[1].bytes);
    for (size_t i = 0; i < a->n_nodes; i++) {
        assert_string_equal(a->timeline[i].name, b->timeline[i].name);
        assert_int_equal(a->timeline[i].bytes, b->timeline[i].bytes);
    }
    same_bits(a->timeline_by_module, b->timeline_by_module, a->n_modules * a->n_nodes * sizeof(int64_t));
    same_bits(a->timeline_by_role, b->timeline_by_role, a->n_roles * a->n_nodes * sizeof(int64_t));
    for (size_t i = 0; i < a->n_tensors; i++) {
        assert_string_equal(a->tensors[i].name, b->tensors[i].name);
        assert_string_equal(a->tensors[i].role, b->tensors[i].role);
        assert_int_equal(a->tensors[i].offset, b->tensors[i].offset);
        assert_int_equal(a->tensors[i].last, b->tensors[i].last);
    }
}

static void compare_params(const RecordParams *a, const RecordParams *b) {
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->step, b->step);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->item[i].name, b->item[i].name);
        assert_string_equal(a->item[i].role, b->item[i].role);
        assert_true(shape_equal(&a->item[i].shape, &b->item[i].shape));
        same_bits(a->item[i].data, b->item[i].data, (size_t)shape_count(&a->item[i].shape) * sizeof(float));
    }
}

static void test_round_trip(void **state) {
    (void)state;
    CellRecord *a = NULL;
    assert_ok(sample_record(&a, &fixture_plain));
    assert_ok(record_seal(a, fixture_folder));
    CellRecord *b = fixture_read(fixture_sealed, 0);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->variant, b->variant);
    assert_int_equal(a->seed, b->seed);
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->settings, b->settings);
    assert_string_equal(a->identity, b->identity);
    assert_string_equal(a->code_digest, b->code_digest);
    assert_int_equal(a->flops_per_step, b->flops_per_step);
    assert_int_equal(a->n_boxes_used, b->n_boxes_used);
    compare_curves(&a->curves, &b->curves);
    compare_evaluations(a, b);
    compare_attention(&a->attention, &b->attention);
    compare_memory(&a->memory, &b->memory);
    compare_params(&a->final, &b->final);
    compare_params(&a->best, &b->best);
    assert_true(a->times.seconds_per_step == b->times.seconds_per_step);
    assert_int_equal(a->times.n_steps, b->times.n_steps);
    assert_int_equal(b->provenance.n, 2);
    assert_string_equal(b->provenance.item[1].key, "device");
    assert_string_equal(b->provenance.item[1].value, "cpu (avx2)");
    assert_int_equal(fixture_count_files(), 1); /* nothing is left beside it */
    record_free(a);
    record_free(b);
}

static void test_same_bytes(void **state) {
    (void)state;
    size_t n = 0, m = 0;
    fixture_seal(&fixture_plain);
    char *a = fixture_bytes(fixture_sealed, &n);
    (void)unlink(fixture_sealed);
    sleep(1); /* a time stamp would differ */
    fixture_seal(&fixture_plain);
    char *b = fixture_bytes(fixture_sealed, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

static void digest_of(const CellRecord *record, char digest[65]) {
    (void)unlink(fixture_sealed);
    assert_ok(record_seal(record, fixture_folder));
    CellRecord *back = fixture_read(fixture_sealed, 0);
    (void)snprintf(digest, 65, "%s", back->digest);
    record_free(back);
}

static void test_digest_tells_contents(void **state) {
    (void)state;
    char first[65], other[65];
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, &fixture_plain));
    digest_of(record, first);
    assert_int_equal(strlen(first), 64);

    record->times.wall_seconds = 17;
    record->name = record->variant = "renamed";
    record->id = "renamed-1";
    record->axes = (const char *const[]){"focus.lambda=0.5"};
    record->n_axes = 1;
    record->code_digest = "beef";
    assert_ok(record_provenance(record, "host", "elsewhere"));
    digest_of(record, other);
    assert_string_equal(first, other); /* labels, time and place are not contents */

    uint32_t bits = 0; /* the last bit of one loss */
    memcpy(&bits, &record->curves.value[CURVE_LOSS][39], sizeof bits);
    bits ^= 1;
    memcpy(&record->curves.value[CURVE_LOSS][39], &bits, sizeof bits);
    digest_of(record, other);
    assert_string_not_equal(first, other);
    bits ^= 1;
    memcpy(&record->curves.value[CURVE_LOSS][39], &bits, sizeof bits);
    digest_of(record, other);
    assert_string_equal(first, other);

    record->evaluations[0].metrics[2].unit = "%";
    digest_of(record, other);
    assert_string_not_equal(first, other); /* attributes count */
    record->evaluations[0].metrics[2].unit = "1";
    record->attention.predicted[3] = "no";
    digest_of(record, other);
    assert_string_not_equal(first, other);
    record_free(record);
}

static void test_sealed_once(void **state) {
    (void)state;
    CellRecord *record = NULL;
    fixture_seal(&fixture_plain);
    assert_ok(sample_record(&record, &fixture_plain));
    record->times.wall_seconds = 99;
    assert_ok(record_seal(record, fixture_folder)); /* the same contents again: fine, and the first file stays */
    CellRecord *back = fixture_read(fixture_sealed, 0);
    assert_true(back->times.wall_seconds == 4);
    record_free(back);
    record->seed = 4;
    assert_says(record_seal(record, fixture_folder), ERR_CREATE, "sealed already");
    assert_int_equal(fixture_count_files(), 1);
    record_free(record);
}

static void test_failed_cells(void **state) {
    (void)state;
    SampleSpec spec = fixture_plain;
    spec.status = CELL_OVER_BUDGET;
    fixture_seal(&spec);
    CellRecord *back = fixture_read(fixture_sealed, 0);
    assert_int_equal(back->status, CELL_OVER_BUDGET);
    assert_string_equal(back->cause, "plan of 30 GiB over a budget of 24 GiB");
    assert_int_equal(back->curves.n, 0);
    assert_int_equal(back->n_evaluations, 0);
    assert_int_equal(back->memory.n_nodes, 3);
    assert_int_equal(back->memory.measured_bytes, -1);
    assert_true(isnan(back->times.seconds_per_step));
    record_free(back);
}

static void test_order_is_checked(void **state) {
    (void)state;
    CellRecord *record = NULL;
    const float value[CURVE_COUNT] = {0};
    const RecordMetric metric = {.name = "hit_rate"}, other = {.name = "drift_rate"};
    assert_ok(record_new(&record));
    assert_ok(record_step(record, 5, value));
    assert_says(record_step(record, 5, value), ERR_ARG, "step 5 was recorded after step 5");
    assert_ok(record_evaluation(record, "valid", 5, 1, &metric, &(double){1}));
    assert_says(record_evaluation(record, "valid", 6, 1, &other, &(double){1}), ERR_ARG, "then 'drift_rate'");
    assert_says(record_attention(record, 1, NULL, NULL, NULL), ERR_ARG, "before their samples");
    record_free(record);
}

static void test_no_folder(void **state) {
    (void)state;
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, &fixture_plain));
    assert_says(record_seal(record, "/nonexistent/folder"), ERR_CREATE, "cannot create '/nonexistent/folder/cell.h5");
    record->id = record->name = "";
    assert_says(record_seal(record, fixture_folder), ERR_ARG, "without a name");
    record_free(record);
}

static void test_add_evaluation(void **state) {
    (void)state;
    static const RecordMetric metric = {"word_accuracy", "1", "word accuracy", 1, NAN, false};
    CellRecord *maker = NULL;
    fixture_seal(&fixture_plain);
    CellRecord *before = fixture_read(fixture_sealed, 0);
    assert_ok(record_new(&maker));
    assert_ok(record_evaluation(maker, "photos", 40, 1, &metric, &(double){0.25}));
    maker->evaluations[0].code = "1.2 (f00d, release)";
    assert_ok(record_add_evaluation(fixture_sealed, NULL, &maker->evaluations[0], false));
    CellRecord *after = fixture_read(fixture_sealed, 0);
    assert_int_equal(after->n_evaluations, before->n_evaluations + 1);
    assert_true(record_find_evaluation(after, "photos")->value[0][0] == 0.25);
    compare_curves(&before->curves, &after->curves);
    compare_params(&before->final, &after->final);
    assert_string_not_equal(before->digest, after->digest);
    assert_says(record_add_evaluation(fixture_sealed, NULL, &maker->evaluations[0], false), ERR_ARG, "already");
    maker->evaluations[0].value[0][0] = 0.5;
    assert_ok(record_add_evaluation(fixture_sealed, "revised@3", &maker->evaluations[0], true));
    record_free(after);
    after = fixture_read(fixture_sealed, 0);
    assert_true(record_find_evaluation(after, "photos")->value[0][0] == 0.5);
    const RecordPair *last = &after->provenance.item[after->provenance.n - 1];
    assert_string_equal(last->key, "evaluation.photos");
    assert_string_equal(last->value, "1.2 (f00d, release)");
    assert_string_equal(after->code_digest, before->code_digest);
    assert_says(record_add_evaluation(fixture_sealed, "revised@4", &maker->evaluations[0], true), ERR_NOTHING,
                "did you mean revised@3?");
    assert_int_equal(fixture_count_files(), 1);
    record_free(before);
    record_free(after);
    record_free(maker);
}

static void test_revalidate(void **state) {
    (void)state;
    fixture_seal(&fixture_plain);
    CellRecord *before = fixture_read(fixture_sealed, 0);
    assert_ok(
        record_revalidate(fixture_sealed, "d00d", "d00d  a.c\n", "1.1: 20 steps and an evaluation have the same bits"));
    assert_ok(record_revalidate(fixture_sealed, "feed", "feed  a.c\n", "1.2: the same"));
    CellRecord *after = fixture_read(fixture_sealed, 0);
    assert_string_equal(after->code_digest, "feed");
    assert_string_equal(after->digest, before->digest);
    assert_string_equal(after->provenance.item[after->provenance.n - 2].key, SOURCES_KEY);
    assert_string_equal(after->provenance.item[after->provenance.n - 2].value, "feed  a.c\n");
    assert_string_equal(after->provenance.item[after->provenance.n - 1].value,
                        "1.1: 20 steps and an evaluation have the same bits\n1.2: the same");
    record_free(before);
    record_free(after);
}

/* ---- packing ---- */
static void test_pack(void **state) {
    (void)state;
    char path[FIXTURE_PATH + 20];
    CellRecord *record = NULL;
    Results *results = NULL;
    fixture_pack(path, sizeof path, &record);
    assert_ok(results_open(&results, path));
    const ResultsInfo *info = results_info(results);
    assert_string_equal(info->experiment, "drift");
    assert_string_equal(info->grid, "experiment: drift\n");
    assert_string_equal(info->primary_metric, "char_accuracy");
    assert_true(info->primary_margin == 0.01);
    assert_string_equal(info->provenance.item[0].value, "1.0");
    assert_int_equal(results_count(results), 3);
    assert_int_equal(results_cell(results, 0)->status, CELL_MISSING); /* the grid's order, not that of names */
    assert_string_equal(results_cell(results, 1)->name, "rev,focus.lambda=0.5@3");
    assert_string_equal(results_cell(results, 1)->axes[0], "focus.lambda=0.5");
    assert_string_equal(results_cell(results, 2)->name, "twin/2@3");
    assert_int_equal(results_cell(results, 2)->n_axes, 0);
    assert_string_equal(results_cell(results, 1)->digest, results_cell(results, 2)->digest);
    size_t i = 0;
    assert_ok(results_find(results, "twin/2@3", &i));
    assert_int_equal(i, 2);
    assert_ok(results_find(results, "twin_2@3", &i));
    assert_int_equal(i, 2);
    assert_says(results_find(results, NULL, &i), ERR_ARG, "has 3 cells");
    assert_ok(results_check_digest(results, 0));
    results_close(results);
    for (i = 1; i < 3; i++) {
        CellRecord *back = fixture_read(path, i);
        compare_curves(&record->curves, &back->curves);
        compare_attention(&record->attention, &back->attention);
        compare_params(&record->best, &back->best);
        assert_true(back->times.wall_seconds == 4);
        const RecordParam *weight = results_param(&back->final, "decoder.weight");
        assert_non_null(weight);
        assert_int_equal(weight->shape.rank, 3);
        assert_null(results_param(&back->final, "axis_2"));
        record_free(back);
    }
    record_free(record);
}

static void test_pack_refuses_damage(void **state) {
    (void)state;
    char one[FIXTURE_PATH + 20], cell[FIXTURE_PATH + 40], path[FIXTURE_PATH + 20];
    CellRecord *record = NULL;
    (void)snprintf(one, sizeof one, "%s/one", fixture_folder);
    (void)snprintf(cell, sizeof cell, "%s/cell.h5", one);
    (void)snprintf(path, sizeof path, "%s/results.h5", fixture_folder);
    assert_int_equal(mkdir(one, 0777), 0);
    assert_ok(sample_record(&record, &fixture_plain));
    assert_ok(record_seal(record, one));
    hid_t file = H5Fopen(cell, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "cells/revised@3-0badcafe/curves/lr", H5P_DEFAULT);
    float lr[40] = {1};
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, lr) >= 0);
    h5_close(set);
    assert_ok(h5_finish(&file));
    const PackEntry entry = {"revised@3", "revised", 0, NULL, 3, one};
    const PackGrid grid = {.experiment = "x", .primary_margin = NAN, .n_entries = 1, .entries = &entry};
    assert_says(record_pack(&grid, path), ERR_DATA, "cell 'revised@3'");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(fixture_count_files(), 1); /* the cell's fixture_folder; nothing half-made */
    record_free(record);
}

/* The same file through h5py: strings, scales on every axis, the chain of default plots. */
static void test_h5py(void **state) {
    (void)state;
    char path[FIXTURE_PATH + 20], command[3 * FIXTURE_PATH];
    CellRecord *record = NULL;
    const char *python = "python3"; /* the first of the path may be another than the one with the package */
    if (system("python3 -c 'import h5py' 2>/dev/null") != 0) python = "/usr/bin/python3";
    (void)snprintf(command, sizeof command, "%s -c 'import h5py' 2>/dev/null", python);
    if (system(command) != 0) {
        print_message(
            "[ NOTE     ] test_h5py: python3-h5py is not installed: the check by a second reader is left out\n");
        skip();
    }
    fixture_pack(path, sizeof path, &record);
    record_free(record);
    (void)snprintf(command, sizeof command, "%s tests/check_results.py '%s'", python, path);
    assert_int_equal(system(command), 0);
}

/* Text is kept as it is; where it is read to be shown, a terminal has nothing to obey. */
static void test_shown_text(void **state) {
    (void)state;
    SampleSpec spec = fixture_plain;
    Results *results = NULL;
    spec.variant = "red\x1b[31m";
    fixture_seal(&spec);
    assert_ok(results_open(&results, fixture_sealed));
    assert_string_equal(results_cell(results, 0)->variant, spec.variant);
    results_close(results);
    for (int tried = 0; tried < 2; tried++) {
        assert_ok(tried ? results_open_tried(&results, fixture_sealed, NULL, PART_ALL)
                        : results_open_shown(&results, fixture_sealed));
        assert_string_equal(results_cell(results, 0)->variant, "red\xef\xbf\xbd[31m");
        assert_ok(results_check_digest(results, 0));
        results_close(results);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_shown_text),
        TEST(test_same_bytes),
        TEST(test_digest_tells_contents),
        TEST(test_sealed_once),
        TEST(test_failed_cells),
        TEST(test_order_is_checked),
        TEST(test_no_folder),
        TEST(test_add_evaluation),
        TEST(test_revalidate),
        TEST(test_pack),
        TEST(test_pack_refuses_damage),
        TEST(test_h5py),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

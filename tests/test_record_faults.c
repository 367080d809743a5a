/* Result files that are wrong, damaged, or cannot be written: one message each, nothing half-made, no crash. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/record/h5.h"
#include "harness/record/record.h"
#include "harness/record/results.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

static void test_wrong_files(void **state) {
    (void)state;
    Results *results = NULL;
    char path[FIXTURE_PATH + 20];
    (void)snprintf(path, sizeof path, "%s/other", fixture_folder);
    assert_says(results_open(&results, path), ERR_MISSING, "there is no results file");
    assert_null(results);
    assert_says(results_open(&results, fixture_folder), ERR_MISSING, "is a folder");
    fixture_put(path, "", 0);
    assert_says(results_open(&results, path), ERR_DATA, "is empty");
    fixture_put(path, "name,value\n1,2\n", 15);
    assert_says(results_open(&results, path), ERR_DATA, "is not an HDF5 file");
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        assert_says(results_open(&results, path), ERR_MISSING, "Permission denied");
    }
}

static void test_foreign_and_newer(void **state) {
    (void)state;
    Results *results = NULL;
    hid_t file = H5I_INVALID_HID;
    char path[FIXTURE_PATH + 20];
    (void)snprintf(path, sizeof path, "%s/foreign.h5", fixture_folder);
    assert_ok(h5_create(&file, path));
    assert_ok(h5_finish(&file));
    assert_says(results_open(&results, path), ERR_DATA, "not one of refocus's results");
    fixture_seal(&fixture_plain);
    file = H5Fopen(fixture_sealed, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_ok(h5_attr_int(file, "format_version", RECORD_FORMAT_VERSION + 1));
    assert_ok(h5_finish(&file));
    assert_says(results_open(&results, fixture_sealed), ERR_DATA, "use the version that wrote it");
    file = H5Fopen(fixture_sealed, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_ok(h5_attr_int(file, "format_version", RECORD_FORMAT_VERSION));
    hid_t cell = H5Gopen2(file, "cells/revised@3-0badcafe", H5P_DEFAULT);
    assert_true(H5Ldelete(cell, "curves/loss", H5P_DEFAULT) >= 0);
    h5_close(cell);
    assert_ok(h5_finish(&file));
    CellRecord *record = NULL;
    assert_ok(results_open(&results, fixture_sealed));
    assert_says(results_read(results, 0, PART_ALL, &record), ERR_DATA, "dataset 'loss' is missing");
    assert_null(record);
    assert_says(results_check_digest(results, 0), ERR_DATA, "damaged");
    results_close(results);
}

/* Cut at 40 lengths and with 300 single bytes changed: refused, or read with the right digest or none; never a crash.
 * A changed byte may hit a gap of the file, or what only statistics count. */
static void test_damaged_files(void **state) {
    (void)state;
    Results *results = NULL;
    size_t n = 0, refused = 0;
    fixture_seal(&fixture_plain);
    char *bytes = fixture_bytes(fixture_sealed, &n);
    for (size_t i = 0; i < 40; i++) {
        fixture_put(fixture_sealed, bytes, n * i / 40);
        Err err = results_open(&results, fixture_sealed);
        if (err != ERR_DATA) fail_msg("cut at %zu of %zu: %d %s", n * i / 40, n, (int)err, err_message());
    }
    assert_non_null(strstr(err_message(), "damaged or cut short"));
    uint64_t random = 12345;
    for (int i = 0; i < 300; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(random >> 33) % n;
        bytes[at] = (char)(bytes[at] ^ 0x55);
        fixture_put(fixture_sealed, bytes, n);
        bytes[at] = (char)(bytes[at] ^ 0x55);
        CellRecord *record = NULL;
        Err err = results_open(&results, fixture_sealed);
        if (err == ERR_OK) err = results_read(results, 0, PART_ALL, &record);
        if (err == ERR_OK) err = results_check_digest(results, 0);
        if (err != ERR_OK) refused++;
        if (err != ERR_OK && err != ERR_DATA) fail_msg("byte %zu: %d %s", at, (int)err, err_message());
        record_free(record);
        results_close(results);
        results = NULL;
    }
    assert_in_range(refused, 295, 300); /* a byte of the stamp's first words only takes the stamp away */
    free(bytes);
}

/* ---- writing that fails: what is done to the files, by the name of its cell ---- */
typedef Err (*Action)(void);

static Err action_seal(void) {
    CellRecord *record = NULL;
    Err err = sample_record(&record, &fixture_plain);
    if (err == ERR_OK) err = record_seal(record, fixture_folder);
    record_free(record);
    return err;
}

static Err action_pack(void) {
    const PackEntry entry[] = {{"revised@3", "revised", 0, NULL, 3, fixture_folder},
                               {"twin@3", "twin", 0, NULL, 3, fixture_folder}};
    const PackGrid grid = {.experiment = "x", .primary_margin = NAN, .n_entries = 2, .entries = entry};
    char path[FIXTURE_PATH + 20];
    (void)snprintf(path, sizeof path, "%s/results.h5", fixture_folder);
    return record_pack(&grid, path);
}

static Err action_add(void) {
    static const RecordMetric metric = {"word_accuracy", "1", "word accuracy", 1, NAN, false};
    CellRecord *maker = NULL;
    Err err = record_new(&maker);
    if (err == ERR_OK) err = record_evaluation(maker, "photos", 40, 1, &metric, &(double){0.25});
    if (err == ERR_OK) err = record_add_evaluation(fixture_sealed, NULL, &maker->evaluations[0], true);
    record_free(maker);
    return err;
}

static const struct {
    const char *name;
    Action run;
    bool needs_sealed;
} actions[] = {{"seal", action_seal, false}, {"pack", action_pack, true}, {"add", action_add, true}};
enum { N_ACTIONS = sizeof actions / sizeof *actions };

/* The first allocations one by one, later ones with growing steps: places repeat there. */
static uint64_t next_fault(uint64_t k) { return k + 1 + k / 40; }

static void test_failing_allocations(void **state) {
    (void)state;
    for (int a = 0; a < N_ACTIONS; a++) {
        (void)unlink(fixture_sealed);
        if (actions[a].needs_sealed) fixture_seal(&fixture_plain);
        uint64_t before = mem_stats().live_blocks;
        size_t files = fixture_count_files();
        Err err = ERR_NOMEM;
        for (uint64_t k = 1; err != ERR_OK; k = next_fault(k)) {
            mem_fail_at(k);
            err = actions[a].run();
            mem_fail_at(0);
            if (err != ERR_OK && err != ERR_NOMEM)
                fail_msg("%s, allocation %d: %d %s", actions[a].name, (int)k, (int)err, err_message());
            assert_int_equal(mem_stats().live_blocks, before);
            if (err != ERR_OK && fixture_count_files() != files)
                fail_msg("%s, allocation %d: failed and left a file", actions[a].name, (int)k);
            if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
                fail_msg("%s, allocation %d: left HDF5 objects open", actions[a].name, (int)k);
        }
    }
}

static void test_failing_allocations_of_reading(void **state) {
    (void)state;
    Results *results = NULL;
    CellRecord *record = NULL;
    Err err = ERR_NOMEM;
    fixture_seal(&fixture_plain);
    uint64_t before = mem_stats().live_blocks;
    for (uint64_t k = 1; err != ERR_OK; k = next_fault(k)) {
        mem_fail_at(k);
        err = results_open(&results, fixture_sealed);
        if (err == ERR_OK) err = results_read(results, 0, PART_ALL, &record);
        mem_fail_at(0);
        record_free(record);
        results_close(results);
        record = NULL;
        results = NULL;
        if (err != ERR_OK && err != ERR_NOMEM) fail_msg("allocation %d: %d %s", (int)k, (int)err, err_message());
        assert_int_equal(mem_stats().live_blocks, before);
    }
}

/* On a disk that is full after `limit` bytes; in a child, since the library keeps what it could not write. The child
 * leaves through exit(): its handlers may not hang over that. */
static int on_full_disk(Action run, rlim_t limit) {
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
        Err err = run();
        exit(err == ERR_OK ? 0 : err == ERR_IO ? 7 : err == ERR_CREATE ? 8 : 9);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_full_disk(void **state) {
    (void)state;
    struct stat info;
    fixture_seal(&fixture_plain);
    assert_int_equal(stat(fixture_sealed, &info), 0);
    const rlim_t size = (rlim_t)info.st_size;
    for (int a = 0; a < N_ACTIONS; a++) {
        (void)unlink(fixture_sealed);
        if (actions[a].needs_sealed) fixture_seal(&fixture_plain);
        size_t files = fixture_count_files();
        for (rlim_t limit = 0; limit < size; limit += size / 31) {
            int code = on_full_disk(actions[a].run, limit);
            if (code != 7 && code != 8) fail_msg("%s, limit %d: exit %d", actions[a].name, (int)limit, code);
            if (fixture_count_files() != files) fail_msg("%s, limit %d: left a file", actions[a].name, (int)limit);
        }
        /* HDF5 takes room in blocks and gives back what it did not need. */
        assert_int_equal(on_full_disk(actions[a].run, 2 * size + 65536), 0);
        record_free(fixture_read(fixture_sealed, 0));
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_files),
        TEST(test_foreign_and_newer),
        TEST(test_damaged_files),
        TEST(test_failing_allocations),
        TEST(test_failing_allocations_of_reading),
        TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* See record_fixture.h. */
#include "tests/record_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/record/results.h"

char fixture_folder[FIXTURE_PATH], fixture_sealed[FIXTURE_PATH + 20];

const SampleSpec fixture_plain = {
    .variant = "revised", .seed = 3, .accuracy = 0.75, .hit = 0.96, .rise = 0.1, .ms = 80, .planned_bytes = 64 << 20};

int fixture_setup(void **state) {
    (void)state;
    folder_make(fixture_folder, sizeof fixture_folder);
    (void)snprintf(fixture_sealed, sizeof fixture_sealed, "%s/cell.h5", fixture_folder);
    return 0;
}

int fixture_teardown(void **state) {
    (void)state;
    folder_remove(fixture_folder);
    return 0;
}

void fixture_ok(Err err, const char *call) {
    if (err != ERR_OK) fail_msg("%s: %s", call, err_message());
}

void assert_says(Err got, Err code, const char *words) {
    if (got != code || strstr(err_message(), words) == NULL)
        fail_msg("got %d '%s', expected %d with '%s'", (int)got, err_message(), (int)code, words);
}

void fixture_seal(const SampleSpec *spec) {
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, spec));
    assert_ok(record_seal(record, fixture_folder));
    record_free(record);
}

CellRecord *fixture_read(const char *path, size_t i) {
    Results *results = NULL;
    CellRecord *record = NULL;
    assert_ok(results_open(&results, path));
    assert_ok(results_read(results, i, PART_ALL, &record));
    assert_ok(results_check_digest(results, i));
    results_close(results);
    return record;
}

size_t fixture_count_files(void) {
    char command[FIXTURE_PATH + 40];
    size_t n = 0;
    (void)snprintf(command, sizeof command, "ls -A '%s' | wc -l", fixture_folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &n), 1);
    (void)pclose(pipe);
    return n;
}

char *fixture_bytes(const char *path, size_t *n) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat info;
    assert_int_equal(fstat(fileno(file), &info), 0);
    char *bytes = malloc((size_t)info.st_size + 1);
    assert_non_null(bytes);
    *n = fread(bytes, 1, (size_t)info.st_size, file);
    (void)fclose(file);
    return bytes;
}

void fixture_put(const char *path, const char *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

void fixture_pack(char *out, size_t len, CellRecord **kept) {
    char one[FIXTURE_PATH + 20], two[FIXTURE_PATH + 20];
    (void)snprintf(one, sizeof one, "%s/one", fixture_folder);
    (void)snprintf(two, sizeof two, "%s/two", fixture_folder);
    (void)snprintf(out, len, "%s/results.h5", fixture_folder);
    assert_int_equal(mkdir(one, 0777), 0);
    assert_int_equal(mkdir(two, 0777), 0);
    assert_ok(sample_record(kept, &fixture_plain));
    assert_ok(record_seal(*kept, one));
    const PackEntry entries[] = {
        {"base@0", "base", 0, NULL, 0, two},
        {"rev,focus.lambda=0.5@3", "rev", 1, (const char *const[]){"focus.lambda=0.5"}, 3, one},
        {"twin/2@3", "twin", 0, NULL, 3, one}};
    const RecordPair pair = {"version", "1.0"};
    const PackGrid grid = {.experiment = "drift",
                           .question = "does it help?",
                           .grid = "experiment: drift\n",
                           .settings = "a: 1\n",
                           .baseline = "base",
                           .primary_variant = "rev",
                           .primary_metric = "char_accuracy",
                           .primary_set = "test",
                           .primary_at = "last",
                           .primary_margin = 0.01,
                           .n_pairs = 1,
                           .provenance = &pair,
                           .n_entries = 3,
                           .entries = entries};
    assert_ok(record_pack(&grid, out));
}

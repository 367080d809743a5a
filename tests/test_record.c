/* Sealed cells and packed results: round trip, digests, refusal of wrong files, faults at every allocation and at
 * every size of a full disk. */
#include <errno.h>
#include <fcntl.h>
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

#include "harness/record/file.h"
#include "harness/record/h5.h"
#include "harness/record/record.h"
#include "harness/record/results.h"
#include "kernels/mem.h"
#include "tests/sample_record.h"

enum { PATH_LEN = 600 };

static char folder[PATH_LEN], sealed[PATH_LEN + 20];

static const SampleSpec plain = {
    .variant = "revised", .seed = 3, .accuracy = 0.75, .hit = 0.96, .rise = 0.1, .ms = 80, .planned_bytes = 64 << 20};

static int setup(void **state) {
    (void)state;
    folder_make(folder, sizeof folder);
    (void)snprintf(sealed, sizeof sealed, "%s/cell.h5", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    folder_remove(folder);
    return 0;
}

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        if ((call) != ERR_OK) fail_msg("%s: %s", #call, err_message());                                                \
    } while (0)

static void assert_says(Err got, Err code, const char *words) {
    if (got != code || strstr(err_message(), words) == NULL)
        fail_msg("got %d '%s', expected %d with '%s'", (int)got, err_message(), (int)code, words);
}

static void seal(const SampleSpec *spec) {
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, spec));
    assert_ok(record_seal(record, folder));
    record_free(record);
}

static CellRecord *read_back(const char *path, size_t i) {
    Results *results = NULL;
    CellRecord *record = NULL;
    assert_ok(results_open(&results, path));
    assert_ok(results_read(results, i, PART_ALL, &record));
    assert_ok(results_check_digest(results, i));
    results_close(results);
    return record;
}

static size_t files_in_folder(void) {
    char command[PATH_LEN + 40];
    size_t n = 0;
    (void)snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &n), 1);
    (void)pclose(pipe);
    return n;
}

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
    assert_ok(sample_record(&a, &plain));
    assert_ok(record_seal(a, folder));
    CellRecord *b = read_back(sealed, 0);
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
    assert_int_equal(files_in_folder(), 1); /* nothing is left beside it */
    record_free(a);
    record_free(b);
}

static char *file_bytes(const char *path, size_t *n) {
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

static void put_bytes(const char *path, const char *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void test_same_bytes(void **state) {
    (void)state;
    size_t n = 0, m = 0;
    seal(&plain);
    char *a = file_bytes(sealed, &n);
    (void)unlink(sealed);
    sleep(1); /* a time stamp would differ */
    seal(&plain);
    char *b = file_bytes(sealed, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

static void digest_of(const CellRecord *record, char digest[65]) {
    (void)unlink(sealed);
    assert_ok(record_seal(record, folder));
    CellRecord *back = read_back(sealed, 0);
    (void)snprintf(digest, 65, "%s", back->digest);
    record_free(back);
}

static void test_digest_tells_contents(void **state) {
    (void)state;
    char first[65], other[65];
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, &plain));
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
    seal(&plain);
    assert_ok(sample_record(&record, &plain));
    record->times.wall_seconds = 99;
    assert_ok(record_seal(record, folder)); /* the same contents again: fine, and the first file stays */
    CellRecord *back = read_back(sealed, 0);
    assert_true(back->times.wall_seconds == 4);
    record_free(back);
    record->seed = 4;
    assert_says(record_seal(record, folder), ERR_CREATE, "sealed already");
    assert_int_equal(files_in_folder(), 1);
    record_free(record);
}

static void test_failed_cells(void **state) {
    (void)state;
    SampleSpec spec = plain;
    spec.status = CELL_OVER_BUDGET;
    seal(&spec);
    CellRecord *back = read_back(sealed, 0);
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

static void test_wrong_files(void **state) {
    (void)state;
    Results *results = NULL;
    char path[PATH_LEN + 20];
    (void)snprintf(path, sizeof path, "%s/other", folder);
    assert_says(results_open(&results, path), ERR_MISSING, "there is no results file");
    assert_null(results);
    assert_says(results_open(&results, folder), ERR_MISSING, "is a folder");
    put_bytes(path, "", 0);
    assert_says(results_open(&results, path), ERR_DATA, "is empty");
    put_bytes(path, "name,value\n1,2\n", 15);
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
    char path[PATH_LEN + 20];
    (void)snprintf(path, sizeof path, "%s/foreign.h5", folder);
    assert_ok(h5_create(&file, path));
    assert_ok(h5_finish(&file));
    assert_says(results_open(&results, path), ERR_DATA, "not one of refocus's results");
    seal(&plain);
    file = H5Fopen(sealed, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_ok(h5_attr_int(file, "format_version", RECORD_FORMAT_VERSION + 1));
    assert_ok(h5_finish(&file));
    assert_says(results_open(&results, sealed), ERR_DATA, "reads up to 1");
    file = H5Fopen(sealed, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_ok(h5_attr_int(file, "format_version", RECORD_FORMAT_VERSION));
    hid_t cell = H5Gopen2(file, "cells/revised@3-0badcafe", H5P_DEFAULT);
    assert_true(H5Ldelete(cell, "curves/loss", H5P_DEFAULT) >= 0);
    h5_close(cell);
    assert_ok(h5_finish(&file));
    CellRecord *record = NULL;
    assert_ok(results_open(&results, sealed));
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
    seal(&plain);
    char *bytes = file_bytes(sealed, &n);
    for (size_t i = 0; i < 40; i++) {
        put_bytes(sealed, bytes, n * i / 40);
        Err err = results_open(&results, sealed);
        if (err != ERR_DATA) fail_msg("cut at %zu of %zu: %d %s", n * i / 40, n, (int)err, err_message());
    }
    assert_non_null(strstr(err_message(), "damaged or cut short"));
    uint64_t random = 12345;
    for (int i = 0; i < 300; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(random >> 33) % n;
        bytes[at] = (char)(bytes[at] ^ 0x55);
        put_bytes(sealed, bytes, n);
        bytes[at] = (char)(bytes[at] ^ 0x55);
        CellRecord *record = NULL;
        Err err = results_open(&results, sealed);
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

/* The first allocations one by one, later ones with growing steps: places repeat there. */
static uint64_t next_fault(uint64_t k) { return k + 1 + k / 40; }

static void test_failing_allocations(void **state) {
    (void)state;
    CellRecord *record = NULL;
    uint64_t before = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k = next_fault(k)) {
        mem_fail_at(k);
        err = sample_record(&record, &plain);
        if (err == ERR_OK) err = record_seal(record, folder);
        mem_fail_at(0);
        record_free(record);
        record = NULL;
        if (err != ERR_OK && err != ERR_NOMEM) fail_msg("allocation %d: %d %s", (int)k, (int)err, err_message());
        assert_int_equal(mem_stats().live_blocks, before);
        if (err != ERR_OK && access(sealed, F_OK) == 0) fail_msg("allocation %d: sealed and failed", (int)k);
        if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
            fail_msg("allocation %d leaves HDF5 objects", (int)k);
    }
    Results *results = NULL;
    err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k = next_fault(k)) {
        mem_fail_at(k);
        err = results_open(&results, sealed);
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

/* A disk that is full after `limit` bytes, in a child, since the library keeps what it could not write. */
static int seal_on_full_disk(rlim_t limit) {
    pid_t child = fork();
    if (child == 0) {
        CellRecord *record = NULL;
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
        Err err = sample_record(&record, &plain);
        if (err == ERR_OK) err = record_seal(record, folder);
        record_free(record);
        exit(err == ERR_OK       ? 0
             : err == ERR_IO     ? 7
             : err == ERR_CREATE ? 8
                                 : 9); /* exit handlers run: they may not hang */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_full_disk(void **state) {
    (void)state;
    struct stat info;
    seal(&plain);
    assert_int_equal(stat(sealed, &info), 0);
    assert_int_equal(unlink(sealed), 0);
    for (rlim_t limit = 0; limit < (rlim_t)info.st_size; limit += (rlim_t)info.st_size / 12) {
        int code = seal_on_full_disk(limit);
        if (code != 7 && code != 8) fail_msg("limit %d: exit %d", (int)limit, code);
        assert_int_equal(files_in_folder(), 0);
    }
    assert_int_equal(seal_on_full_disk((rlim_t)info.st_size + 65536), 0); /* HDF5 takes in blocks and gives back */
    record_free(read_back(sealed, 0));
}

static void test_no_folder(void **state) {
    (void)state;
    CellRecord *record = NULL;
    assert_ok(sample_record(&record, &plain));
    assert_says(record_seal(record, "/nonexistent/folder"), ERR_CREATE, "cannot create '/nonexistent/folder/cell.h5");
    record->id = record->name = "";
    assert_says(record_seal(record, folder), ERR_ARG, "without a name");
    record_free(record);
}

static void test_add_evaluation(void **state) {
    (void)state;
    static const RecordMetric metric = {"word_accuracy", "1", "word accuracy", 1, NAN, false};
    CellRecord *maker = NULL;
    seal(&plain);
    CellRecord *before = read_back(sealed, 0);
    assert_ok(record_new(&maker));
    assert_ok(record_evaluation(maker, "photos", 40, 1, &metric, &(double){0.25}));
    assert_ok(record_add_evaluation(sealed, NULL, &maker->evaluations[0], false));
    CellRecord *after = read_back(sealed, 0);
    assert_int_equal(after->n_evaluations, before->n_evaluations + 1);
    assert_true(record_find_evaluation(after, "photos")->value[0][0] == 0.25);
    compare_curves(&before->curves, &after->curves);
    compare_params(&before->final, &after->final);
    assert_string_not_equal(before->digest, after->digest);
    assert_says(record_add_evaluation(sealed, NULL, &maker->evaluations[0], false), ERR_ARG, "already");
    maker->evaluations[0].value[0][0] = 0.5;
    assert_ok(record_add_evaluation(sealed, "revised@3", &maker->evaluations[0], true));
    record_free(after);
    after = read_back(sealed, 0);
    assert_true(record_find_evaluation(after, "photos")->value[0][0] == 0.5);
    assert_says(record_add_evaluation(sealed, "revised@4", &maker->evaluations[0], true), ERR_NOTHING,
                "did you mean revised@3?");
    assert_int_equal(files_in_folder(), 1);
    record_free(before);
    record_free(after);
    record_free(maker);
}

static void test_revalidate(void **state) {
    (void)state;
    seal(&plain);
    CellRecord *before = read_back(sealed, 0);
    assert_ok(record_revalidate(sealed, "d00d", "1.1: 20 steps and an evaluation have the same bits"));
    assert_ok(record_revalidate(sealed, "feed", "1.2: the same"));
    CellRecord *after = read_back(sealed, 0);
    assert_string_equal(after->code_digest, "feed");
    assert_string_equal(after->digest, before->digest);
    assert_string_equal(after->provenance.item[after->provenance.n - 1].value,
                        "1.1: 20 steps and an evaluation have the same bits\n1.2: the same");
    record_free(before);
    record_free(after);
}

/* ---- packing ---- */
static void pack_three(char *out, size_t len, CellRecord **kept) {
    char one[PATH_LEN + 20], two[PATH_LEN + 20];
    (void)snprintf(one, sizeof one, "%s/one", folder);
    (void)snprintf(two, sizeof two, "%s/two", folder);
    (void)snprintf(out, len, "%s/results.h5", folder);
    assert_int_equal(mkdir(one, 0777), 0);
    assert_int_equal(mkdir(two, 0777), 0);
    assert_ok(sample_record(kept, &plain));
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

static void test_pack(void **state) {
    (void)state;
    char path[PATH_LEN + 20];
    CellRecord *record = NULL;
    Results *results = NULL;
    pack_three(path, sizeof path, &record);
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
        CellRecord *back = read_back(path, i);
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
    char one[PATH_LEN + 20], cell[PATH_LEN + 40], path[PATH_LEN + 20];
    CellRecord *record = NULL;
    (void)snprintf(one, sizeof one, "%s/one", folder);
    (void)snprintf(cell, sizeof cell, "%s/cell.h5", one);
    (void)snprintf(path, sizeof path, "%s/results.h5", folder);
    assert_int_equal(mkdir(one, 0777), 0);
    assert_ok(sample_record(&record, &plain));
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
    assert_int_equal(files_in_folder(), 1); /* the cell's folder; nothing half-made */
    record_free(record);
}

/* The same file through h5py: strings, scales on every axis, the chain of default plots. */
static void test_h5py(void **state) {
    (void)state;
    char path[PATH_LEN + 20], command[3 * PATH_LEN];
    CellRecord *record = NULL;
    const char *python = "python3"; /* the first of the path may be another than the one with the package */
    if (system("python3 -c 'import h5py' 2>/dev/null") != 0) python = "/usr/bin/python3";
    (void)snprintf(command, sizeof command, "%s -c 'import h5py' 2>/dev/null", python);
    if (system(command) != 0) {
        print_message(
            "[ NOTE     ] test_h5py: python3-h5py is not installed: the check by a second reader is left out\n");
        skip();
    }
    pack_three(path, sizeof path, &record);
    record_free(record);
    (void)snprintf(command, sizeof command, "%s tests/check_results.py '%s'", python, path);
    assert_int_equal(system(command), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_same_bytes),
        TEST(test_digest_tells_contents),
        TEST(test_sealed_once),
        TEST(test_failed_cells),
        TEST(test_order_is_checked),
        TEST(test_wrong_files),
        TEST(test_foreign_and_newer),
        TEST(test_damaged_files),
        TEST(test_failing_allocations),
        TEST(test_full_disk),
        TEST(test_no_folder),
        TEST(test_add_evaluation),
        TEST(test_revalidate),
        TEST(test_pack),
        TEST(test_pack_refuses_damage),
        TEST(test_h5py),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* See study.h. */
#include "tests/study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/report/format.h"
#include "kernels/mem.h"

void study_ok(Err err, const char *call) {
    if (err != ERR_OK) fail_msg("%s: %s", call, err_message());
}

int study_setup(void **state) {
    Study *study = calloc(1, sizeof *study);
    folder_make(study->folder, sizeof study->folder);
    (void)snprintf(study->path, sizeof study->path, "%s/results.h5", study->folder);
    *state = study;
    return 0;
}

static void forget_cells(Study *study) {
    for (size_t i = 0; i < study->n; i++) {
        folder_remove(study->place[i]);
        mem_free(study->place[i]);
    }
    study->n = 0;
}

int study_teardown(void **state) {
    Study *study = *state;
    forget_cells(study);
    folder_remove(study->folder);
    free(study);
    return 0;
}

void study_add_with(Study *study, const SampleSpec *spec, const char *const *axis, const char *code) {
    CellRecord *record = NULL;
    size_t i = study->n++;
    assert_true(i < STUDY_CELLS);
    (void)snprintf(study->name[i], sizeof study->name[i], "%s%s%s@%lld", spec->variant, axis != NULL ? "," : "",
                   axis != NULL ? *axis : "", (long long)spec->seed);
    assert_ok(mem_printf(&study->place[i], "%s/%zu", study->folder, i));
    assert_int_equal(mkdir(study->place[i], 0777), 0);
    study->entry[i] =
        (PackEntry){study->name[i], spec->variant, axis != NULL ? 1 : 0, axis, spec->seed, study->place[i]};
    if (spec->status == CELL_MISSING) return;
    assert_ok(sample_record(&record, spec));
    record->code_digest = code;
    if (study->sources != NULL) assert_ok(record_provenance(record, SOURCES_KEY, study->sources));
    assert_ok(record_seal(record, study->place[i]));
    record_free(record);
}

void study_add(Study *study, SampleSpec spec) { study_add_with(study, &spec, NULL, "c0de"); }

void study_pack(Study *study, PackGrid grid) {
    grid.n_entries = study->n;
    grid.entries = study->entry;
    if (grid.experiment == NULL) grid.experiment = "study";
    assert_ok(record_pack(&grid, study->path));
    forget_cells(study);
}

void study_pack_as(Study *study, PackGrid grid, const char *file) {
    (void)snprintf(study->path, sizeof study->path, "%s/%s", study->folder, file);
    study_pack(study, grid);
}

const double study_noise[7] = {0.011, -0.008, 0.004, -0.013, 0.009, 0.001, -0.006};

/* The cells of one seed. */
static void add_four(Study *study, int64_t seed) {
    static const char original[] = "focus.kind=original\nfocus.lambda=0.01\ntrain.steps=40\n";
    static const char revised[] = "focus.kind=kl\nfocus.lambda=0.5\nfocus.target=gaussian\ntrain.steps=40\n";
    static const char shuffled[] =
        "focus.boxes=shuffled\nfocus.kind=kl\nfocus.lambda=0.5\nfocus.target=gaussian\ntrain.steps=40\n";
    const double e = study_noise[seed], f = study_noise[(seed + 3) % 7] / 4;
    study_add(study, (SampleSpec){.variant = "baseline",
                                  .seed = seed,
                                  .accuracy = 0.831 + e,
                                  .hit = 0.925 + e,
                                  .rise = 0.03,
                                  .ms = 80 + (double)seed,
                                  .planned_bytes = 61341696,
                                  .identity = "train.steps=40\n"});
    study_add(study, (SampleSpec){.variant = "original",
                                  .seed = seed,
                                  .accuracy = 0.15 + 4 * e,
                                  .hit = 0.4 + 3 * e,
                                  .rise = 0.2,
                                  .ms = 131 + (double)seed,
                                  .planned_bytes = 3331596288,
                                  .identity = original,
                                  .status = seed == 4   ? CELL_DIVERGED
                                            : seed == 6 ? CELL_MISSING
                                                        : CELL_DONE});
    study_add(study, (SampleSpec){.variant = "revised",
                                  .seed = seed,
                                  .accuracy = 0.878 + e + f,
                                  .hit = 0.984 + f,
                                  .rise = 0.004,
                                  .ms = 82 + (double)seed,
                                  .planned_bytes = 61407232,
                                  .identity = revised});
    study_add(study, (SampleSpec){.variant = "shuffled",
                                  .seed = seed,
                                  .accuracy = 0.831 + e + f,
                                  .hit = 0.1 + e,
                                  .rise = 0.004,
                                  .ms = 82 + (double)seed,
                                  .planned_bytes = 61407232,
                                  .identity = shuffled});
}

void study_seven(Study *study) {
    for (int64_t seed = 0; seed < 7; seed++) add_four(study, seed);
    study_pack(study, (PackGrid){.experiment = "drift",
                                 .baseline = "baseline",
                                 .primary_variant = "revised",
                                 .question = "Does supervising attention stop it from drifting, and what does each "
                                             "branch cost?",
                                 .primary_metric = "char_accuracy",
                                 .primary_set = "test",
                                 .primary_at = "last",
                                 .primary_margin = 0.01});
}

Err study_table(const Study *study, const TableOptions *options, Table **table) {
    Results *results = NULL;
    assert_ok(results_open(&results, study->path));
    Err err = table_build(table, (const Results *const[]){results}, 1, options);
    results_close(results);
    return err;
}

char *study_format(const Table *table, const char *format) {
    const Format *chosen = NULL;
    char *text = NULL;
    size_t len = 0;
    assert_ok(format_find(&chosen, format));
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_ok(chosen->table(to, table));
    assert_int_equal(fclose(to), 0);
    return text;
}

char *study_render(const Study *study, const TableOptions *options, const char *format) {
    Table *table = NULL;
    assert_ok(study_table(study, options, &table));
    char *text = study_format(table, format);
    table_free(table);
    return text;
}

static char *read_text(const char *path) {
    enum { LEN = 1 << 18 };
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, LEN);
    if (file == NULL) fail_msg("cannot open %s", path);
    (void)fread(text, 1, LEN - 1, file);
    (void)fclose(file);
    return text;
}

void study_compare_golden(const char *text, const char *golden) {
    char path[STUDY_PATH];
    (void)snprintf(path, sizeof path, "tests/golden/%s", golden);
    if (getenv("REFOCUS_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        (void)fputs(text, file);
        assert_int_equal(fclose(file), 0);
    }
    char *expected = read_text(path);
    if (strcmp(text, expected) != 0) fail_msg("%s differs; got:\n%s", path, text);
    free(expected);
}

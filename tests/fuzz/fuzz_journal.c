/* A journal with the sums of its frames made right, read whole, taken into a record, and resumed at its end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/run/folder.h"
#include "harness/run/journal.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

enum { HEAD = 16 /* magic, kind, length */, SUM = 8 };

/* Returns where the last whole frame ends. */
static JournalEnd mend(uint8_t *bytes, size_t n) {
    JournalEnd end = {0, 0};
    for (size_t at = 0; n - at >= HEAD + SUM;) {
        uint64_t length = 0;
        memcpy(&length, bytes + at + 8, sizeof length);
        if (length > n - at - HEAD - SUM) break;
        uint64_t sum = scratch_fnv(bytes + at, HEAD + (size_t)length);
        memcpy(bytes + at + HEAD + length, &sum, sizeof sum);
        at += HEAD + (size_t)length + SUM;
        const uint64_t both[] = {end.sum, sum};
        end = (JournalEnd){(int64_t)at, scratch_fnv((const uint8_t *)both, sizeof both)};
    }
    return end;
}

static void into_record(const History *history) {
    CellRecord *record = NULL;
    RecordMetric *metrics = calloc((size_t)history->shape.n_columns + 1, sizeof *metrics);
    for (int32_t i = 0; metrics != NULL && i < history->shape.n_columns; i++) metrics[i].name = "metric";
    if (metrics != NULL && record_new(&record) == ERR_OK) {
        Err err = history_to_record(history, metrics, 16, record);
        (void)err;
    }
    record_free(record);
    free(metrics);
}

static void run(const uint8_t *data, size_t n) {
    History *history = NULL;
    Journal *journal = NULL;
    char *bytes = scratch_text(data, n);
    const JournalEnd end = mend((uint8_t *)bytes, n);
    (void)scratch_file(FOLDER_JOURNAL, bytes, n);
    if (journal_read(&history, scratch_folder(), id) == ERR_OK) into_record(history);
    history_free(history);
    Err err = journal_resume(&journal, &history, scratch_folder(), id, &end);
    (void)err;
    journal_close(journal);
    history_free(history);
    free(bytes);
}

static void seed(const char *folder) {
    HistoryShape shape = {
        .n_columns = 2, .n_sets = 1, .n_samples = 1, .n_t = 2, .n_l = 3, .text_len = 4, .set = {"valid"}};
    Journal *journal = NULL;
    const HistoryStep step = {.step = 1, .wall_seconds = 1, .cpu_seconds = 1};
    const double values[2] = {0.5, 0.25};
    const float maps[6] = {0.5f, 0.25f, 0.25f}, centres[2] = {3, 4};
    const char predicted[4] = "ab";
    Err err = journal_create(&journal, scratch_folder(), id, &shape);
    if (err == ERR_OK) err = journal_step(journal, &step);
    if (err == ERR_OK) err = journal_evaluation(journal, 0, 1, values);
    if (err == ERR_OK) err = journal_map(journal, 1, maps, centres, predicted);
    journal_close(journal);
    if (err != ERR_OK) exit(2);
    size_t n = 0;
    uint8_t *bytes = scratch_get(scratch_path(FOLDER_JOURNAL), &n);
    scratch_put(folder, "seed.journal", bytes, n);
    free(bytes);
}

const FuzzTarget fuzz_journal = {.name = "journal", .run = run, .seed = seed};

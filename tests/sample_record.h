/* A small, complete CellRecord for tests of files, tables and reports: every part is there, every number is a function
 * of the arguments. */
#ifndef TESTS_SAMPLE_RECORD_H
#define TESTS_SAMPLE_RECORD_H

#include "harness/record/record.h"

typedef struct SampleSpec {
    const char *variant;
    int64_t seed;
    double accuracy; /* char_accuracy on test at the last step */
    double hit;      /* hit_rate there */
    double rise;     /* what every evaluation before the last lacks, as a share: 0.1 = still improving */
    double ms;       /* per step */
    int64_t planned_bytes;
    const char *identity; /* NULL = made from variant and seed */
    CellStatus status;
    const char *cause; /* of a cell that is not done; NULL = made from the status */
} SampleSpec;

/* The caller frees *out. Steps 1..40, evaluations of valid at 10, 20, 30, 40 and of test at 40. */
Err sample_record(CellRecord **out, const SampleSpec *spec) MUST_CHECK;

/* A fresh folder below TMPDIR; free with folder_remove. path is of PATH_MAX. */
void folder_make(char *path, size_t len);
void folder_remove(const char *path);

#endif

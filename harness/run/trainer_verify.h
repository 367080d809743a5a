/* Whether a record is what the present code makes of its settings: a cell is trained again and compared, bit by bit, as
 * it goes, so that the first difference in time is the one that is named. Depends on trainer. */
#ifndef HARNESS_RUN_TRAINER_VERIFY_H
#define HARNESS_RUN_TRAINER_VERIFY_H

#include "harness/run/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VERDICT_NAME = 192, VERDICT_TEXT = 320 };

/* What came of comparing a cell. Written and read as it is, by one program. */
typedef struct Verdict {
    bool same;
    bool whole;      /* to the end: parameters, maps and everything else of the content were compared too */
    bool has_values; /* the difference is one of numbers: here, recorded */
    int64_t n_steps, n_evaluations, n_maps; /* compared: training steps, evaluations of a set, rows of attention */
    int64_t step;                           /* of the first difference; 0 = at none */
    double here, recorded;
    char dataset[VERDICT_NAME];  /* where it is: "curves/loss", "evaluation/valid/hit_rate", "final/encoder.conv1.w" */
    char why[VERDICT_TEXT];      /* all of that in words */
    char left_out[VERDICT_TEXT]; /* what of the record was not compared, and why; "" = nothing */
} Verdict;

/* Trains spec's cell again, without a folder's checkpoints, for n_steps (0, or more than the record has: as many as it
 * has) and compares with `record`, read back with PART_ALL. A record that has all its steps is compared whole: it is
 * sealed in spec->folder, for a moment, and its digest must be the record's. Sets that `refocus evaluate` added are
 * left out. ERR_INTERRUPTED after *spec->stop. */
Err trainer_verify(const TrainerSpec *spec, const CellRecord *record, int64_t n_steps, Verdict *out) MUST_CHECK;

/* Trains the first n_steps of a cell and compares each recorded loss with `record`'s, bit by bit, then evaluates its
 * kept parameters and compares with its last evaluation. *same, and *why not in words. */
Err trainer_revalidate(const TrainerSpec *spec, const CellRecord *record, int64_t n_steps, bool *same, char *why,
                       size_t len) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

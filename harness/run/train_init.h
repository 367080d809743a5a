/* train.init: training that starts from the kept parameters of a cell of some results file, as fine-tuning does. They
 * are an input of the training like a dataset: their digest stands in its listing (inputs.h), and other parameters make
 * another result. Depends on record/results, models/exec. */
#ifndef HARNESS_RUN_TRAIN_INIT_H
#define HARNESS_RUN_TRAIN_INIT_H

#include "harness/record/record.h"
#include "models/exec.h"
#include "models/option.h"

typedef struct TrainInit {
    CellRecord *record;         /* owned; NULL = train.init is none */
    const RecordParams *params; /* in the record: final or best */
    const char *from;           /* "FILE#CELL" as the settings say; borrowed from them */
} TrainInit;

/* Reads what train.init names. ERR_MISSING for a file or cell that is not there, ERR_DATA for one that is damaged or
 * kept no such parameters; the message begins with "train.init". The caller clears *out whatever comes. */
Err train_init_open(TrainInit *out, const Settings *settings) MUST_CHECK;
void train_init_clear(TrainInit *init);

/* Every weight and statistic of encoder and decoder must be there, with its shape: ERR_DATA names the first that is
 * not. What a branch has of its own may be missing: it starts as it always does. *n_own = how many of those there are.
 */
Err train_init_fits(const TrainInit *init, const ParamSet *params, int *n_own) MUST_CHECK;

/* Into the arena, which is initialised. Only after train_init_fits. */
Err train_init_apply(const TrainInit *init, Arena *arena, const ParamSet *params) MUST_CHECK;

/* SHA-256 in hex of names, shapes and values. */
void train_init_digest(char out[65], const TrainInit *init);

#endif

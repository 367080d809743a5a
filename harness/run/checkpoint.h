/* The checkpoint of a running cell: all that the next step depends on, in one file that is replaced whole. The one
 * before it stays beside it, for a disk that gives back other bytes than it took. Read back only if its SHA-256 fits
 * and it belongs to this cell, this code and this kind of machine, and the journal is the one that it saw; where
 * neither does, the cell starts anew, because the same bits could not be promised. Depends on folder, journal,
 * data/digest. */
#ifndef HARNESS_RUN_CHECKPOINT_H
#define HARNESS_RUN_CHECKPOINT_H

#include "harness/run/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CHECKPOINT_TEXT = 72 };

/* What a checkpoint belongs to: hex digests. */
typedef struct CheckpointKey {
    char id[CHECKPOINT_TEXT];        /* of the cell */
    char code[CHECKPOINT_TEXT];      /* sources that decide the bits */
    char inputs[CHECKPOINT_TEXT];    /* files behind the training data */
    char bit_class[CHECKPOINT_TEXT]; /* build, libraries, CPU */
    char layout[CHECKPOINT_TEXT];    /* names and shapes of the parameters */
} CheckpointKey;

/* Counters of the trainer after `step` updates. No padding. */
typedef struct CheckpointState {
    int64_t step;
    JournalEnd journal; /* of the rows up to `step` */
    int64_t best_step;  /* 0 = nothing is best yet */
    double best_value;
    int64_t n_boxes_used;
    int64_t n_resumes;
    int64_t measured_bytes;
    double wall_seconds, cpu_seconds;
} CheckpointState;

typedef struct Checkpoint Checkpoint;

/* Prepares writing folder/checkpoint; n numbers per set of parameters. Nothing is allocated afterwards. */
Err checkpoint_open(Checkpoint **out, const char *folder, const CheckpointKey *key, int64_t n) MUST_CHECK;
void checkpoint_close(Checkpoint *checkpoint); /* accepts NULL */

/* Replaces the file: temporary, synced, renamed; what it replaces becomes the one before. At every moment one of them
 * is whole. now [n], best [n]. ERR_CREATE, ERR_IO (disk full). */
Err checkpoint_write(Checkpoint *checkpoint, const CheckpointState *state, const float *now,
                     const float *best) MUST_CHECK;

typedef enum CheckpointAge { CHECKPOINT_LAST, CHECKPOINT_BEFORE, CHECKPOINT_AGES } CheckpointAge;

/* Reads one of folder's checkpoints. ERR_MISSING if there is none; ERR_DATA if it is damaged or belongs to something
 * else, with what differs as the message. */
Err checkpoint_read(const Checkpoint *checkpoint, CheckpointAge age, CheckpointState *state, float *now,
                    float *best) MUST_CHECK;

/* Makes the one before the last, which cannot be used. ERR_IO. */
Err checkpoint_fall_back(const Checkpoint *checkpoint) MUST_CHECK;

/* Step and key of a checkpoint whose digest fits, for those who only look. ERR_MISSING, ERR_DATA, ERR_IO, ERR_NOMEM. */
Err checkpoint_look(const char *folder, CheckpointAge age, CheckpointKey *key, CheckpointState *state) MUST_CHECK;

/* Removes all checkpoints of a folder. ERR_IO. */
Err checkpoint_drop(const char *folder) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

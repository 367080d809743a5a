/* How a sweep goes, on stderr: on a terminal one live line per running cell and one for all, redrawn in place; in a log
 * plain lines, at evaluations and at most every half minute. Lines that stay (failures, ends) go above the live ones.
 * NO_COLOR and TERM=dumb are heeded. Depends on trainer's news. */
#ifndef HARNESS_RUN_PROGRESS_H
#define HARNESS_RUN_PROGRESS_H

#include <stdio.h>

#include "harness/run/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Progress Progress;

typedef struct ProgressSpec {
    FILE *to;
    int n_slots;         /* cells that run at once */
    size_t n_cells;      /* that this run will work on */
    int64_t total_steps; /* of all of them, still to be trained */
} ProgressSpec;

typedef enum ProgressDoing {
    PROGRESS_TRAINS,
    PROGRESS_PLANS,  /* training that ends with its plan */
    PROGRESS_CHECKS, /* a finished cell: its steps count in no total */
    PROGRESS_VERIFIES
} ProgressDoing;

/* A cell that begins. Texts are borrowed until it ends. */
typedef struct ProgressCell {
    const char *name, *metric; /* metric: what its evaluations show */
    ProgressDoing doing;
    int64_t first_step, last_step; /* updates done, and done at its end; last_step 0 = as its news say */
} ProgressCell;

typedef enum ProgressTone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_NOTE } ProgressTone;

/* Whether it is live follows from `to` being a terminal. The caller frees. */
Err progress_new(Progress **out, const ProgressSpec *spec) MUST_CHECK;

/* Takes the live lines away. Accepts NULL. */
void progress_free(Progress *progress);

/* A cell begins in a slot. */
void progress_begin(Progress *progress, int slot, const ProgressCell *cell);
void progress_news(Progress *progress, int slot, const TrainerNews *news);

/* The cell in a slot is over; steps that it did not need leave the total. */
void progress_end(Progress *progress, int slot, int64_t n_steps_left_out);

/* One that is over has failed or diverged, for good. */
void progress_failed(Progress *progress);

/* A cell that was over begins anew, with this many steps (a sealed cell turned out stale). */
void progress_again(Progress *progress, int64_t n_steps);

/* More steps, or fewer, than expected: another process was at a cell. */
void progress_more(Progress *progress, int64_t n_steps);

/* A cell is over that never had a slot here. */
void progress_found(Progress *progress);

/* A line that stays. */
void progress_say(Progress *progress, ProgressTone tone, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Redraws if there is reason to: to be called several times a second. */
void progress_tick(Progress *progress);

bool progress_is_live(const Progress *progress);

#ifdef __cplusplus
}
#endif
#endif

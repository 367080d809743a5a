/* The journal of a running cell: every row of its history, appended as it is measured, each with a checksum. A process
 * killed at any instruction leaves whole rows and at most one torn one at the end, which readers leave out. A
 * checkpoint notes where the journal ended, and what it held, so that resuming cuts off the rows that will be measured
 * again and never joins the rows of another training. Rows reach the disk with the next checkpoint, and at the latest
 * some seconds after they were written.
 * Numbers are in the machine's own order: a journal is read where it was written. Depends on history, folder. */
#ifndef HARNESS_RUN_JOURNAL_H
#define HARNESS_RUN_JOURNAL_H

#include "harness/run/history.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JOURNAL_ID_LEN = 65 };

typedef struct Journal Journal;

/* Where a journal ended at some time. No padding. */
typedef struct JournalEnd {
    int64_t bytes; /* all of them whole rows */
    uint64_t sum;  /* of all that they hold */
} JournalEnd;

/* Starts folder/journal anew for the cell with this id. ERR_CREATE, ERR_IO, ERR_NOMEM. */
Err journal_create(Journal **out, const char *folder, const char *id, const HistoryShape *shape) MUST_CHECK;

/* Reads folder/journal up to `end` into *history, cuts off what follows, and goes on appending. ERR_DATA if it is not
 * whole up to there, is another one or belongs to another cell; ERR_MISSING, ERR_IO, ERR_NOMEM. */
Err journal_resume(Journal **out, History **history, const char *folder, const char *id,
                   const JournalEnd *end) MUST_CHECK;

/* The last step among the whole rows of folder/journal; 0 if there is none, or no journal of this cell. ERR_NOMEM. */
Err journal_last_step(int64_t *out, const char *folder, const char *id) MUST_CHECK;

/* ERR_OK if folder/journal can be resumed at `end`; else what journal_resume would say. */
Err journal_check(const char *folder, const char *id, const JournalEnd *end) MUST_CHECK;

/* All whole rows of folder/journal; whatever follows the first bad one is left out. */
Err journal_read(History **out, const char *folder, const char *id) MUST_CHECK;

void journal_close(Journal *journal); /* accepts NULL */

/* Append one row. Nothing is allocated. Forced to the disk now and then (see above). ERR_IO (disk full). */
Err journal_step(Journal *journal, const HistoryStep *step) MUST_CHECK;
Err journal_evaluation(Journal *journal, int32_t i_set, int64_t step, const double *values) MUST_CHECK;
Err journal_map(Journal *journal, int64_t step, const float *maps, const float *centres,
                const char *predicted) MUST_CHECK;

/* Forces what was appended to the disk. ERR_IO. */
Err journal_sync(Journal *journal) MUST_CHECK;

JournalEnd journal_end(const Journal *journal); /* now */

#ifdef __cplusplus
}
#endif
#endif

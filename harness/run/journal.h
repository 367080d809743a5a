/* The journal of a running cell: every row of its history, appended as it is measured, each with a checksum. A process
 * killed at any instruction leaves whole rows and at most one torn one at the end, which readers leave out. A
 * checkpoint notes how long the journal was, so that resuming cuts off the rows that will be measured again. Rows reach
 * the disk with the next checkpoint, and at the latest some seconds after they were written.
 * Numbers are in the machine's own order: a journal is read where it was written. Depends on history, folder. */
#ifndef HARNESS_RUN_JOURNAL_H
#define HARNESS_RUN_JOURNAL_H

#include "harness/run/history.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JOURNAL_ID_LEN = 65 };

typedef struct Journal Journal;

/* Starts folder/journal anew for the cell with this id. ERR_CREATE, ERR_IO, ERR_NOMEM. */
Err journal_create(Journal **out, const char *folder, const char *id, const HistoryShape *shape) MUST_CHECK;

/* Reads the first `bytes` of folder/journal into *history, cuts off what follows, and goes on appending. ERR_DATA if
 * they are not whole or belong to another cell, ERR_MISSING, ERR_IO, ERR_NOMEM. */
Err journal_resume(Journal **out, History **history, const char *folder, const char *id, int64_t bytes) MUST_CHECK;

/* The last step among the whole rows of folder/journal; 0 if there is none, or no journal of this cell. ERR_NOMEM. */
Err journal_last_step(int64_t *out, const char *folder, const char *id) MUST_CHECK;

/* ERR_OK if the first `bytes` of folder/journal are whole and this cell's; else what journal_resume would say. */
Err journal_check(const char *folder, const char *id, int64_t bytes) MUST_CHECK;

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

int64_t journal_bytes(const Journal *journal);

#ifdef __cplusplus
}
#endif
#endif

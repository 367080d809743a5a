/* Results as one CSV record per cell, step and metric: for plots and statistics of one's own. */
#ifndef HARNESS_REPORT_LONG_H
#define HARNESS_REPORT_LONG_H

#include <stdio.h>

#include "harness/report/table.h"

/* The set that stands for the curves of training (loss, lr, ...) in place of evaluations. */
#define LONG_TRAINING "train"

/* Fields: experiment, cell, variant, one per axis of any file ("focus.lambda"), seed, status, cause, set, step, metric,
 * value. All sets and metrics, or those of the options; of the training curves only with set LONG_TRAINING, since they
 * are long. Cells of every status: one without figures has a record with nothing behind its cause. Of the options it
 * reads metric, set, rows and mixed_code. ERR_NOTHING for a metric or set that no cell has; else as table_build. */
Err long_write(FILE *to, const Results *const *results, size_t n_results, const TableOptions *options) MUST_CHECK;

#endif

/* What plan_table.c is put together from. Each of these is one question about a plan. Depends on plan_table. */
#ifndef HARNESS_REPORT_PLAN_PARTS_H
#define HARNESS_REPORT_PLAN_PARTS_H

#include "harness/report/plan_table.h"

/* plan_fill.c: the tensors that take most at the peak. */
Err plan_fill_of(Pool *pool, PlanFill *out, const Survey *survey) MUST_CHECK;

/* plan_group.c: rows by variant, and which of them are the smallest that are over budget. */
Err plan_groups(PlanTable *table) MUST_CHECK;

/* plan_cost.c: what a sealed cell will take on disk: an estimate, as compression and the file's own bookkeeping are not
 * counted exactly. */
int64_t plan_disk_bytes(const Survey *survey);

/* plan_cost.c: how long cells of the same settings took, where the grid's results file has some; or what steps take
 * here. A file that is not there, or cannot be read, gives no times, nor does a cell that this machine cannot hold.
 * ERR_NOMEM, and what goes wrong when a cell is tried. */
Err plan_times(PlanTable *table, const PlanOptions *options) MUST_CHECK;

#endif

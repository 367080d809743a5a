/* The memory plan of a cell in the words of a record: peak, lower bound, bytes by module and by role, at the peak and
 * while each node runs, and every tensor's place and life. Depends on models/model,
 * record. */
#ifndef HARNESS_RUN_PLAN_REPORT_H
#define HARNESS_RUN_PLAN_REPORT_H

#include "harness/record/record.h"
#include "models/model.h"

/* Fills record->memory from a plan (measured_bytes stays -1); storage belongs to the record. The timeline is that of
 * the graph with the larger peak. Sums by module and by role have a row for all that ever lives in it, those with the
 * most bytes at its peak first, and end with "gaps": planned bytes that hold nothing just then; so the rows add up to
 * planned_bytes at every node. What a device's libraries are given is the tensor "cublas.workspace", alive throughout,
 * behind the arena. */
Err plan_report(const ModelPlan *plan, CellRecord *record) MUST_CHECK;

#endif

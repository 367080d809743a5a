/* A plan table in listings: what formats lay out. Depends on plan_table, listing. */
#ifndef HARNESS_REPORT_PLAN_LISTING_H
#define HARNESS_REPORT_PLAN_LISTING_H

#include "harness/report/listing.h"
#include "harness/report/plan_table.h"

/* Listings start as {0}; the caller clears them whatever comes. */

/* A row for each plan, in words that people read; in plain numbers for programs. */
Err plan_list_rows(Listing *out, const PlanTable *table) MUST_CHECK;
Err plan_list_raw(Listing *out, const PlanTable *table) MUST_CHECK;

/* A row for each variant: how many cells are over budget, from which peak to which, what that adds to the baseline, and
 * what fills the largest. */
Err plan_list_groups(Listing *out, const PlanTable *table) MUST_CHECK;

/* A row for each plan of the variants' frontiers, with the tensors that fill its peak. */
Err plan_list_frontiers(Listing *out, const PlanTable *table) MUST_CHECK;

/* True if some variant has several plans, so that groups say more than rows do. */
bool plan_has_groups(const PlanTable *table);

/* Sentences that belong to the table: what it was planned for, and what its words mean. *out [*n]. */
Err plan_notes(Pool *pool, const char ***out, size_t *n, const PlanTable *table) MUST_CHECK;

/* "31 of 288 cells are over the budget of 24.0 GiB: these, and those beyond them on any axis": what stands above the
 * frontiers. Returns out. */
enum { PLAN_TEXT = 160 };
const char *plan_over_text(const PlanTable *table, char out[PLAN_TEXT]);

/* "+0.02 %", "+383 %"; "–" for NaN. Returns out. */
const char *plan_added_text(double added, char out[PLAN_TEXT]);

/* "4 x 4.6 GiB energies [T,B,P,K], 96 %" of the row's peak; one tensor by its name. Returns out. */
const char *plan_fill_text(const PlanRow *row, char out[PLAN_TEXT]);

#endif

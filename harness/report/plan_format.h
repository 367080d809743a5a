/* Output formats of `refocus plan`. One is one file, harness/report/plan_as_<name>.c, that defines `const PlanFormat
 * plan_as_<name>`; the table is generated from the file names. */
#ifndef HARNESS_REPORT_PLAN_FORMAT_H
#define HARNESS_REPORT_PLAN_FORMAT_H

#include <stdio.h>

#include "harness/report/plan_table.h"
#include "harness/report/plan_why.h"

typedef struct PlanFormat {
    const char *name;
    /* Writes the table; `summary` leaves the rows out where groups say it shorter. A failed write shows in ferror(to).
     */
    Err (*table)(FILE *to, const PlanTable *table, bool summary);
    /* Writes n explanations; NULL = this format has no form for them. */
    Err (*why)(FILE *to, const PlanTable *table, const PlanWhy *why, size_t n);
} PlanFormat;

/* All formats, sorted by name; *n is their number. */
const PlanFormat *const *plan_format_list(int *n);

/* The format of that name. ERR_ARG with the nearest one. */
Err plan_format_find(const PlanFormat **out, const char *name) MUST_CHECK;

#endif

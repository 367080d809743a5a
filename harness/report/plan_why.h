/* Why a plan needs what it needs: what is alive at its peak, who holds it, when, and which batch would fit. Numbers
 * without layout. Depends on plan_table, run/fit. */
#ifndef HARNESS_REPORT_PLAN_WHY_H
#define HARNESS_REPORT_PLAN_WHY_H

#include "harness/report/listing.h"
#include "harness/report/plan_table.h"
#include "harness/run/fit.h"

/* A tensor that is alive at the peak, or the same one of several steps: "decoder.t{00..25}.attention". */
typedef struct PlanWhyTensor {
    const char *name, *role, *what; /* what: shape in words, of one */
    size_t n;
    int64_t bytes; /* all together */
} PlanWhyTensor;

/* Starts as {0}. */
typedef struct PlanWhy {
    Pool pool; /* owns what is not borrowed from the row's survey */
    const PlanRow *row;
    bool in_training;                /* the peak is the training step's; else the evaluation's */
    size_t peak_node;                /* of the record's timeline */
    size_t first_back, first_update; /* nodes where the backward pass and the update begin; n_nodes = there is none */
    int64_t *live_bytes;             /* [n_nodes] of the timeline */
    size_t n_tensors;                /* the largest, which together hold most of the peak */
    PlanWhyTensor *tensor;
    size_t n_rest; /* the other tensors */
    int64_t rest_bytes;
    uint64_t budget; /* 0 = none: fit is empty */
    Fit fit;
} PlanWhy;

Err plan_why(PlanWhy *out, const PlanTable *table, const PlanRow *row) MUST_CHECK;
void plan_why_clear(PlanWhy *why);

/* Sentences in front: the cell, its peak and where it is, the cell's sizes. *out [*n]. */
Err plan_why_head(Pool *pool, const char ***out, size_t *n, const PlanTable *table, const PlanWhy *why) MUST_CHECK;

/* The live tensors; modules beside roles. Listings start as {0}. */
Err plan_why_tensors(Listing *out, const PlanWhy *why) MUST_CHECK;
Err plan_why_sums(Listing *out, const PlanWhy *why) MUST_CHECK;

/* What stands behind: the batch that would fit, disk. *out [*n]. */
Err plan_why_tail(Pool *pool, const char ***out, size_t *n, const PlanWhy *why) MUST_CHECK;

/* The timeline as lines of blocks, of all and of the modules that hold most, each with its largest value, and below
 * where the passes begin. */
void plan_why_timeline(FILE *to, const PlanWhy *why, size_t page);

#endif

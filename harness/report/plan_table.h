/* What `refocus plan` says of a grid: a row for each plan, a group for each variant. Numbers without layout: formats
 * lay them out (format.h). Depends on run/survey, record, grid. */
#ifndef HARNESS_REPORT_PLAN_TABLE_H
#define HARNESS_REPORT_PLAN_TABLE_H

#include "harness/grid/grid.h"
#include "harness/grid/pool.h"
#include "harness/run/survey.h"

/* Tensors at the peak that are alike: of one module, size and shape. */
typedef struct PlanFill {
    size_t n;
    int64_t bytes;     /* all together */
    const char *names; /* "focus.tanh, focus.log_p, focus.log_p'", cut off after some */
    const char *what;  /* "energies [T,B,P,K]", "feature maps [B,H,W,C]", or the shape in numbers */
} PlanFill;

/* One plan: the cells that differ in their seeds alone. */
typedef struct PlanRow {
    const Survey *survey;
    size_t first, n_cells; /* first: cell of the grid */
    const char *label;     /* the cells' name, without the seed where there are several */
    const char *variant;
    const char **axis; /* [n_axes] value in this row; NULL where its variant has no such axis */
    bool over;         /* peak and memory.reserve are over the budget */
    double added;      /* peak, relative to the baseline's on the same axes, minus 1; NaN = there is none */
    PlanFill fill;     /* the tensors that take most at the peak */
    int64_t disk;      /* bytes of a sealed cell, about; -1 = it is never trained */
    double seconds;    /* wall time of a cell; NaN = not known */
} PlanRow;

typedef struct PlanGroup {
    const char *variant;
    size_t n_cells, n_over;    /* cells */
    size_t smallest, largest;  /* rows */
    double least, most;        /* of `added`; NaN = no row has it */
    size_t n_frontier;         /* see plan_table.c */
    const size_t *frontier;    /* rows over budget, beyond which, along every axis, all are */
    bool frontier_is_complete; /* false: some cell beyond is not over, and `frontier` has every row that is */
} PlanGroup;

typedef struct PlanTable {
    Pool pool; /* owns the rest, but for what is borrowed */
    const Grid *grid;
    const Surveys *surveys;
    const char *device;   /* class of device: "cuda", "cpu-avx2" */
    uint64_t budget;      /* bytes; 0 = each cell's memory.budget */
    const char *timed_by; /* where `seconds` come from, in words; NULL = no row has them */
    size_t n_axes, n_modules, n_rows, n_groups, n_cells, n_over;
    const char **axis_key, **axis_header; /* header: the key's last part, or more where two would be alike */
    const char **module;                  /* by bytes in the row that has most */
    PlanRow *row;
    PlanGroup *group;
} PlanTable;

typedef struct PlanOptions {
    uint64_t budget;          /* 0 = each cell's memory.budget */
    const char *results;      /* folder of results files: where times are looked up */
    int probe_threads;        /* > 0: measured instead, by steps on so many threads */
    const char *probe_device; /* and on this device: "cpu", "cuda:1" */
} PlanOptions;

/* *out = the table of the selected cells (NULL = all); grid and surveys are borrowed. Starts as {0}; the caller clears
 * it whatever comes. */
Err plan_table_make(PlanTable *out, const Grid *grid, const Surveys *surveys, const bool *selected,
                    const PlanOptions *options) MUST_CHECK;
void plan_table_clear(PlanTable *table);

/* Bytes of a module at the row's peak. */
int64_t plan_row_module(const PlanRow *row, const char *module);

/* The row of a cell that was selected. */
const PlanRow *plan_row_of(const PlanTable *table, size_t i_cell);

/* "[T,B,P,K]" with a word for it, of a tensor at a row's peak: see PlanFill.what. */
Err plan_shape_words(Pool *pool, const char **out, const Survey *survey, const RecordTensor *tensor) MUST_CHECK;

#endif

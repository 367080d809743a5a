/* A table under construction, shared by table.c (which columns and rows), table_fill.c (their values) and table_notes.c
 * (what must be said beside them). */
#ifndef HARNESS_REPORT_TABLE_BUILD_H
#define HARNESS_REPORT_TABLE_BUILD_H

#include "harness/report/rows.h"
#include "harness/report/stats.h"
#include "harness/report/table.h"

enum { TABLE_MAX_COLUMNS = 32 };

typedef struct Build Build;
typedef Err (*ColumnFill)(Build *build, const RowData *row, const TableColumn *column, TableValue *value);

struct Build {
    Table *table;
    const Rows *rows;
    const ResultsInfo *info;
    const char *metric, *set, *valid; /* valid: the set of curves over steps: "valid", or set where there is none */
    const char *at_text;
    At at;
    const RecordMetric *declared; /* of metric; its direction and unit */
    bool is_primary;              /* metric, set and place are those that the grid declared */
    double margin;                /* >= 0; 0 = none */
    double *scratch;              /* [cells] */
    ColumnFill fill[TABLE_MAX_COLUMNS];
    size_t room_notes;
};

/* ---- table_fill.c ---- */
Err fill_n(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_metric(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_steps_to_hit(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_mean(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_difference(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_equal_time(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_p(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_verdict(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_params(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_boxes(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_planned(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_measured(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_rss(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_milliseconds(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_time_ratio(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;

/* Paired differences of the compared metric, row minus baseline, in the order of the row's seeds. Returns how many. */
size_t pair_differences(const Build *build, const RowData *row, double *difference);

/* Holm over the column "p", into the column "p_holm"; then what is bold. */
void adjust_p(Table *table, const Build *build);

/* ---- table_notes.c ---- */
Err settings_differences(Build *build) MUST_CHECK;
Err notes_write(Build *build) MUST_CHECK;

/* How much the row's metric still rose between the last two evaluations, mean over its done cells; NaN = unknown. */
double row_last_gain(const Build *build, const RowData *row, int64_t step[2]);
/* What counts as still improving: the margin, or 0.005 where none is declared. */
double improving_bar(const Build *build);

#endif

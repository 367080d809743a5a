/* A table under construction, shared by table.c (what is compared, which rows), table_columns.c (which columns),
 * table_compare.c (rows against their baselines), table_fill.c (values), table_notes.c (what must be said beside them)
 * and table_clean.c (text that is safe to print). */
#ifndef HARNESS_REPORT_TABLE_BUILD_H
#define HARNESS_REPORT_TABLE_BUILD_H

#include "harness/report/rows.h"
#include "harness/report/stats.h"
#include "harness/report/table.h"

typedef struct Build Build;
typedef Err (*ColumnFill)(Build *build, const RowData *row, const TableColumn *column, TableValue *value);

/* A row against its baseline in the compared metric. */
typedef struct Comparison {
    size_t n; /* pairs; 0 = there is nothing to compare */
    Stats difference;
    double p, p_holm; /* NaN unless the file's declared metric is compared */
    Verdict verdict;  /* likewise NONE */
    bool bold;
} Comparison;

struct Build {
    Table *table;
    const Rows *rows;
    const TableOptions *options;
    const char *metric, *set, *valid; /* valid: the set of curves over steps: "valid", or set where there is none */
    const char *at_text;
    At at;
    const RecordMetric *declared; /* of metric: its direction and unit; NULL = no cell is done */
    Comparison *comparison;       /* [rows->n] */
    bool *is_shown;               /* [rows->n] --rows */
    double *scratch;              /* [cells] */
    ColumnFill *fill;             /* [n_columns] */
    size_t room_notes;
};

/* ---- table_columns.c: fills table->column and ->section, and build->fill ---- */
Err columns_choose(Build *build) MUST_CHECK;

/* ---- table_compare.c ---- */

/* Paired differences of a metric, row minus baseline, in the order of the row's seeds. Returns how many. */
size_t pair_differences(const Build *build, const RowData *row, const char *metric, double *difference);

/* Fills build->comparison, of hidden rows too: what is not shown was compared all the same, and Holm counts it. */
Err comparisons_make(Build *build) MUST_CHECK;

/* That of a row. */
const Comparison *comparison_of(const Build *build, const RowData *row);

/* ---- table_fill.c ---- */
Err fill_n(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_unfinished(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_metric(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_steps_to_hit(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_difference(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_equal_time(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_p(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_p_holm(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_verdict(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_trials(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_params(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_boxes(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_planned(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_measured(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_rss(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_context(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_milliseconds(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;
Err fill_time_ratio(Build *build, const RowData *row, const TableColumn *column, TableValue *value) MUST_CHECK;

/* Trials that the tuning grid of the row's file has of its variant; -1 = none is named, or it does not say. */
int64_t row_trials(const Build *build, const RowData *row);

/* ---- table_notes.c ---- */
Err settings_differences(Build *build) MUST_CHECK;
Err notes_write(Build *build) MUST_CHECK;

/* "over budget, not started", "diverged", ... */
const char *status_words(CellStatus status);

/* How much the row's metric still rose between the last two evaluations, mean over its done cells; NaN = unknown. */
double row_last_gain(const Build *build, const RowData *row, int64_t step[2]);
/* What counts as still improving: the margin of the row's file, or 0.005 where none is declared. */
double improving_bar(const Build *build, const RowData *row);

/* ---- table_clean.c ---- */

/* Replaces every text of the table by a copy of its own in UTF-8, on one line, without control characters. */
Err table_clean(Table *table) MUST_CHECK;

#endif

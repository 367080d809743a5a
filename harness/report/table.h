/* The table of a results file: what was measured per variant, how it differs from the baseline, what it costs. A model
 * of numbers and words without layout; format_<name>.c lay it out. Depends on record/results and stats. */
#ifndef HARNESS_REPORT_TABLE_H
#define HARNESS_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"

typedef enum ValueKind {
    VALUE_NONE,    /* does not exist: "-" */
    VALUE_TEXT,    /* text */
    VALUE_NUMBER,  /* mean alone */
    VALUE_SPREAD,  /* mean +- std over seeds; std NaN for one seed */
    VALUE_INTERVAL /* mean and its 95 % interval; low and high NaN for one seed */
} ValueKind;

typedef struct TableValue {
    ValueKind kind;
    size_t n; /* seeds, or pairs, that it rests on */
    double mean, std, low, high;
    const char *text;   /* VALUE_TEXT */
    const char *remark; /* printed behind a number, "(2/7)"; NULL = none */
    bool bold;
} TableValue;

typedef enum TableSection { SECTION_RESULTS, SECTION_COMPARISON, SECTION_COST, SECTION_COUNT } TableSection;

typedef struct TableColumn {
    TableSection section;
    const char *key;    /* for programs: "char_accuracy" */
    const char *header; /* for people */
    const char *unit;   /* "px", "MiB"; "" = none */
    int direction;      /* +1 higher is better, -1 lower, 0 neither */
    int decimals;
    bool is_signed;    /* a difference: print + */
    bool is_grouped;   /* 183,973 */
    const char *after; /* behind the number: "x" of a ratio; "" = none */
} TableColumn;

typedef struct TableRow {
    const char *label; /* "revised, focus.lambda=0.5" */
    const char *variant;
    bool is_baseline, is_primary, is_chance;
    bool is_improving;    /* the last two evaluations still differ: training was stopped before its end */
    bool is_incomplete;   /* some of its cells have no figures */
    const char *settings; /* "key=value" of the settings in which rows differ, two spaces between; "" = none */
    const char **setting; /* [n_settings] the same, one by one */
    size_t n_settings;
    TableValue *value; /* [n_columns] */
} TableRow;

typedef struct Table {
    Pool pool; /* owns everything below */
    const char *experiment, *question;
    const char *caption;                /* what the figures are: set, step, spread */
    const char *section[SECTION_COUNT]; /* title; NULL = the section is left out */
    size_t n_columns, n_rows, n_notes;
    TableColumn *column;
    TableRow *row;
    const char **note; /* whole sentences, in the order of their importance */
} Table;

typedef struct TableOptions {
    const char *metric; /* compared with the baseline; NULL = the grid's primary metric, or char_accuracy */
    const char *set;    /* NULL = the grid's, or test, or valid */
    const char *at;     /* "last", "best" (on valid) or a step; NULL = the grid's, or last */
    bool mixed_code;    /* accept rows whose cells were trained by different code */
} TableOptions;

/* The caller frees *out (table_free). ERR_ARG for a malformed option; ERR_NOTHING for a metric, set or step that no
 * cell has, with those that there are; ERR_DATA for mixed code and damaged cells; ERR_NOMEM. */
Err table_build(Table **out, const Results *results, const TableOptions *options) MUST_CHECK;
void table_free(Table *table); /* accepts NULL */

/* The value as text, "0.831 ± 0.012", without marks for bold; "–" where there is none. Returns buf. */
enum { VALUE_LEN = 96 };
char *table_value_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value);

/* "char_accuracy ↑", "centre_error_px ↓". Returns buf. */
char *table_header_text(char buf[VALUE_LEN], const TableColumn *column);

#endif

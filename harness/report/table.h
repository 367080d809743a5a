/* The table of one or several results files: what was measured per variant, how it differs from the baseline, what it
 * costs. A model of numbers and words without layout; format_<name>.c lay it out. Its text is clean: UTF-8 on one
 * line, whatever the files hold. Depends on record/results and stats. */
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
    const char *remark; /* printed right behind a number, " (2/7)"; NULL = none */
    bool bold;
} TableValue;

typedef struct TableColumn {
    const char *key;    /* for programs, --columns and macros: "char_accuracy_difference" */
    const char *header; /* for people */
    const char *unit;   /* "px", "MiB"; "" = none */
    const char *metric; /* of which it tells at the table's set and step; NULL = of none */
    ValueKind kind;     /* of its values, where they exist; words may stand in the place of a number */
    int direction;      /* +1 higher is better, -1 lower, 0 neither */
    int decimals;
    bool is_signed;    /* a difference: print + */
    bool is_grouped;   /* 183,973 */
    bool is_words;     /* begins at one place; numbers end at one */
    bool is_repeat;    /* figures of another column again, for people: formats for programs leave it out */
    const char *after; /* behind the number: "x" of a ratio; "" = none */
} TableColumn;

/* Columns that people look at together. */
typedef struct TableSection {
    const char *title; /* "" = none */
    size_t first, n;   /* its columns */
} TableSection;

/* A cell without figures. */
typedef struct TableFailure {
    int64_t seed;
    CellStatus status;
    const char *cause; /* "" = none given */
} TableFailure;

typedef struct TableRow {
    const char *label;   /* "revised, focus.lambda=0.5"; of several files "drift: revised, focus.lambda=0.5" */
    const char *name;    /* "revised,focus.lambda=0.5": its cells' name without the seed */
    const char *variant; /* "" for uniform attention */
    size_t file;         /* index of its file */
    bool is_baseline, is_primary, is_chance;
    size_t baseline;   /* row it is compared with; itself if there is none, or it is not shown */
    bool is_improving; /* the last two evaluations still differ: training was stopped before its end */
    size_t n_cells, count[CELL_STATUS_COUNT];
    size_t n_failures;
    TableFailure *failure; /* [n_failures] its cells that are not done, in the order of the file */
    const char *settings;  /* "key=value" of the settings in which rows differ, two spaces between; "" = none */
    const char **setting;  /* [n_settings] the same, one by one */
    size_t n_settings;
    TableValue *value; /* [n_columns] */
} TableRow;

typedef struct TableFile {
    const char *path;
    const char *label;                 /* the experiment, or the file's name where another has the same experiment */
    const char *experiment, *question; /* "" = unknown */
    const char *baseline;              /* NULL = none */
    const char *primary_variant, *primary_metric, *primary_set, *primary_at; /* NULL = not declared */
    double margin;                                                           /* of equivalence, >= 0; 0 = none */
    const char *tuning;   /* the grid by which settings were chosen; NULL = none was named */
    bool is_primary;      /* the table shows the declared metric, set and step: p, verdict and bold are given */
    bool is_elsewhere;    /* the table's set or step is not the declared one */
    size_t n_comparisons; /* of variants with the baseline: what Holm adjusts for */
    size_t n_pairs;       /* most that one of them rests on */
} TableFile;

typedef struct Table {
    Pool pool;                     /* owns everything below */
    const char *title;             /* the experiments */
    const char *metric, *set, *at; /* what is compared, and where figures are read */
    const char *caption;           /* what the figures are: set, step, spread */
    bool has_digits;               /* the number of decimals was asked for */
    size_t n_files, n_sections, n_columns, n_rows, n_notes;
    TableFile *file;
    TableSection *section;
    TableColumn *column;
    TableRow *row;
    const char **note; /* whole sentences, in the order of their importance */
} Table;

typedef struct TableOptions {
    const char *metric; /* compared with the baseline; NULL = the grid's primary metric, or char_accuracy */
    const char *set;    /* NULL = the grid's, or test, or valid */
    const char *at;     /* "last", "best" (on valid) or a step; NULL = the grid's, or last */
    bool mixed_code;    /* accept rows whose cells were trained by different code */
    size_t n_rows;
    const char *const *rows; /* [n_rows] patterns of the rows to show; none = all */
    const char *columns;     /* keys or patterns, commas between: these columns in this order; NULL = as usual */
    bool has_digits;
    int digits; /* has_digits: decimals of metrics and their differences; else 3, of pixels 2 */
} TableOptions;

/* The files in the order given; rows of different files are never compared. The caller frees *out (table_free).
 * ERR_ARG for a malformed option; ERR_NOTHING for a metric, set, step, row or column that no cell has, with those that
 * there are; ERR_DATA for mixed code and damaged cells; ERR_NOMEM. */
Err table_build(Table **out, const Results *const *results, size_t n_results, const TableOptions *options) MUST_CHECK;
void table_free(Table *table); /* accepts NULL */

/* The value as text, "0.831 ± 0.012", without marks for bold; "–" where there is none. Returns buf. */
enum { VALUE_LEN = 160 };
char *table_value_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value);

/* One number of a value as that text shows it: value->mean, ->std, ->low or ->high. "–" for NaN. Returns buf. */
char *table_number_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value, double number);

/* The number for programs: as it is, or rounded to the column's decimals where these were asked for. */
double table_plain_number(const Table *table, const TableColumn *column, double number);

/* "char_accuracy ↑", "centre_error_px ↓". Returns buf. */
char *table_header_text(char buf[VALUE_LEN], const TableColumn *column);

#endif

/* One table in every format: the same figures, nothing lost, nothing taken for markup. Golden files as in
 * tests/test_table.c; LaTeX is run through pdflatex where it and booktabs are installed. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report/format.h"
#include "harness/report/long.h"
#include "harness/report/macros.h"
#include "tests/study.h"
#include "tests/table_reader.h"

static const TableOptions as_declared = {0};

static char *macros_of(const Table *table) {
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_ok(macros_write(to, table));
    assert_int_equal(fclose(to), 0);
    return text;
}

static char *long_of(const Study *study, const TableOptions *options) {
    Results *results = NULL;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_ok(results_open(&results, study->path));
    assert_ok(long_write(to, (const Results *const[]){results}, 1, options));
    assert_int_equal(fclose(to), 0);
    results_close(results);
    return text;
}

/* Scratch paths are not what a golden file is about. */
static void forget_folder(char *text, const char *folder) {
    for (char *at = strstr(text, folder); at != NULL; at = strstr(at, folder))
        memmove(at, at + strlen(folder) + 1, strlen(at + strlen(folder)));
}

static void check_golden(const Study *study, const Table *table, const char *format, const char *golden) {
    char *text = study_format(table, format);
    forget_folder(text, study->folder);
    study_compare_golden(text, golden);
    free(text);
}

static void test_golden(void **state) {
    Study *study = *state;
    Table *table = NULL;
    study_seven(study);
    /* Unrounded, the last digits are the mathematical library's. */
    assert_ok(study_table(study, &(TableOptions){.has_digits = true, .digits = 6}, &table));
    check_golden(study, table, "csv", "table_seven.csv");
    check_golden(study, table, "json", "table_seven.json");
    table_free(table);
    assert_ok(study_table(study, &as_declared, &table));
    check_golden(study, table, "latex", "table_seven.tex");
    char *macros = macros_of(table);
    study_compare_golden(macros, "table_seven_macros.tex");
    free(macros);
    table_free(table);
    const char *const rows[] = {"original", "revised"};
    char *records = long_of(study, &(TableOptions){.metric = "hit_rate", .n_rows = 2, .rows = rows});
    study_compare_golden(records, "table_seven_long.csv");
    free(records);
}

/* ---- the same figures ---- */

/* The values that the table has for a row, in order, as people see them; those that do not exist are left out. */
static size_t expected_values(const Table *table, const TableRow *row, char out[][VALUE_LEN], size_t column[]) {
    size_t n = 0;
    for (size_t c = 0; c < table->n_columns; c++) {
        if (row->value[c].kind == VALUE_NONE) continue;
        column[n] = c;
        (void)table_value_text(out[n++], &table->column[c], &row->value[c]);
    }
    return n;
}

enum { MANY = 64 };

/* Every row's values in one format for people, against the model's. */
static void check_people(const Table *table, const char *format) {
    char *text = study_format(table, format);
    TableReader reader;
    reader_read(&reader, format, text);
    for (size_t i = 0; i < table->n_rows; i++) {
        char value[MANY][VALUE_LEN];
        size_t column[MANY], n = expected_values(table, &table->row[i], value, column);
        const ReaderRow *row = reader_row(&reader, table->row[i].label);
        if (row == NULL) fail_msg("%s has no row '%s'", format, table->row[i].label);
        if (row->n != n) fail_msg("%s, %s: %zu values, expected %zu", format, row->label, row->n, n);
        for (size_t k = 0; k < n; k++)
            if (strcmp(row->value[k], value[k]) != 0)
                fail_msg("%s, %s, %s: '%s', expected '%s'", format, row->label, table->column[column[k]].key,
                         row->value[k], value[k]);
    }
    free(text);
}

/* The numbers in a value's text: "1.62× ± 0.01" has two, "0.047 [0.045, 0.049]" three. Commas between digits group. */
static size_t numbers_in(const char *text, double out[4]) {
    size_t n = 0;
    while (*text != '\0' && n < 4) {
        char digits[64];
        size_t len = 0;
        if (!isdigit((unsigned char)*text) && !(strchr("+-", *text) != NULL && isdigit((unsigned char)text[1]))) {
            text++;
            continue;
        }
        do {
            if (*text != ',') digits[len++] = *text;
            text++;
        } while (isdigit((unsigned char)*text) || *text == '.' || (*text == ',' && isdigit((unsigned char)text[1])));
        digits[len] = '\0';
        out[n++] = strtod(digits, NULL);
    }
    return n;
}

static double csv_number(const TableReader *csv, size_t row, const char *key, const char *part) {
    char name[200];
    (void)snprintf(name, sizeof name, "%s%s", key, part);
    const char *text = reader_field(csv, row, name);
    if (text == NULL) fail_msg("the CSV has no field %s", name);
    return text[0] == '\0' ? NAN : strtod(text, NULL);
}

static void near_text(const char *where, double shown, double exact, int decimals) {
    double half = 0.5 * pow(10, -decimals);
    if (!(fabs(shown - exact) <= half * (1 + 1e-9))) fail_msg("%s: %.10g, but %.17g in CSV", where, shown, exact);
}

/* What the CSV has of one value, against the numbers that people see. */
static void check_csv_value(const Table *table, const TableReader *csv, size_t row, size_t c) {
    const TableColumn *column = &table->column[c];
    const TableValue *value = &table->row[row].value[c];
    char text[VALUE_LEN];
    double shown[4];
    (void)table_value_text(text, column, value);
    if (column->kind == VALUE_TEXT || value->kind == VALUE_TEXT) {
        const char *field = reader_field(csv, row, column->key);
        assert_string_equal(field, column->kind == VALUE_TEXT && value->kind == VALUE_TEXT ? text : "");
        return;
    }
    const bool none = value->kind == VALUE_NONE;
    if (none) assert_true(isnan(csv_number(csv, row, column->key, "")));
    if (none) return;
    size_t n = numbers_in(text, shown);
    assert_true(n >= 1);
    near_text(column->key, shown[0], csv_number(csv, row, column->key, ""), column->decimals);
    if (value->kind == VALUE_SPREAD && !isnan(value->std))
        near_text(column->key, shown[1], csv_number(csv, row, column->key, "_std"), column->decimals);
    if (value->kind != VALUE_INTERVAL || isnan(value->low)) return;
    near_text(column->key, shown[1], csv_number(csv, row, column->key, "_low"), column->decimals);
    near_text(column->key, shown[2], csv_number(csv, row, column->key, "_high"), column->decimals);
}

/* JSON has the very numbers of the CSV, and the text that people see. */
static void check_json_value(const Table *table, const TableReader *csv, const json_t *values, size_t row, size_t c) {
    static const struct {
        const char *name, *part;
    } part[] = {{"mean", ""}, {"value", ""}, {"std", "_std"}, {"low", "_low"}, {"high", "_high"}};
    const TableColumn *column = &table->column[c];
    char text[VALUE_LEN];
    const json_t *value = json_object_get(values, column->key);
    assert_non_null(value);
    if (table->row[row].value[c].kind == VALUE_NONE) {
        assert_true(json_is_null(value));
        return;
    }
    assert_string_equal(json_string_value(json_object_get(value, "text")),
                        table_value_text(text, column, &table->row[row].value[c]));
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        const json_t *number = json_object_get(value, part[i].name);
        if (number == NULL || column->kind == VALUE_TEXT) continue;
        double expected = csv_number(csv, row, column->key, part[i].part);
        assert_true(json_is_null(number) ? isnan(expected) : json_number_value(number) == expected);
    }
}

static void check_programs(const Table *table) {
    char *csv_text = study_format(table, "csv"), *json_text = study_format(table, "json");
    TableReader csv;
    json_error_t error;
    reader_read(&csv, "csv", csv_text);
    json_t *json = json_loads(json_text, 0, &error);
    if (json == NULL) fail_msg("JSON: %s in line %d", error.text, error.line);
    const json_t *rows = json_object_get(json, "rows");
    assert_int_equal(json_array_size(rows), table->n_rows);
    assert_int_equal(csv.n, table->n_rows);
    for (size_t i = 0; i < table->n_rows; i++) {
        const json_t *row = json_array_get(rows, i);
        assert_string_equal(json_string_value(json_object_get(row, "label")), table->row[i].label);
        for (size_t c = 0; c < table->n_columns; c++) {
            if (table->column[c].is_repeat) continue;
            check_csv_value(table, &csv, i, c);
            check_json_value(table, &csv, json_object_get(row, "values"), i, c);
        }
    }
    json_decref(json);
    free(csv_text);
    free(json_text);
}

/* Macros stand row by row and column by column; after each whole figure its parts. */
static void check_macros(const Table *table) {
    char *text = macros_of(table);
    TableReader macros;
    size_t at = 0;
    reader_read(&macros, "macros", text);
    for (size_t i = 0; i < table->n_rows; i++)
        for (size_t c = 0; c < table->n_columns; c++) {
            char expected[VALUE_LEN];
            if (table->column[c].is_repeat) continue;
            (void)table_value_text(expected, &table->column[c], &table->row[i].value[c]);
            assert_true(at < macros.n);
            assert_string_equal(macros.row[at].value[0], expected);
            const char *whole = macros.row[at++].label;
            while (at < macros.n && reader_is_part(whole, macros.row[at].label)) at++;
        }
    assert_int_equal(at, macros.n);
    for (size_t i = 0; i < macros.n; i++) { /* legal names, each once: else LaTeX stops */
        const char *name = macros.row[i].label;
        for (const char *c = name; *c != '\0'; c++) assert_true(isalpha((unsigned char)*c));
        for (size_t k = 0; k < i; k++) assert_string_not_equal(name, macros.row[k].label);
    }
    free(text);
}

static void check_all_formats(const Table *table) {
    static const char *const people[] = {"text", "markdown", "latex"};
    for (size_t i = 0; i < sizeof people / sizeof *people; i++) check_people(table, people[i]);
    check_programs(table);
    check_macros(table);
}

static void test_same_figures(void **state) {
    Study *study = *state;
    Table *table = NULL;
    int n = 0;
    (void)format_list(&n);
    assert_int_equal(n, 5); /* a new format needs its place here */
    study_seven(study);
    static const TableOptions row[] = {{0},
                                       {.metric = "hit_rate", .set = "valid", .at = "20"},
                                       {.columns = "*"},
                                       {.columns = "char_accuracy,difference,planned_mib,verdict"},
                                       {.has_digits = true, .digits = 5},
                                       {.has_digits = true, .digits = 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_ok(study_table(study, &row[i], &table));
        check_all_formats(table);
        table_free(table);
    }
}

/* ---- cells without figures ---- */
static void three_ends(Study *study) {
    for (int64_t seed = 0; seed < 3; seed++) {
        study_add(study, (SampleSpec){.variant = "baseline",
                                      .seed = seed,
                                      .accuracy = 0.5 + 0.01 * (double)seed,
                                      .hit = 0.8,
                                      .ms = 80,
                                      .planned_bytes = 1 << 20});
        study_add(study, (SampleSpec){.variant = "mixed",
                                      .seed = seed,
                                      .planned_bytes = 1 << 21,
                                      .status = seed == 0   ? CELL_FAILED
                                                : seed == 1 ? CELL_DIVERGED
                                                            : CELL_OVER_BUDGET,
                                      .cause = seed == 0 ? "killed by signal 11" : NULL});
    }
    study_pack(study, (PackGrid){.baseline = "baseline",
                                 .primary_variant = "mixed",
                                 .primary_metric = "char_accuracy",
                                 .primary_margin = NAN});
}

static void must_have(const char *format, const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("%s does not say '%s':\n%s", format, words, text);
}

static void test_every_end_shows(void **state) {
    Study *study = *state;
    Table *table = NULL;
    three_ends(study);
    assert_ok(study_table(study, &as_declared, &table));
    check_all_formats(table);
    static const char *const causes[] = {"killed by signal 11", "loss is nan",
                                         "plan of 30 GiB over a budget of 24 GiB"};
    static const char *const formats[] = {"text", "markdown", "latex", "csv", "json"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *text = study_format(table, formats[i]);
        for (char *c = text; *c != '\0'; c++) /* wrapped lines */
            if (*c == '\n') *c = ' ';
        for (size_t k = 0; k < sizeof causes / sizeof *causes; k++)
            if (strcmp(formats[i], "text") != 0 || k != 2) must_have(formats[i], text, causes[k]);
        must_have(formats[i], text, "over budget");
        free(text);
    }
    char *csv_text = study_format(table, "csv"), *macros = macros_of(table), *records = long_of(study, &as_declared);
    TableReader csv, cells;
    reader_read(&csv, "csv", csv_text);
    static const char *const ends[] = {"failed", "diverged", "over_budget"};
    for (size_t i = 0; i < 3; i++) assert_string_equal(reader_field(&csv, 1, ends[i]), "1");
    assert_string_equal(reader_field(&csv, 1, "done"), "0");
    must_have("macros", macros, "\\newcommand{\\StudyMixedUnfinished}{1 over budget, 1 diverged, 1 failed}");
    reader_read(&cells, "csv", records);
    for (size_t i = 0; i < 3; i++) {
        size_t at = 0;
        while (at < cells.n && strcmp(reader_field(&cells, at, "status"), ends[i]) != 0) at++;
        assert_true(at < cells.n);
        assert_string_equal(reader_field(&cells, at, "value"), "");
    }
    free(csv_text);
    free(macros);
    free(records);
    table_free(table);
}

/* ---- names that mean something to a format ---- */
static const char *const hostile[] = {
    "a|b*_c_`d`",
    "100% \\input{x} $y$ #1 & {z} ~^",
    "\"said\", she; 'no'",
    "[opt]*star",
    "two\nlines\tand\x1b[31m",
    "原型 — né ñ ŭ 🙂",
    "=1+1",
    "<b>&amp;</b> [l](u) ![i](u)",
    "--dash---",
    "- item",
    "# head",
    "1. one",
    "\xff\xfe",
};
enum { N_HOSTILE = sizeof hostile / sizeof *hostile };

static void hostile_study(Study *study) {
    for (int64_t seed = 0; seed < 2; seed++) {
        study_add(study, (SampleSpec){.variant = "baseline",
                                      .seed = seed,
                                      .accuracy = 0.5,
                                      .hit = 0.8,
                                      .ms = 80,
                                      .planned_bytes = 1 << 20,
                                      .identity = "train.steps=40\n"});
        for (size_t i = 0; i < N_HOSTILE; i++) {
            char identity[400];
            (void)snprintf(identity, sizeof identity, "x=``tick``|%s\n", strchr(hostile[i], '\n') ? "" : hostile[i]);
            study_add(study, (SampleSpec){.variant = hostile[i],
                                          .seed = seed,
                                          .accuracy = 0.5 + 0.01 * (double)i,
                                          .hit = 0.8,
                                          .ms = 81,
                                          .planned_bytes = 1 << 20,
                                          .identity = identity,
                                          .status = i == 1 && seed == 1 ? CELL_FAILED : CELL_DONE,
                                          .cause = "exit 1: '%s' \\ {\n} | $"});
        }
    }
    study_pack(study, (PackGrid){.experiment = "50%_off & \"more\"",
                                 .question = "Is $x^2$ \\evil{}\n\nbetter, or | worse?\n",
                                 .baseline = "baseline",
                                 .primary_variant = hostile[0],
                                 .primary_metric = "char_accuracy",
                                 .primary_margin = 0.01});
}

/* Pipes that Markdown takes for the edges of cells. */
static size_t count_edges(const char *line, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\\')
            i++;
        else if (line[i] == '|')
            n++;
    }
    return n;
}

static void check_markdown_edges(const char *text) {
    size_t columns = 0;
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (strncmp(line, "| |", 3) == 0) columns = count_edges(line, len);
        if (line[0] == '|') assert_int_equal(count_edges(line, len), columns);
        line += len + (line[len] == '\n');
    }
    assert_true(columns > 0);
}

static void test_hostile_names(void **state) {
    Study *study = *state;
    Table *table = NULL;
    int n = 0;
    hostile_study(study);
    assert_ok(study_table(study, &as_declared, &table));
    check_programs(table);
    check_macros(table);
    const Format *const *formats = format_list(&n);
    for (int i = 0; i < n; i++) { /* no control characters but line ends, whatever the format */
        char *text = study_format(table, formats[i]->name);
        for (const char *c = text; *c != '\0'; c++) assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        if (strcmp(formats[i]->name, "markdown") == 0) check_markdown_edges(text);
        free(text);
    }
    char *text = study_format(table, "csv");
    TableReader csv;
    reader_read(&csv, "csv", text);
    assert_string_equal(reader_field(&csv, 1, "variant"), hostile[0]);
    assert_string_equal(reader_field(&csv, 3, "variant"), hostile[2]);
    assert_string_equal(reader_field(&csv, 5, "variant"), "two lines and\xef\xbf\xbd[31m");
    assert_string_equal(reader_field(&csv, 0, "experiment"), "50%_off & \"more\"");
    free(text);
    table_free(table);
}

/* ---- LaTeX ---- */
static bool has_latex(void) {
    return system("command -v pdflatex >/dev/null 2>&1 && kpsewhich booktabs.sty >/dev/null 2>&1") == 0;
}

/* A minimal document of the table and its macros, each of them used. */
static void compile(const Study *study, const Table *table) {
    char path[STUDY_PATH + 40], command[2 * STUDY_PATH + 200];
    char *text = study_format(table, "latex"), *macros = macros_of(table);
    TableReader names;
    (void)snprintf(path, sizeof path, "%s/table.tex", study->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "\\documentclass{article}\n\\usepackage{booktabs}\n%s\\begin{document}\n%s", macros, text);
    reader_read(&names, "macros", macros);
    for (size_t i = 0; i < names.n; i++)
        if (i % 7 == 0) (void)fprintf(file, "\\%s, $\\%s$\n\n", names.row[i].label, names.row[i].label);
    (void)fputs("\\end{document}\n", file);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command,
                   "cd '%s' && pdflatex -interaction=nonstopmode -halt-on-error table.tex >out.txt 2>&1 || "
                   "{ tail -n 20 out.txt; exit 1; }",
                   study->folder);
    assert_int_equal(system(command), 0);
    free(text);
    free(macros);
}

static void test_latex_compiles(void **state) {
    Study *study = *state;
    Table *table = NULL;
    if (!has_latex()) skip();
    study_seven(study);
    assert_ok(study_table(study, &as_declared, &table));
    compile(study, table);
    table_free(table);
}

static void test_hostile_latex_compiles(void **state) {
    Study *study = *state;
    Table *table = NULL;
    if (!has_latex()) skip();
    hostile_study(study);
    assert_ok(study_table(study, &as_declared, &table));
    compile(study, table);
    table_free(table);
}

/* ---- names of macros ---- */
static void test_macro_names(void **state) {
    Study *study = *state;
    Table *table = NULL;
    static const SampleSpec net = {.variant = "net-32", .accuracy = 0.5, .hit = 1, .ms = 1, .planned_bytes = 1 << 20};
    static const char *const axis[] = {"focus.lambda=0.5", "train.lr=1e-3", "shift=-10", "shift=.05"};
    for (size_t i = 0; i < 4; i++) study_add_with(study, &net, &axis[i], "c0de");
    for (size_t i = 0; i < 2; i++) /* one name in words */
        study_add(study, (SampleSpec){.variant = i == 0 ? "a_b" : "a.b", .hit = 1, .ms = 1, .planned_bytes = 1 << 20});
    study_pack(study, (PackGrid){.primary_margin = NAN});
    assert_ok(study_table(study, &(TableOptions){.columns = "n,char_accuracy", .at = "40"}, &table));
    char *text = macros_of(table);
    static const char *const names[] = {"StudyNetThreeTwoFocusLambdaZeroPointFiveN}",
                                        "StudyNetThreeTwoTrainLrOneEMinusThreeN}",
                                        "StudyNetThreeTwoShiftMinusOneZeroOnTestAtStepFourZeroCharAccuracyMean}",
                                        "StudyNetThreeTwoShiftPointZeroFiveN}",
                                        "StudyABN}",
                                        "StudyABTwoN}"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) must_have("macros", text, names[i]);
    free(text);
    table_free(table);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, study_setup, study_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_golden),        TEST(test_same_figures),   TEST(test_every_end_shows),
        TEST(test_hostile_names), TEST(test_latex_compiles), TEST(test_hostile_latex_compiles),
        TEST(test_macro_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* refocus table: a results file as a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/record/results.h"
#include "harness/report/format.h"
#include "harness/report/long.h"
#include "harness/report/macros.h"
#include "harness/terminal.h"
#include "kernels/mem.h"

typedef struct Inputs {
    size_t n;
    Results **results; /* [n] */
} Inputs;

static Err open_inputs(Inputs *inputs, const CommandLine *line) {
    Err err = ERR_OK;
    const int n = command_n_operands(line);
    TRY(mem_alloc(&inputs->results, (size_t)n, sizeof *inputs->results));
    for (int i = 0; i < n; i++, inputs->n++) TRY(results_open_shown(&inputs->results[i], command_operand(line, i)));
done:
    return err;
}

static void close_inputs(Inputs *inputs) {
    for (size_t i = 0; i < inputs->n; i++) results_close(inputs->results[i]);
    mem_free(inputs->results);
}

/* *patterns is the caller's (mem_free). */
static Err read_options(TableOptions *out, const char ***patterns, const CommandLine *line) {
    Err err = ERR_OK;
    int64_t digits = 0;
    const int n = command_n_values(line, "rows");
    TRY(mem_alloc(patterns, (size_t)n, sizeof **patterns));
    for (int i = 0; i < n; i++) (*patterns)[i] = command_value_at(line, "rows", i);
    TRY(command_int(&digits, line, "digits", 0, 0, 9));
    *out = (TableOptions){.metric = command_value(line, "metric"),
                          .set = command_value(line, "set"),
                          .at = command_value(line, "at"),
                          .mixed_code = command_has(line, "mixed-code"),
                          .n_rows = (size_t)n,
                          .rows = *patterns,
                          .columns = command_value(line, "columns"),
                          .has_digits = command_has(line, "digits"),
                          .digits = (int)digits};
done:
    return err;
}

/* --macros and --long are shapes of their own, with one format each; what has no meaning there is refused. */
static Err check_shape(const CommandLine *line) {
    Err err = ERR_OK;
    const char *format = command_value(line, "format");
    const bool is_macros = command_has(line, "macros"), is_long = command_has(line, "long");
    FAIL_IF(is_macros && is_long, ERR_ARG, "--macros and --long cannot go together");
    FAIL_IF(is_macros && format != NULL && strcmp(format, "latex") != 0, ERR_ARG,
            "--macros writes LaTeX; --format %s does not go with it", format);
    FAIL_IF(is_long && format != NULL && strcmp(format, "csv") != 0, ERR_ARG,
            "--long writes CSV; --format %s does not go with it", format);
    static const char *const unused[] = {"at", "columns", "digits"};
    for (size_t i = 0; is_long && i < sizeof unused / sizeof *unused; i++)
        FAIL_IF(command_has(line, unused[i]), ERR_ARG,
                "--long writes every step and number as recorded; --%s does not go with it", unused[i]);
done:
    return err;
}

static Err write_table(const CommandLine *line, const Inputs *inputs, const TableOptions *options) {
    Err err = ERR_OK;
    Table *table = NULL;
    const Format *format = NULL;
    const char *name = command_value(line, "format");
    const Results *const *results = (const Results *const *)inputs->results;
    if (command_has(line, "long")) return long_write(stdout, results, inputs->n, options);
    TRY(format_find(&format, name != NULL ? name : "text"));
    TRY(table_build(&table, results, inputs->n, options));
    TRY(command_has(line, "macros") ? macros_write(stdout, table) : format->table(stdout, table));
done:
    table_free(table);
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Inputs inputs = {0};
    TableOptions options;
    const char **patterns = NULL;
    const Format *format = NULL;
    if (command_has(line, "format")) TRY(format_find(&format, command_value(line, "format")));
    TRY(check_shape(line));
    TRY(read_options(&options, &patterns, line));
    TRY(open_inputs(&inputs, line));
    errno = 0;
    TRY(write_table(line, &inputs, &options));
    TRY(terminal_flush(stdout, "the table"));
done:
    close_inputs(&inputs);
    mem_free(patterns);
    return err;
}

static const CommandOption options[] = {
    {.name = "format", .letter = 'f', .arg = "NAME", .choices = FORMAT_CHOICES, .help = "how it is laid out (text)"},
    {.name = "metric",
     .letter = 'm',
     .arg = "METRIC",
     .help = "what is compared with the baseline (the grid's primary)"},
    {.name = "set", .arg = "SET", .help = "evaluation set of the figures (the grid's, else test)"},
    {.name = "at", .arg = "PLACE", .help = "last, best (on valid), or a step (the grid's, else last)"},
    {.name = "rows", .letter = 'r', .arg = "ROW", .help = "only rows with such names, '*' is wild; may be repeated"},
    {.name = "columns",
     .letter = 'c',
     .arg = "LIST",
     .help = "these columns in this order: n,char_accuracy,difference"},
    {.name = "digits", .letter = 'd', .arg = "N", .help = "decimals of metrics and their differences (3; of pixels 2)"},
    {.name = "macros", .help = "LaTeX: one \\newcommand per figure"},
    {.name = "long", .help = "CSV: a record per cell, step and metric; --set train: training curves"},
    {.name = "mixed-code", .help = "accept rows whose cells were trained by different code"},
    COMMAND_OPTION_END};

const Command cmd_table = {
    .name = "table",
    .summary = "print the table of a results file",
    .usage = "RESULTS.h5 [RESULTS.h5 ...]",
    .about = "Per variant: figures over seeds, the paired difference to the baseline with its interval and verdict,\n"
             "memory, time; above it the settings in which the rows differ, below it what failed and what the\n"
             "figures cannot show. p, verdict and bold belong to the metric that the grid declares as primary; Holm\n"
             "counts all of its comparisons, whether --rows shows them or not. Rows of several files stand in one\n"
             "table and are compared within their file only. Planned and measured MiB are of the arena that a cell\n"
             "computes in, RSS is the most that its whole process had in memory. Works on the sealed cell.h5 of a\n"
             "single cell too.",
    .example = "refocus table results/quickstart.h5 --format markdown\n"
               "refocus table results/drift.h5 --rows 'revised*' --columns n,char_accuracy,difference,planned_mib\n"
               "refocus table results/drift.h5 --format latex >drift.tex\n"
               "refocus table results/drift.h5 --macros >figures.tex\n"
               "refocus table results/drift.h5 --long --metric hit_rate >hits.csv",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .reads_foreign = "",
    .run = run};

/* refocus table: a results file as a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/record/results.h"
#include "harness/report/format.h"

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Results *results = NULL;
    Table *table = NULL;
    const Format *format = NULL;
    const char *name = command_value(line, "format");
    const TableOptions options = {.metric = command_value(line, "metric"),
                                  .set = command_value(line, "set"),
                                  .at = command_value(line, "at"),
                                  .mixed_code = command_has(line, "mixed-code")};
    TRY(format_find(&format, name != NULL ? name : "text"));
    TRY(results_open(&results, command_operand(line, 0)));
    TRY(table_build(&table, results, &options));
    errno = 0;
    format->table(stdout, table);
    FAIL_IF(fflush(stdout) != 0 || ferror(stdout), ERR_IO, "cannot write the table: %s", strerror(errno));
done:
    table_free(table);
    results_close(results);
    return err;
}

static const CommandOption options[] = {
    {.name = "format", .letter = 'f', .arg = "NAME", .help = "text or markdown (text)"},
    {.name = "metric", .letter = 'm', .arg = "NAME", .help = "what is compared with the baseline (the grid's primary)"},
    {.name = "set", .arg = "NAME", .help = "evaluation set of the figures (the grid's, else test)"},
    {.name = "at", .arg = "PLACE", .help = "last, best (on valid), or a step (the grid's, else last)"},
    {.name = "mixed-code", .help = "accept rows whose cells were trained by different code"},
    COMMAND_OPTION_END};

const Command cmd_table = {
    .name = "table",
    .summary = "print the table of a results file",
    .usage = "RESULTS.h5",
    .about =
        "Per variant: figures over seeds, the paired difference to the baseline with its interval and verdict,\n"
        "memory, time. Planned and measured MiB are of the arena that a cell computes in, RSS is the most that its\n"
        "whole process had in memory. Works on the sealed cell.h5 of a single cell too.",
    .example = "refocus table results/quickstart.h5 --format markdown",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = 1,
    .run = run};

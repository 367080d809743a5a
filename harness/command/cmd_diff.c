/* refocus diff: two results files, cell by cell; or two traces, tensor by tensor. */
#include <errno.h>
#include <stdio.h>

#include "harness/command/command.h"
#include "harness/report/difference.h"
#include "harness/report/jsonio.h"
#include "harness/report/trace_difference.h"
#include "harness/terminal.h"

static const CommandOption options[] = {COMMAND_OPTION_JSON, COMMAND_OPTION_END};

static Err flush(void) { return terminal_flush(stdout, "to stdout"); }

static Err diff_results(const CommandLine *line) {
    Err err = ERR_OK;
    Difference difference = {0};
    const DiffSpec spec = {.path_a = command_operand(line, 0),
                           .path_b = command_operand(line, 1),
                           .cell = command_n_operands(line) > 2 ? command_operand(line, 2) : NULL};
    TRY(difference_make(&difference, &spec));
    errno = 0;
    if (command_has(line, "json"))
        TRY(jsonio_put(stdout, difference_json(&difference)));
    else
        difference_text(stdout, &difference);
    TRY(flush());
    FAIL_IF(!difference_is_none(&difference), ERR_GATE, "%s and %s differ", spec.path_a, spec.path_b);
done:
    difference_clear(&difference);
    return err;
}

static Err diff_traces(const CommandLine *line) {
    Err err = ERR_OK;
    TraceDifference difference = {0};
    const char *a = command_operand(line, 0), *b = command_operand(line, 1);
    FAIL_IF(command_n_operands(line) > 2, ERR_ARG, "'%s' is a trace of one cell: CELL is for results files", a);
    TRY(trace_difference_make(&difference, a, b));
    errno = 0;
    if (command_has(line, "json"))
        TRY(jsonio_put(stdout, trace_difference_json(&difference)));
    else
        trace_difference_text(stdout, &difference);
    TRY(flush());
    FAIL_IF(!trace_difference_is_none(&difference), ERR_GATE, "%s and %s differ", a, b);
done:
    trace_difference_clear(&difference);
    return err;
}

static Err run(const CommandLine *line) {
    bool traces = trace_is(command_operand(line, 0)) || trace_is(command_operand(line, 1));
    return traces ? diff_traces(line) : diff_results(line);
}

const Command cmd_diff = {
    .name = "diff",
    .summary = "compare two results files: settings, environment, first differing step, metrics; or two traces",
    .usage = "A.h5 B.h5 [CELL]",
    .about =
        "Cells are paired by name, of which CELL may be a pattern; two files of one cell each are compared whatever\n"
        "their names. Every recorded value is compared bit by bit. 0 if the cells are equal apart from times and "
        "where\n"
        "they were computed, which is told and does not count; 2 if they differ. Of two traces of `refocus trace`, "
        "the\n"
        "first tensor in execution order that differs is named, with its largest absolute and relative difference.",
    .example = "refocus diff results/quickstart.h5 elsewhere/quickstart.h5\n"
               "refocus diff yesterday.h5 results/quickstart.h5 'revised@*' --json\n"
               "refocus diff one_thread.h5 two_threads.h5",
    .options = options,
    .n_operands_min = 2,
    .n_operands_max = 3,
    .reads_foreign = "",
    .run = run};

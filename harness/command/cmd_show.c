/* refocus show: what a results file holds of its cells, as text, JSON, curves or pictures of attention. */
#include <stdio.h>

#include "harness/command/command.h"
#include "harness/record/results.h"
#include "harness/report/attention_sheet.h"

static const CommandOption options[] = {
    {.name = "attention",
     .letter = 'a',
     .arg = "FILE",
     .help = "draw where the network looks; PNG, SVG or PDF by the name"},
    {.name = "compare", .help = "with --attention: cells side by side (all of the first seed)"},
    {.name = "sample",
     .letter = 's',
     .arg = "LIST",
     .help = "with --attention: 3, or 0,4-6 (all; the first with --compare)"},
    {.name = "step", .arg = "STEP", .help = "with --attention: last, all, or a step (last)"},
    COMMAND_OPTION_END};

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Results *results = NULL;
    const char *cell = command_n_operands(line) > 1 ? command_operand(line, 1) : NULL;
    TRY(results_open(&results, command_operand(line, 0)));
    AttentionOptions attention = {.cell = cell,
                                  .compare = command_has(line, "compare"),
                                  .samples = command_value(line, "sample"),
                                  .step = command_value(line, "step")};
    TRY(attention_sheet_write(results, &attention, command_value(line, "attention")));
done:
    results_close(results);
    return err;
}
const Command cmd_show = {.name = "show",
                          .summary = "show cells of a results file: settings, curves, outcome, where they look",
                          .usage = "RESULTS.h5 [CELL]",
                          .example = "refocus show results/quickstart.h5 'revised@0'",
                          .options = options,
                          .n_operands_min = 1,
                          .n_operands_max = 3,
                          .run = run};

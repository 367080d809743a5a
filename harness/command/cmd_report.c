/* refocus report: a results file as one HTML page. */
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/record/results.h"
#include "harness/report/webpage.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "output", .letter = 'o', .arg = "FILE.html", .help = "where to write (beside RESULTS.h5, as .html)"},
    {.name = "mixed-code", .help = "show rows whose cells were trained by different code"},
    COMMAND_OPTION_END};

/* "results/quickstart.h5" gives "results/quickstart.html". The caller frees *out. */
static Err choose_path(char **out, const char *path) {
    const size_t len = strlen(path);
    const bool known = len > 3 && strcmp(path + len - 3, ".h5") == 0;
    return mem_printf(out, "%.*s.html", (int)(known ? len - 3 : len), path);
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Results *results = NULL;
    char *beside = NULL;
    const char *path = command_value(line, "output");
    TRY(results_open_shown(&results, command_operand(line, 0)));
    TRY(choose_path(&beside, command_operand(line, 0)));
    if (path == NULL) path = beside;
    TRY(webpage_write(results, path, command_has(line, "mixed-code")));
    puts(path);
done:
    results_close(results);
    mem_free(beside);
    return err;
}

const Command cmd_report = {
    .name = "report",
    .summary = "write one HTML page that tells a study: answer, attention, curves, tables, memory",
    .usage = "RESULTS.h5",
    .about =
        "The page needs nothing but a browser: no network, no other file. Its first screen holds the question and, "
        "per\n"
        "variant, the paired difference with its interval and verdict, memory and time; its figures are those of\n"
        "`refocus table`. Sliders move the attention of recorded lines through decoding and training. Equal results\n"
        "give equal bytes; --output replaces an earlier page, and no other file.",
    .example = "refocus report results/quickstart.h5 -o quickstart.html",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = 1,
    .reads_foreign = "",
    .run = run};

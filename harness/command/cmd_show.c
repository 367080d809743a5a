/* refocus show: what a results file holds of its cells, as text, JSON, curves or pictures of attention. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/record/results.h"
#include "harness/report/attention_sheet.h"
#include "harness/report/curve.h"
#include "harness/report/jsonio.h"
#include "harness/report/page.h"
#include "harness/report/pick.h"
#include "harness/report/show.h"
#include "harness/terminal.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    COMMAND_OPTION_JSON,
    {.name = "attention", .letter = 'a', .arg = "FILE", .help = "draw where the network looks: FILE.png, .svg or .pdf"},
    {.name = "compare", .help = "attention of several cells side by side (all of the first seed)"},
    {.name = "sample",
     .letter = 's',
     .arg = "LIST",
     .help = "samples to draw: 3, or 0,4-6 (all; the first with --compare)"},
    {.name = "curve",
     .letter = 'c',
     .arg = "METRIC",
     .help = "draw loss, char_accuracy, ... over steps into FILE.png, .svg or .pdf, or write .csv"},
    {.name = "set", .arg = "SET", .help = "evaluation set of the curve's metric (valid)"},
    {.name = "smooth",
     .arg = "N",
     .help = "each value of the curve a mean over N (a hundredth of a drawn loss, else 1)"},
    {.name = "log", .help = "logarithmic axis of the curve"},
    {.name = "step", .arg = "STEP", .help = "attention as it was then: last, all, or a step (last)"},
    COMMAND_OPTION_END};

/* ---- as text ---- */

static Err print_cells(const Results *results, const size_t *picked, size_t n) {
    Err err = ERR_OK;
    Show show = {0};
    for (size_t i = 0; i < n; i++) {
        TRY(show_read(&show, results, picked[i]));
        if (i > 0) (void)putchar('\n');
        show_text(stdout, &show);
        show_clear(&show);
    }
done:
    show_clear(&show);
    return err;
}

static Err print_json(const Results *results, const size_t *picked, size_t n) {
    Err err = ERR_OK;
    Show show = {0};
    json_t *cells = json_array();
    for (size_t i = 0; i < n; i++) {
        TRY(show_read(&show, results, picked[i]));
        jsonio_append(&cells, show_json(&show));
        show_clear(&show);
    }
    err = jsonio_put(stdout, cells);
    cells = NULL;
done:
    json_decref(cells);
    show_clear(&show);
    return err;
}

static Err print(const CommandLine *line, const Results *results, const char *cell) {
    Err err = ERR_OK;
    size_t *picked = NULL, n = 0;
    bool list = cell == NULL && results_count(results) > 1 && !command_has(line, "json");
    errno = 0;
    if (list) {
        TRY(show_list(stdout, results));
    } else {
        TRY(pick_cells(&picked, &n, results, cell));
        TRY(command_has(line, "json") ? print_json(results, picked, n) : print_cells(results, picked, n));
    }
    TRY(terminal_flush(stdout, "to stdout"));
done:
    mem_free(picked);
    return err;
}

/* ---- as a picture ---- */

static Err draw_attention(const CommandLine *line, const Results *results, const char *cell) {
    const char *path = command_value(line, "attention");
    AttentionOptions attention = {.cell = cell,
                                  .compare = command_has(line, "compare"),
                                  .samples = command_value(line, "sample"),
                                  .step = command_value(line, "step")};
    Err err = attention_sheet_write(results, &attention, path);
    if (err == ERR_OK) puts(path);
    return err;
}

static Err draw_curve(const CommandLine *line, const Results *results) {
    Err err = ERR_OK;
    int n = command_n_operands(line);
    const char *path = command_operand(line, n - 1);
    CurveOptions curve = {.cell = n > 2 ? command_operand(line, 1) : NULL,
                          .metric = command_value(line, "curve"),
                          .set = command_value(line, "set"),
                          .log = command_has(line, "log")};
    TRY(command_int(&curve.smooth, line, "smooth", 0, 1, 1000000));
    TRY(curve_write(results, &curve, path));
    puts(path);
done:
    return err;
}

/* Options of a picture mean nothing without it, and there is one picture at a time. */
static Err check(const CommandLine *line) {
    static const struct {
        const char *name, *with, *arg;
    } parts[] = {{"compare", "attention", "FILE"}, {"sample", "attention", "FILE"}, {"step", "attention", "FILE"},
                 {"set", "curve", "METRIC"},       {"smooth", "curve", "METRIC"},   {"log", "curve", "METRIC"}};
    Err err = ERR_OK;
    bool drawn = command_has(line, "attention"), curve = command_has(line, "curve");
    int n = command_n_operands(line);
    FAIL_IF(drawn + curve + command_has(line, "json") > 1, ERR_ARG,
            "--json, --attention and --curve do not go together: choose one");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        FAIL_IF(command_has(line, parts[i].name) && !command_has(line, parts[i].with), ERR_ARG,
                "--%s goes with --%s %s", parts[i].name, parts[i].with, parts[i].arg);
    FAIL_IF(n > 2 && !curve, ERR_ARG, "show takes RESULTS.h5 [CELL], not '%s'", command_operand(line, 2));
    FAIL_IF(curve && n < 2, ERR_ARG, "where to write is missing: refocus show %s [CELL] --curve %s FILE.pdf",
            command_operand(line, 0), command_value(line, "curve"));
    if (curve) TRY(curve_check_name(command_operand(line, n - 1)));
    if (drawn) TRY(page_check_name(command_value(line, "attention")));
done:
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Results *results = NULL;
    const char *cell = command_n_operands(line) > 1 ? command_operand(line, 1) : NULL;
    TRY(check(line));
    TRY(results_open_shown(&results, command_operand(line, 0)));
    if (command_has(line, "curve"))
        TRY(draw_curve(line, results));
    else if (command_has(line, "attention"))
        TRY(draw_attention(line, results, cell));
    else
        TRY(print(line, results, cell));
done:
    results_close(results);
    return err;
}

const Command cmd_show = {
    .name = "show",
    .summary = "show cells: settings, curves, outcome, and where the network looks",
    .usage = "RESULTS.h5 [CELL] [FILE]",
    .about =
        "CELL may have '*' and '?'; without one, cells are listed. Settings come first that differ from the "
        "baseline's.\n"
        "--attention draws, for every decoding step of a recorded line, the image where the network looks and pale\n"
        "where it does not, the true box, the centre of attention with its error, and what was read; with --compare\n"
        "the cells that CELL matches one below the other, for the same line. --curve METRIC writes FILE: a line per\n"
        "cell, the mean and the range over seeds per variant.",
    .example = "refocus show results/quickstart.h5 'revised@*'\n"
               "refocus show results/quickstart.h5 'revised@0' --attention revised.png --sample 0,3\n"
               "refocus show results/quickstart.h5 --compare --attention figure.pdf --sample 3\n"
               "refocus show results/quickstart.h5 --curve char_accuracy curves.pdf",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = 3,
    .reads_foreign = "",
    .run = run};

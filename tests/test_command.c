/* Command lines: parsing, readers, messages, nearest names, exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "harness/command/command.h"
#include "harness/exit_code.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static Err never_run(const CommandLine *line) {
    (void)line;
    return ERR_OK;
}

static const CommandOption rows[] = {
    {.name = "jobs", .letter = 'j', .arg = "N", .help = "cells at once"},
    {.name = "format", .letter = 'f', .arg = "NAME", .choices = "text|markdown|latex", .help = "how"},
    {.name = "cells", .arg = "PATTERN", .help = "which"},
    {.name = "dry-run", .letter = 'n', .help = "only say"},
    {.name = "quiet", .letter = 'q', .help = "say less"},
    COMMAND_OPTION_END,
};
static const Command command = {.name = "run",
                                .usage = "GRID.yaml [KEY=VALUE ...]",
                                .options = rows,
                                .n_operands_min = 1,
                                .n_operands_max = -1,
                                .run = never_run};
static const Command strict = {
    .name = "one", .usage = "FILE", .n_operands_min = 1, .n_operands_max = 1, .run = never_run};

enum { MAX_WORDS = 16 };

/* Splits words at blanks and parses them. The values borrow `buffer`. */
static Err parse(CommandLine **out, const Command *cmd, const char *words, char buffer[256]) {
    char *argv[MAX_WORDS], *save = NULL;
    int argc = 0;
    (void)snprintf(buffer, 256, "%s", words);
    for (char *w = strtok_r(buffer, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) argv[argc++] = w;
    return command_parse(out, cmd, argc, argv);
}

static void options_in_every_form(void **state) {
    (void)state;
    static const char *const forms[] = {"g.yaml --jobs=2 --dry-run --format text", "--jobs 2 -n g.yaml -ftext",
                                        "-nqj2 -f text g.yaml", "-j 2 -n --format=text -- g.yaml"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char buffer[256];
        CommandLine *line = NULL;
        assert_int_equal(parse(&line, &command, forms[i], buffer), ERR_OK);
        int64_t jobs = 0;
        assert_int_equal(command_int(&jobs, line, "jobs", 1, 1, 64), ERR_OK);
        assert_int_equal(jobs, 2);
        assert_true(command_has(line, "dry-run"));
        assert_string_equal(command_value(line, "format"), "text");
        assert_int_equal(command_n_operands(line), 1);
        assert_string_equal(command_operand(line, 0), "g.yaml");
        command_line_free(line);
    }
}

static void repeated_options_keep_their_order_and_the_last_wins(void **state) {
    (void)state;
    char buffer[256];
    CommandLine *line = NULL;
    assert_int_equal(parse(&line, &command, "g --cells a* --cells=b -j1 -j 7 x=1 - -- --jobs", buffer), ERR_OK);
    assert_int_equal(command_n_values(line, "cells"), 2);
    assert_string_equal(command_value_at(line, "cells", 0), "a*");
    assert_string_equal(command_value_at(line, "cells", 1), "b");
    assert_null(command_value_at(line, "cells", 2));
    assert_string_equal(command_value(line, "jobs"), "7");
    assert_null(command_value(line, "format"));
    assert_int_equal(command_n_operands(line), 4);
    assert_string_equal(command_operand(line, 2), "-");
    assert_string_equal(command_operand(line, 3), "--jobs");
    command_line_free(line);
}

static void defaults_and_ranges(void **state) {
    (void)state;
    char buffer[256];
    CommandLine *line = NULL;
    int64_t n = 0;
    double x = 0;
    assert_int_equal(parse(&line, &command, "g", buffer), ERR_OK);
    assert_int_equal(command_int(&n, line, "jobs", 3, 1, 64), ERR_OK);
    assert_int_equal(n, 3);
    command_line_free(line);
    static const char *const wrong[] = {"0", "65", "2x", "", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char word[64], grid[] = "g", *argv[] = {grid, word};
        (void)snprintf(word, sizeof word, "--jobs=%s", wrong[i]);
        assert_int_equal(command_parse(&line, &command, 2, argv), ERR_OK);
        assert_int_equal(command_int(&n, line, "jobs", 3, 1, 64), ERR_ARG);
        assert_non_null(strstr(err_message(), "expected a whole number from 1 to 64"));
        command_line_free(line);
    }
    assert_int_equal(parse(&line, &command, "g --jobs=nan", buffer), ERR_OK);
    assert_int_equal(command_real(&x, line, "jobs", 0, 0, 1), ERR_ARG);
    command_line_free(line);
    assert_int_equal(parse(&line, &command, "g --jobs=2.5e-1", buffer), ERR_OK);
    assert_int_equal(command_real(&x, line, "jobs", 0, 0, 1), ERR_OK);
    assert_true(x == 0.25);
    command_line_free(line);
}

static void wrong_lines_have_one_clear_message(void **state) {
    (void)state;
    static const struct {
        const Command *command;
        const char *words, *message;
    } cases[] = {
        {&command, "g --job 2", "run has no option --job; did you mean --jobs?"},
        {&command, "g --dryrun", "run has no option --dryrun; did you mean --dry-run?"},
        {&command, "g --zzzzzz", "run has no option --zzzzzz"},
        {&command, "g -x", "run has no option -x"},
        {&command, "g --jobs", "--jobs needs a value: --jobs N"},
        {&command, "g -j", "-j needs a value: -j N"},
        {&command, "g --dry-run=yes", "--dry-run takes no value, got 'yes'"},
        {&command, "g --format=markdwon",
         "--format is 'markdwon', expected text|markdown|latex; did you mean markdown?"},
        {&command, "g --format=text|latex", "--format is 'text|latex', expected text|markdown|latex"},
        {&command, "--jobs 2", "run needs GRID.yaml [KEY=VALUE ...]"},
        {&strict, "a b", "one takes FILE, not 'b'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[256];
        CommandLine *line = NULL;
        assert_int_equal(parse(&line, cases[i].command, cases[i].words, buffer), ERR_ARG);
        assert_null(line);
        assert_string_equal(err_message(), cases[i].message);
    }
}

static void help_needs_no_operands(void **state) {
    (void)state;
    char buffer[256];
    CommandLine *line = NULL;
    assert_int_equal(parse(&line, &command, "-h", buffer), ERR_OK);
    assert_true(command_has(line, "help"));
    command_line_free(line);
}

static void parsing_survives_failed_allocations(void **state) {
    (void)state;
    uint64_t live = mem_stats().live_blocks;
    char buffer[256];
    CommandLine *line = NULL;
    Err err = ERR_NOMEM;
    int failures = 0;
    for (uint64_t k = 1; err == ERR_NOMEM; k++, failures++) {
        mem_fail_at(k);
        err = parse(&line, &command, "g --jobs 2", buffer);
        if (err != ERR_OK) assert_int_equal(mem_stats().live_blocks, live);
    }
    mem_fail_at(0);
    assert_int_equal(err, ERR_OK);
    assert_true(failures > 1);
    command_line_free(line);
    assert_int_equal(mem_stats().live_blocks, live);
}

static void distances(void **state) {
    (void)state;
    assert_int_equal(near_distance("", ""), 0);
    assert_int_equal(near_distance("", "abc"), 3);
    assert_int_equal(near_distance("abc", ""), 3);
    assert_int_equal(near_distance("kitten", "sitting"), 3);
    assert_int_equal(near_distance("ab", "ba"), 1);
    assert_int_equal(near_distance("ca", "abc"), 3); /* the swapped pair is not edited again */
    assert_int_equal(near_distance("focus.lamdba", "focus.lambda"), 1);
}

static void nearest(void **state) {
    (void)state;
    Near near = near_start("tabel");
    near_offer(&near, "trace");
    near_offer(&near, "table");
    near_offer(&near, "tablet");
    assert_string_equal(near.best, "table");
    near = near_start("q");
    near_offer(&near, "a"); /* one letter, none in common */
    assert_null(near.best);
    near = near_start("res");
    near_offer(&near, "results");
    assert_string_equal(near.best, "results");
}

static void every_error_has_an_exit_code(void **state) {
    (void)state;
    for (int e = ERR_DEVICE_FULL; e <= ERR_OK; e++) {
        int code = exit_code((Err)e);
        assert_non_null(exit_code_text(code));
        assert_true((code == 0) == (e == ERR_OK));
        assert_string_not_equal(err_name((Err)e), "unknown error");
    }
    assert_int_equal(exit_code(ERR_ARG), 64);
    assert_int_equal(exit_code(ERR_SPEC), 78);
    assert_int_equal(exit_code(ERR_GATE), 2);
    assert_int_equal(exit_code(ERR_INTERRUPTED), 75);
}

static void every_command_is_complete(void **state) {
    (void)state;
    int n = 0;
    const Command *const *table = command_table(&n);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        const Command *c = table[i];
        assert_ptr_equal(command_find(c->name), c);
        assert_non_null(c->usage);
        assert_non_null(c->run);
        assert_true(c->n_operands_max < 0 || c->n_operands_max >= c->n_operands_min);
        if (c->summary != NULL) assert_non_null(c->example);
        for (const CommandOption *o = c->options; o != NULL && o->name != NULL; o++) {
            assert_non_null(o->help);
            assert_true(o->choices == NULL || o->arg != NULL);
            for (const CommandOption *p = c->options; p != o; p++) {
                assert_string_not_equal(o->name, p->name);
                assert_true(o->letter == 0 || o->letter != p->letter);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_every_form),
        cmocka_unit_test(repeated_options_keep_their_order_and_the_last_wins),
        cmocka_unit_test(defaults_and_ranges),
        cmocka_unit_test(wrong_lines_have_one_clear_message),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(parsing_survives_failed_allocations),
        cmocka_unit_test(distances),
        cmocka_unit_test(nearest),
        cmocka_unit_test(every_error_has_an_exit_code),
        cmocka_unit_test(every_command_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

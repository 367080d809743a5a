/* refocus help: commands, settings of a grid, the man page. */
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/grid_help.h"
#include "harness/exit_code.h"
#include "harness/version.h"
#include "kernels/near.h"
#include "models/option.h"

enum { TOPIC_LEN = 128 };

static Err unknown_topic(const char *topic) {
    char hint[TOPIC_LEN];
    int n = 0, n_rows = 0;
    const Command *const *table = command_table(&n);
    const Option *const *rows = option_table(&n_rows);
    Near near = near_start(topic);
    near_offer(&near, "grid");
    for (int i = 0; i < n; i++)
        if (table[i]->summary != NULL) near_offer(&near, table[i]->name);
    for (int i = 0; i < n_rows; i++) near_offer(&near, rows[i]->key);
    return err_set(ERR_ARG, "no help on '%s'%s", topic, near_hint(&near, "", hint, (int)sizeof hint));
}

static Err help_topic(const char *topic, GridHelpFormat format) {
    const Command *command = command_find(topic);
    if (strcmp(topic, "grid") == 0) {
        (void)grid_help_print(stdout, NULL, format);
    } else if (command != NULL) {
        command_print_help(stdout, command);
    } else if (!command_print_group(stdout, topic) && !grid_help_print(stdout, topic, format)) {
        return unknown_topic(topic);
    }
    return ERR_OK;
}

/* Text in a man page: '\' and a leading '.' or '\'' are roff's. */
static void print_roff(const char *text) {
    bool line_start = true;
    for (const char *p = text; *p != '\0'; p++) {
        if (line_start && (*p == '.' || *p == '\'')) fputs("\\&", stdout);
        if (*p == '\\' || *p == '-') putchar('\\');
        putchar(*p);
        line_start = *p == '\n';
    }
}

static void man_command(const Command *c) {
    printf(".SS refocus %s %s\n", c->name, c->usage);
    print_roff(c->summary);
    fputs(".\n", stdout);
    if (c->about != NULL) {
        fputs(".PP\n.nf\n", stdout);
        print_roff(c->about);
        fputs("\n.fi\n", stdout);
    }
    for (const CommandOption *o = c->options; o != NULL && o->name != NULL; o++) {
        printf(".TP\n.B \\-\\-");
        print_roff(o->name);
        printf("%s%s\n", o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
        print_roff(o->help);
        putchar('\n');
    }
    fputs(".PP\nExample:\n.PP\n.nf\n", stdout);
    print_roff(c->example);
    fputs("\n.fi\n", stdout);
}

static void print_man(void) {
    int n = 0;
    const Command *const *table = command_table(&n);
    printf(".TH REFOCUS 1 \"\" \"refocus %s\" \"User Commands\"\n", version_number());
    fputs(".SH NAME\nrefocus \\- a reproducible ablation runner for attention text recognisers\n"
          ".SH SYNOPSIS\n.B refocus\n.I COMMAND\n[\\fIOPERANDS\\fR] [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
          stdout);
    for (int i = 0; i < n; i++)
        if (table[i]->summary != NULL) man_command(table[i]);
    fputs(".SH EXIT STATUS\n", stdout);
    for (int code = 0; code < 128; code++) {
        if (exit_code_text(code) == NULL) continue;
        printf(".TP\n.B %d\n", code);
        print_roff(exit_code_text(code));
        putchar('\n');
    }
    fputs(".SH GRIDS\n.nf\n", stdout);
    (void)grid_help_print(stdout, NULL, GRID_HELP_TEXT);
    fputs(".fi\n", stdout);
}

static Err run(const CommandLine *line) {
    char topic[TOPIC_LEN];
    GridHelpFormat format = command_has(line, "markdown") ? GRID_HELP_MARKDOWN : GRID_HELP_TEXT;
    if (command_has(line, "man")) {
        print_man();
        return ERR_OK;
    }
    switch (command_n_operands(line)) {
    case 0: command_print_overview(stdout); return ERR_OK;
    case 1: return help_topic(command_operand(line, 0), format);
    default:
        (void)snprintf(topic, sizeof topic, "%s %s", command_operand(line, 0), command_operand(line, 1));
        return help_topic(topic, format);
    }
}

static const CommandOption options[] = {
    {.name = "markdown", .help = "settings of a grid as a markdown table"},
    {.name = "man", .help = "print the man page, in roff"},
    COMMAND_OPTION_END,
};

const Command cmd_help = {
    .name = "help",
    .summary = "explain a command, or the settings of a grid",
    .usage = "[COMMAND|grid|SETTING]",
    .about = "`refocus help grid` lists every key of a grid file, `refocus help focus` those of a section.",
    .example = "refocus help doctor\nrefocus help grid\nrefocus help focus.lambda",
    .options = options,
    .n_operands_max = 2,
    .run = run};

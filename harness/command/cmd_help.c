/* refocus help: the same texts as --help, by name. */
#include <string.h>

#include "harness/command/command.h"
#include "kernels/near.h"

static Err help_topic(const char *topic) {
    const Command *command = command_find(topic);
    if (command != NULL) {
        command_print_help(stdout, command);
        return ERR_OK;
    }
    if (command_print_group(stdout, topic)) return ERR_OK;
    char hint[128];
    int n = 0;
    const Command *const *table = command_table(&n);
    Near near = near_start(topic);
    for (int i = 0; i < n; i++) near_offer(&near, table[i]->name);
    return err_set(ERR_ARG, "no help on '%s'%s", topic, near_hint(&near, "", hint, (int)sizeof hint));
}

static Err run(const CommandLine *line) {
    char topic[128];
    switch (command_n_operands(line)) {
    case 0: command_print_overview(stdout); return ERR_OK;
    case 1: return help_topic(command_operand(line, 0));
    default:
        (void)snprintf(topic, sizeof topic, "%s %s", command_operand(line, 0), command_operand(line, 1));
        return help_topic(topic);
    }
}

const Command cmd_help = {.name = "help",
                          .summary = "show the commands, or one command's options and example",
                          .usage = "[COMMAND]",
                          .example = "refocus help doctor",
                          .n_operands_max = 2,
                          .run = run};

/* The table of commands, their help, and the way from argv to a command and back to an exit code. */
#include "harness/command/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/isolate.h"
#include "harness/data/utf8.h"
#include "harness/exit_code.h"
#include "harness/version.h"
#include "kernels/mem.h"
#include "kernels/near.h"

#define X(name) extern const Command cmd_##name;
#include "gen/commands.inc"
#undef X

static const Command *const commands[] = {
#define X(name) &cmd_##name,
#include "gen/commands.inc"
#undef X
    NULL /* the table is never empty, whatever was generated */
};

enum {
    N_COMMANDS = sizeof commands / sizeof commands[0] - 1,
    NAME_WIDTH = 14,
    OPTION_WIDTH = 24,
    NAME_LEN = 128,
    MESSAGE_LEN = 6000
};

const Command *const *command_table(int *n) {
    *n = N_COMMANDS;
    return commands;
}

const Command *command_find(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static void print_option(FILE *to, const CommandOption *o) {
    char left[NAME_LEN];
    (void)snprintf(left, sizeof left, "%c%c%s--%s%s%s", o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
                   o->letter != 0 ? ", " : "  ", o->name, o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
    fprintf(to, "  %-*s ", OPTION_WIDTH, left);
    if (strlen(left) > OPTION_WIDTH) fprintf(to, "\n  %-*s ", OPTION_WIDTH, "");
    fputs(o->help, to);
    if (o->choices != NULL) fprintf(to, " [%s]", o->choices);
    fputc('\n', to);
}

/* Each line of text, indented. */
static void print_indented(FILE *to, const char *text) {
    for (const char *p = text; *p != '\0';) {
        int len = (int)strcspn(p, "\n");
        fprintf(to, "  %.*s\n", len, p);
        p += len + (p[len] == '\n');
    }
}

void command_print_help(FILE *to, const Command *command) {
    static const CommandOption help_row = {.name = "help", .letter = 'h', .help = "show this"};
    bool has_options = command->options != NULL && command->options[0].name != NULL;
    fprintf(to, "refocus %s: %s\n\nUsage: refocus %s%s%s%s\n", command->name,
            command->summary != NULL ? command->summary : "called by refocus itself", command->name,
            command->usage[0] != '\0' ? " " : "", command->usage, has_options ? " [OPTIONS]" : "");
    if (command->about != NULL) fprintf(to, "\n%s\n", command->about);
    fputs("\nOptions:\n", to);
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++) print_option(to, o);
    print_option(to, &help_row);
    if (command->example == NULL) return;
    fputs("\nExample:\n", to);
    print_indented(to, command->example);
}

static void print_summaries(FILE *to, const char *group) {
    size_t len = group != NULL ? strlen(group) : 0;
    for (int i = 0; i < N_COMMANDS; i++) {
        const Command *c = commands[i];
        if (c->summary == NULL || (group != NULL && (strncmp(c->name, group, len) != 0 || c->name[len] != ' ')))
            continue;
        fprintf(to, "  %-*s %s\n", NAME_WIDTH, c->name, c->summary);
    }
}

void command_print_overview(FILE *to) {
    fputs("refocus: a reproducible ablation runner for attention text recognisers\n\n"
          "Usage: refocus COMMAND [OPERANDS] [OPTIONS]\n\nCommands:\n",
          to);
    print_summaries(to, NULL);
    fputs("\n`refocus help COMMAND` or `refocus COMMAND --help` shows a command's options and an example;\n"
          "`refocus --version` the version.\n\nExit codes:\n",
          to);
    for (int code = 0; code < 128; code++)
        if (exit_code_text(code) != NULL) fprintf(to, "  %-3d %s\n", code, exit_code_text(code));
}

/* A word such as "data" that begins the name of commands of two words. */
static bool is_group(const char *word) {
    size_t len = strlen(word);
    for (int i = 0; i < N_COMMANDS; i++)
        if (strncmp(commands[i]->name, word, len) == 0 && commands[i]->name[len] == ' ') return true;
    return false;
}

bool command_print_group(FILE *to, const char *word) {
    if (!is_group(word)) return false;
    fprintf(to, "Usage: refocus %s COMMAND [OPERANDS] [OPTIONS]\n\nCommands:\n", word);
    print_summaries(to, word);
    return true;
}

/* The command that the first words of argv name, and how many words; NULL when there is none. */
static const Command *find_by_words(int argc, char **argv, int *n_words) {
    char name[NAME_LEN];
    *n_words = 2;
    if (argc >= 2 && (size_t)snprintf(name, sizeof name, "%s %s", argv[0], argv[1]) < sizeof name) {
        const Command *command = command_find(name);
        if (command != NULL) return command;
    }
    *n_words = 1;
    return command_find(argv[0]);
}

static Err unknown_command(int argc, char **argv) {
    char name[NAME_LEN], hint[NAME_LEN];
    bool two_words = is_group(argv[0]) && argc > 1;
    (void)snprintf(name, sizeof name, "%s%s%s", argv[0], two_words ? " " : "", two_words ? argv[1] : "");
    Near near = near_start(name);
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i]->summary != NULL) near_offer(&near, commands[i]->name);
    return err_set(ERR_ARG, "unknown command '%s'%s", name, near_hint(&near, "", hint, (int)sizeof hint));
}

static bool has_option(const Command *command, const char *name) {
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++)
        if (strcmp(o->name, name) == 0) return true;
    return false;
}

/* Before anything is planned. The option goes into the environment, for the processes that the command starts. */
static Err pin_isa(const Command *command, const CommandLine *line) {
    static const char variable[] = "REFOCUS_ISA";
    const char *value = has_option(command, "isa") ? command_value(line, "isa") : NULL;
    if (value != NULL && setenv(variable, value, 1) != 0) return err_set(ERR_NOMEM, "cannot set %s", variable);
    value = getenv(variable);
    Err err = isa_pin(value != NULL && value[0] != '\0' ? value : NULL);
    return err == ERR_OK ? ERR_OK : err_context(err, "%s", variable);
}

/* Where a command reads what anybody may have made, a copy of the process goes on from here: *code is that copy's exit
 * code once it has ended, -1 where there is still something to do or to say. */
static Err leave_to_copy(int *code, const CommandLine *line, const char *when) {
    Err err = ERR_OK;
    bool ended = false;
    char *files = NULL;
    int64_t bytes = 0;
    *code = -1;
    if (when == NULL || (when[0] != '\0' && !command_has(line, when))) return ERR_OK;
    TRY(command_files(&files, &bytes, line));
    err = isolate_rest(&ended, code, bytes);
    if (err != ERR_OK && ended) err = err_context(err, "%s", files);
done:
    mem_free(files);
    return err;
}

static Err run_command(const Command *command, int argc, char **argv, int *code) {
    Err err = ERR_OK;
    CommandLine *line = NULL;
    *code = -1;
    TRY(command_parse(&line, command, argc, argv));
    if (command_has(line, "help")) {
        command_print_help(stdout, command);
    } else {
        TRY(pin_isa(command, line));
        TRY(leave_to_copy(code, line, command->reads_foreign));
        if (*code < 0) TRY(command->run(line));
    }
done:
    command_line_free(line);
    return err;
}

void command_say(FILE *to, const char *fmt, ...) {
    char text[2048], shown[3 * sizeof text];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)fputs(utf8_tame(shown, sizeof shown, text), to);
}

static int report(Err err, const char *command_name) {
    if (err == ERR_OK) return EXIT_DONE;
    (void)fflush(stdout);      /* what was printed before the error comes before it */
    char message[MESSAGE_LEN]; /* it may quote files */
    (void)utf8_tame(message, sizeof message, err_message());
    fprintf(stderr, "refocus: %s\n", message[0] != '\0' ? message : err_name(err));
    if (err == ERR_ARG)
        fprintf(stderr, "Try 'refocus %s%s--help'.\n", command_name, command_name[0] != '\0' ? " " : "");
    return exit_code(err);
}

int command_main(int argc, char **argv) {
    const char *first = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        command_print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
        printf("refocus %s\n", version_text());
        return EXIT_DONE;
    }
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        command_print_overview(stdout);
        return EXIT_DONE;
    }
    if (first[0] == '-') return report(err_set(ERR_ARG, "the command comes first, got '%s'", first), "");
    int n_words = 0;
    const Command *command = find_by_words(argc - 1, argv + 1, &n_words);
    if (command != NULL) {
        int code = -1;
        const Err err = run_command(command, argc - 1 - n_words, argv + 1 + n_words, &code);
        return code >= 0 ? code : report(err, command->name);
    }
    bool wants_group = argc == 2 || strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0;
    if (wants_group && command_print_group(argc == 2 ? stderr : stdout, first))
        return argc == 2 ? EXIT_USAGE : EXIT_DONE;
    return report(unknown_command(argc - 1, argv + 1), "");
}

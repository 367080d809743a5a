/* Subcommands. One is one file, harness/command/cmd_<name>.c, that defines `const Command cmd_<name>`; the table is
 * generated from the file names. Option rows give the parsing, the help, the completion and the nearest-name hints.
 * stdout is data, stderr is progress and messages. A command returns Err; the mapping to exit codes is in
 * harness/exit_code.h, the message is printed once, by command_main. */
#ifndef HARNESS_COMMAND_COMMAND_H
#define HARNESS_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "kernels/err.h"
#include "kernels/isa.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One option. It is written --name, or -letter; with an argument --name=VALUE, --name VALUE, -lVALUE or -l VALUE. */
typedef struct CommandOption {
    const char *name;
    char letter;         /* 0 = none */
    const char *arg;     /* the argument's name in the help, "N"; NULL = a switch */
    const char *choices; /* "text|markdown": all that the argument may be; NULL = anything */
    const char *help;    /* one line: what it does, the default in parentheses */
} CommandOption;

#define COMMAND_OPTION_END                                                                                             \
    { .name = NULL }

/* Rows that mean the same in every command. */
#define COMMAND_OPTION_JSON                                                                                            \
    { .name = "json", .help = "print JSON, for programs" }
#define COMMAND_OPTION_ISA                                                                                             \
    {                                                                                                                  \
        .name = "isa", .arg = "NAME", .choices = ISA_CHOICES,                                                          \
        .help = "instruction set of the CPU's kernels, for another CPU's bits (REFOCUS_ISA, or the best here)"         \
    }

typedef struct CommandLine CommandLine;

typedef struct Command {
    const char *name;    /* "run"; of two words for a group: "data import" is cmd_data_import in cmd_data_import.c */
    const char *summary; /* one line, lower case; NULL = hidden: refocus calls it itself */
    const char *usage;   /* its operands: "GRID.yaml [KEY=VALUE ...]"; "" = none */
    const char *about;   /* further lines of the help; NULL = none */
    const char *example; /* command lines that work, one a line */
    const CommandOption *options; /* ended by COMMAND_OPTION_END; NULL = none */
    int n_operands_min;
    int n_operands_max; /* -1 = any number */
    /* It reads results or traces that anybody may have made, writes nothing but its own output, and starts nothing: it
     * runs in a copy of the process with limits, whose death is bad data. "" = always; the name of an option = when
     * that is given; NULL = never. */
    const char *reads_foreign;
    Err (*run)(const CommandLine *line);
} Command;

/* ---- what a command reads. All strings are borrowed from argv. Names are ASSERTed to be rows of the command. ---- */

int command_n_operands(const CommandLine *line);
const char *command_operand(const CommandLine *line, int i);

bool command_has(const CommandLine *line, const char *name);
/* The last value given, NULL if none. */
const char *command_value(const CommandLine *line, const char *name);
/* Options that may be given several times, in order. */
int command_n_values(const CommandLine *line, const char *name);
const char *command_value_at(const CommandLine *line, const char *name, int i);
/* *out = the last value as a whole number in [min, max]; def when not given. ERR_ARG says what was expected. */
Err command_int(int64_t *out, const CommandLine *line, const char *name, int64_t def, int64_t min,
                int64_t max) MUST_CHECK;
/* The same for a finite number. */
Err command_real(double *out, const CommandLine *line, const char *name, double def, double min, double max) MUST_CHECK;

/* Prints what may quote files or the command line: nothing in it moves a terminal (utf8_tame). Cut after 2 KiB. */
void command_say(FILE *to, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The files that a command line names: its operands, and the arguments that its rows call "A.h5". *out = their names
 * with " or " between, the caller's (mem_free); *bytes = their sizes in all. */
Err command_files(char **out, int64_t *bytes, const CommandLine *line) MUST_CHECK;

/* ---- the program ---- */

/* Runs the command that argv names and returns the exit code; messages go to stderr. main() is this and the care of
 * the standard streams. */
int command_main(int argc, char **argv);

/* All commands, sorted by name; *n is their number. */
const Command *const *command_table(int *n);
const Command *command_find(const char *name); /* NULL when there is none */

/* Help of one command; and the list of all, of one group ("data"), with the exit codes. */
void command_print_help(FILE *to, const Command *command);
void command_print_overview(FILE *to);
/* False, printing nothing, if no command's name begins with that word. */
bool command_print_group(FILE *to, const char *word);

/* Splits argv into options and operands for command, as command_main does: for tests. The caller frees *out. ERR_ARG.
 */
Err command_parse(CommandLine **out, const Command *command, int argc, char **argv) MUST_CHECK;
void command_line_free(CommandLine *line);

#ifdef __cplusplus
}
#endif
#endif

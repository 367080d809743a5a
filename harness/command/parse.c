/* Option rows -> parsed command line, and the typed readers. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/data/isolate.h"
#include "kernels/mem.h"
#include "kernels/near.h"
#include "models/text.h"

enum { HINT_LEN = 192 };

typedef struct Given {
    const CommandOption *option;
    const char *value; /* NULL for a switch */
} Given;

struct CommandLine {
    const Command *command;
    int n_operands, n_given;
    const char **operands;
    Given *given;
};

static const CommandOption help_row = {.name = "help", .letter = 'h'};

static bool same_name(const char *name, const char *text, size_t len) {
    return strlen(name) == len && strncmp(name, text, len) == 0;
}

/* The row of a long option given as its first len bytes. */
static const CommandOption *find_long(const Command *command, const char *text, size_t len) {
    if (same_name(help_row.name, text, len)) return &help_row;
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++)
        if (same_name(o->name, text, len)) return o;
    return NULL;
}

static const CommandOption *find_letter(const Command *command, char letter) {
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++)
        if (o->letter == letter) return o;
    return letter == help_row.letter ? &help_row : NULL;
}

static Err unknown_option(const Command *command, const char *text, size_t len) {
    char word[NEAR_MAX + 1], hint[HINT_LEN];
    if (len > NEAR_MAX) len = NEAR_MAX;
    memcpy(word, text, len);
    word[len] = '\0';
    Near near = near_start(word);
    near_offer(&near, help_row.name);
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++) near_offer(&near, o->name);
    return err_set(ERR_ARG, "%s has no option --%s%s", command->name, word,
                   near_hint(&near, "--", hint, (int)sizeof hint));
}

/* Calls near_offer for each choice of "a|b|c" and says whether value is one of them. */
static bool is_choice(const char *choices, const char *value, Near *near, char words[HINT_LEN]) {
    bool found = false;
    for (const char *p = choices; *p != '\0';) {
        size_t len = strcspn(p, "|");
        found = found || same_name(value, p, len);
        if ((size_t)(p - choices) + len < HINT_LEN - 1) {
            char *word = words + (p - choices); /* kept apart: Near borrows its candidates */
            memcpy(word, p, len);
            word[len] = '\0';
            near_offer(near, word);
        }
        p += len + (p[len] == '|');
    }
    return found;
}

static Err add_given(CommandLine *line, const CommandOption *option, const char *value) {
    if (option->choices != NULL && value != NULL) {
        char words[HINT_LEN], hint[HINT_LEN];
        Near near = near_start(value);
        if (!is_choice(option->choices, value, &near, words))
            return err_set(ERR_ARG, "--%s is '%s', expected %s%s", option->name, value, option->choices,
                           near_hint(&near, "", hint, (int)sizeof hint));
    }
    line->given[line->n_given++] = (Given){option, value};
    return ERR_OK;
}

/* Takes argv[*i], which begins with "--". */
static Err take_long(CommandLine *line, int argc, char **argv, int *i) {
    const char *text = argv[*i] + 2;
    size_t len = strcspn(text, "=");
    const CommandOption *option = find_long(line->command, text, len);
    if (option == NULL) return unknown_option(line->command, text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    if (option->arg == NULL && value != NULL)
        return err_set(ERR_ARG, "--%s takes no value, got '%s'", option->name, value);
    if (option->arg != NULL && value == NULL) {
        if (*i + 1 >= argc)
            return err_set(ERR_ARG, "--%s needs a value: --%s %s", option->name, option->name, option->arg);
        value = argv[++*i];
    }
    return add_given(line, option, value);
}

/* Takes argv[*i], one '-' and letters: switches may stand together, the first option with an argument ends them. */
static Err take_letters(CommandLine *line, int argc, char **argv, int *i) {
    for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
        const CommandOption *option = find_letter(line->command, *p);
        if (option == NULL) return err_set(ERR_ARG, "%s has no option -%c", line->command->name, *p);
        if (option->arg == NULL) {
            Err err = add_given(line, option, NULL);
            if (err != ERR_OK) return err;
            continue;
        }
        if (p[1] != '\0') return add_given(line, option, p + 1);
        if (*i + 1 >= argc) return err_set(ERR_ARG, "-%c needs a value: -%c %s", *p, *p, option->arg);
        return add_given(line, option, argv[++*i]);
    }
    return ERR_OK;
}

static Err check_operands(const CommandLine *line) {
    const Command *command = line->command;
    if (command_has(line, "help")) return ERR_OK;
    if (line->n_operands < command->n_operands_min)
        return err_set(ERR_ARG, "%s needs %s", command->name, command->usage);
    if (command->n_operands_max < 0 || line->n_operands <= command->n_operands_max) return ERR_OK;
    return err_set(ERR_ARG, "%s takes %s, not '%s'", command->name,
                   command->usage[0] != '\0' ? command->usage : "no operands", line->operands[command->n_operands_max]);
}

Err command_parse(CommandLine **out, const Command *command, int argc, char **argv) {
    Err err = ERR_OK;
    CommandLine *line = NULL;
    *out = NULL;
    size_t n_letters = 0; /* an upper bound of the options: every letter of every word */
    for (int i = 0; i < argc; i++) n_letters += strlen(argv[i]);
    TRY(mem_alloc(&line, 1, sizeof *line));
    line->command = command;
    TRY(mem_alloc(&line->operands, (size_t)argc, sizeof *line->operands));
    TRY(mem_alloc(&line->given, n_letters, sizeof *line->given));
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!options_end && strcmp(word, "--") == 0)
            options_end = true;
        else if (!options_end && strncmp(word, "--", 2) == 0)
            TRY(take_long(line, argc, argv, &i));
        else if (!options_end && word[0] == '-' && word[1] != '\0')
            TRY(take_letters(line, argc, argv, &i));
        else
            line->operands[line->n_operands++] = word;
    }
    TRY(check_operands(line));
    *out = line;
    line = NULL;
done:
    command_line_free(line);
    return err;
}

void command_line_free(CommandLine *line) {
    if (line == NULL) return;
    mem_free(line->operands);
    mem_free(line->given);
    mem_free(line);
}

int command_n_operands(const CommandLine *line) { return line->n_operands; }

const char *command_operand(const CommandLine *line, int i) {
    ASSERT(i >= 0 && i < line->n_operands);
    return line->operands[i];
}

static const CommandOption *row_of(const CommandLine *line, const char *name) {
    const CommandOption *option = find_long(line->command, name, strlen(name));
    ASSERT(option != NULL);
    return option;
}

int command_n_values(const CommandLine *line, const char *name) {
    const CommandOption *option = row_of(line, name);
    int n = 0;
    for (int i = 0; i < line->n_given; i++) n += line->given[i].option == option;
    return n;
}

const char *command_value_at(const CommandLine *line, const char *name, int i) {
    const CommandOption *option = row_of(line, name);
    for (int k = 0; k < line->n_given; k++)
        if (line->given[k].option == option && i-- == 0) return line->given[k].value;
    return NULL;
}

bool command_has(const CommandLine *line, const char *name) { return command_n_values(line, name) > 0; }

const char *command_value(const CommandLine *line, const char *name) {
    return command_value_at(line, name, command_n_values(line, name) - 1);
}

Err command_int(int64_t *out, const CommandLine *line, const char *name, int64_t def, int64_t min, int64_t max) {
    *out = def;
    const char *text = command_value(line, name);
    if (text == NULL) return ERR_OK;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        return err_set(ERR_ARG, "--%s is '%s', expected a whole number from %lld to %lld", name, text, (long long)min,
                       (long long)max);
    *out = value;
    return ERR_OK;
}

Err command_real(double *out, const CommandLine *line, const char *name, double def, double min, double max) {
    *out = def;
    const char *text = command_value(line, name);
    if (text == NULL) return ERR_OK;
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < min || value > max)
        return err_set(ERR_ARG, "--%s is '%s', expected a number from %g to %g", name, text, min, max);
    *out = value;
    return ERR_OK;
}

/* ---- files ---- */

static bool is_results_argument(const CommandOption *option) {
    const size_t len = option->arg == NULL ? 0 : strlen(option->arg);
    return len > 3 && strcmp(option->arg + len - 3, ".h5") == 0;
}

static Err add_file(Text *text, int64_t *bytes, const char *path) {
    *bytes += isolate_file_bytes(path);
    return text_add(text, "%s%s", text->len == 0 ? "" : " or ", path);
}

Err command_files(char **out, int64_t *bytes, const CommandLine *line) {
    Err err = ERR_OK;
    Text text = {0};
    *out = NULL;
    *bytes = 0;
    for (int i = 0; i < line->n_operands; i++) TRY(add_file(&text, bytes, line->operands[i]));
    for (int i = 0; i < line->n_given; i++)
        if (is_results_argument(line->given[i].option)) TRY(add_file(&text, bytes, line->given[i].value));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

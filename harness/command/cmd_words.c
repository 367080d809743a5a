/* refocus words: what may stand where the last word of a command line begins, a word a line, from the tables that parse
 * and from the grid or results file that the line names. For completion; nothing that is wrong is an error here. */
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/grid_help.h"
#include "harness/grid/grid.h"
#include "harness/record/results.h"
#include "harness/report/plan_format.h"
#include "harness/run/metric.h"
#include "models/option.h"

enum { MAX_OPERANDS = 64, MAX_KIND = 32 };

typedef struct Typed {
    const Command *command;
    const char *operands[MAX_OPERANDS]; /* before the word */
    int n_operands;
    const CommandOption *option; /* whose value the word is; NULL = none's */
    const char *head;            /* what of the word stands before that value: "--format="; else "" */
    int head_len;
    const char *word; /* what a candidate begins with, without head */
} Typed;

static void offer_part(const Typed *t, const char *text, size_t len, const char *end) {
    if (strncmp(text, t->word, strlen(t->word) < len ? strlen(t->word) : len) != 0) return;
    if (strlen(t->word) > len && strncmp(end, t->word + len, strlen(t->word) - len) != 0) return;
    printf("%.*s%.*s%s\n", t->head_len, t->head, (int)len, text, end);
}

static void offer(const Typed *t, const char *text) { offer_part(t, text, strlen(text), ""); }

static void offer_choices(const Typed *t, const char *choices) {
    for (const char *p = choices; *p != '\0';) {
        const size_t len = strcspn(p, "|");
        offer_part(t, p, len, "");
        p += len + (p[len] == '|');
    }
}

/* ---- names of a file ---- */

static bool ends_with(const char *text, const char *end) {
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Overrides may change what cells there are; those that are wrong do not count. */
static Err load_grid(Grid **out, const Typed *t) {
    const char *overrides[MAX_OPERANDS] = {NULL};
    size_t n = 0;
    for (int i = 1; i < t->n_operands; i++)
        if (strchr(t->operands[i], '=') != NULL && strchr(t->operands[i], '@') == NULL) overrides[n++] = t->operands[i];
    Err err = grid_load(out, t->operands[0], overrides, n, "cpu");
    return err != ERR_OK && n > 0 ? grid_load(out, t->operands[0], NULL, 0, "cpu") : err;
}

static void offer_of_grid(const Typed *t, bool cells) {
    Grid *grid = NULL;
    if (load_grid(&grid, t) != ERR_OK) return;
    for (size_t i = 0; cells && i < grid->n_cells; i++) offer(t, grid->cells[i].name);
    for (size_t i = 0; !cells && i < grid->n_variants; i++) offer(t, grid->variants[i]);
    grid_free(grid);
}

static void offer_of_results(const Typed *t, bool cells) {
    Results *results = NULL;
    if (results_open_tried(&results, t->operands[0], "", 0) != ERR_OK) return;
    for (size_t i = 0; i < results_count(results); i++) {
        const CellRecord *cell = results_cell(results, i);
        bool seen = false;
        for (size_t k = 0; !cells && k < i && !seen; k++)
            seen = strcmp(results_cell(results, k)->variant, cell->variant) == 0;
        if (!seen) offer(t, cells ? cell->name : cell->variant);
    }
    results_close(results);
}

/* Of the grid or the results that the line names first. */
static void offer_of_file(const Typed *t, bool cells) {
    if (t->n_operands == 0) return;
    const bool grid = ends_with(t->operands[0], ".yaml") || ends_with(t->operands[0], ".yml");
    (grid ? offer_of_grid : offer_of_results)(t, cells);
}

/* ---- names of the program ---- */

/* Their first words. */
static void offer_commands(const Typed *t) {
    int n = 0;
    const Command *const *table = command_table(&n);
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        const char *name = table[i]->name;
        const bool again = i > 0 && len == strcspn(name, " ") && strncmp(table[i - 1]->name, name, len) == 0;
        len = strcspn(name, " ");
        if (table[i]->summary != NULL && !again) offer_part(t, name, len, "");
    }
}

/* The second words of "data". */
static void offer_group(const Typed *t, const char *group) {
    int n = 0;
    const Command *const *table = command_table(&n);
    const size_t len = strlen(group);
    for (int i = 0; i < n; i++)
        if (table[i]->summary != NULL && strncmp(table[i]->name, group, len) == 0 && table[i]->name[len] == ' ')
            offer(t, table[i]->name + len + 1);
}

/* Keys, with what follows them; those with a name of the user's in them cannot be guessed. */
static void offer_settings(const Typed *t, const char *end) {
    int n = 0;
    const Option *const *rows = option_table(&n);
    for (int i = 0; i < n; i++)
        if (strchr(rows[i]->key, '*') == NULL && (i == 0 || strcmp(rows[i]->key, rows[i - 1]->key) != 0))
            offer_part(t, rows[i]->key, strlen(rows[i]->key), end);
}

/* KEY=, then the values that it has by name. */
static void offer_override(const Typed *t) {
    const char *equals = strchr(t->word, '=');
    char key[KEY_LEN];
    if (equals == NULL) {
        offer_settings(t, "=");
        offer(t, "seeds=");
        return;
    }
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - t->word), t->word);
    const Option *row = option_find(key);
    if (row == NULL) return;
    Typed value = *t;
    value.head = t->word;
    value.head_len = (int)(equals + 1 - t->word);
    value.word = equals + 1;
    GridHelpValue named;
    for (int i = 0; grid_help_value(&named, key, i); i++) offer(&value, named.name);
    if (row->choices != NULL) offer_choices(&value, row->choices);
    if (row->type == OPT_BOOL) offer_choices(&value, "true|false");
}

static void offer_metrics(const Typed *t) {
    for (int i = 0; i < metric_n_columns(); i++) offer(t, metric_column(i).name);
}

static void offer_formats(const Typed *t) {
    int n = 0;
    const PlanFormat *const *list = plan_format_list(&n);
    for (int i = 0; i < n; i++) offer(t, list[i]->name);
}

/* ---- what stands where ---- */

/* One name of a usage line or of an option's argument: "CELL", "GRID.yaml", "folder". What is nothing of ours is a
 * number or a file, which the shell completes. */
static void offer_kind(const Typed *t, const char *kind) {
    if (strcmp(kind, "CELL") == 0) {
        offer_of_file(t, true);
    } else if (strcmp(kind, "ROW") == 0) {
        offer_of_file(t, false);
    } else if (strcmp(kind, "METRIC") == 0) {
        offer_metrics(t);
    } else if (strcmp(kind, "SET") == 0) {
        offer_choices(t, "test|valid");
    } else if (strcmp(kind, "DEVICE") == 0) {
        offer_choices(t, "cpu|cuda");
    } else if (strcmp(kind, "FORMAT") == 0) {
        offer_formats(t);
    } else if (strcmp(kind, "KEY=VALUE") == 0) {
        offer_override(t);
    } else if (strcmp(kind, "COMMAND") == 0) {
        offer_commands(t);
    } else if (strcmp(kind, "SETTING") == 0) {
        offer_settings(t, "");
    } else if (kind[strcspn(kind, "ABCDEFGHIJKLMNOPQRSTUVWXYZ.")] == '\0') {
        offer(t, kind);
    }
}

static void offer_kinds(const Typed *t, const char *kinds, size_t len) {
    for (const char *p = kinds; p < kinds + len;) {
        char kind[MAX_KIND];
        const size_t n = strcspn(p, "| ]");
        (void)snprintf(kind, sizeof kind, "%.*s", (int)n, p);
        offer_kind(t, kind);
        p += n + 1;
    }
}

/* The operand that the usage line has at that place: "GRID.yaml [KEY=VALUE ...]" goes on without end. */
static void offer_operand(const Typed *t) {
    const char *p = t->command->usage, *last = p;
    size_t last_len = 0;
    for (int i = 0; *p != '\0' && *p != '|'; p += strspn(p, " ")) {
        p += *p == '[';
        const size_t len = strcspn(p, " ]");
        const bool goes_on = strncmp(p, "...", 3) == 0;
        if (!goes_on) {
            last = p;
            last_len = len;
        }
        if (goes_on || i++ == t->n_operands) {
            offer_kinds(t, last, last_len);
            return;
        }
        p += len + strspn(p + len, "]");
    }
}

static void offer_options(const Typed *t) {
    Typed rest = *t;
    rest.head = "--";
    rest.head_len = 2;
    rest.word = t->word + (t->word[1] == '-' ? 2 : 1);
    for (const CommandOption *o = t->command->options; o != NULL && o->name != NULL; o++) offer(&rest, o->name);
    offer(&rest, "help");
}

/* ---- what was typed ---- */

/* The row that waits for a value behind this word, "--cells" or "-c"; NULL if none does. */
static const CommandOption *waiting(const Command *command, const char *word) {
    for (const CommandOption *o = command->options; o != NULL && o->name != NULL; o++) {
        if (o->arg == NULL || word[0] != '-') continue;
        if (strncmp(word, "--", 2) == 0 ? strcmp(word + 2, o->name) == 0 : word[strlen(word) - 1] == o->letter)
            return o;
    }
    return NULL;
}

/* "--name=VALUE" in one word. */
static void take_inline(Typed *t) {
    const char *equals = strchr(t->word, '=');
    if (strncmp(t->word, "--", 2) != 0 || equals == NULL) return;
    for (const CommandOption *o = t->command->options; o != NULL && o->name != NULL; o++) {
        const size_t len = strlen(o->name);
        if (strncmp(t->word + 2, o->name, len) != 0 || t->word + 2 + len != equals) continue;
        t->option = o;
        t->head = t->word;
        t->head_len = (int)(equals + 1 - t->word);
        t->word = equals + 1;
        return;
    }
}

static void offer_of_command(Typed *t, const CommandLine *line, int first) {
    const int n = command_n_operands(line);
    bool options_end = false;
    for (int i = first; i < n - 1; i++) {
        const char *word = command_operand(line, i);
        if (t->option != NULL) {
            t->option = NULL;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            options_end = strcmp(word, "--") == 0;
            t->option = waiting(t->command, word);
        } else if (t->n_operands < MAX_OPERANDS) {
            t->operands[t->n_operands++] = word;
        }
    }
    if (t->option == NULL && !options_end) take_inline(t);
    if (t->option != NULL && t->option->choices != NULL)
        offer_choices(t, t->option->choices);
    else if (t->option != NULL)
        offer_kinds(t, t->option->arg, strlen(t->option->arg));
    else if (!options_end && t->word[0] == '-')
        offer_options(t);
    else
        offer_operand(t);
}

/* The command that the first words name, and how many of them; NULL if they name none. */
static const Command *command_of(const CommandLine *line, int *n_words) {
    const char *first = command_operand(line, 0);
    char two[2 * MAX_KIND];
    (void)snprintf(two, sizeof two, "%s %s", first, command_operand(line, 1));
    const Command *command = command_n_operands(line) > 2 ? command_find(two) : NULL;
    *n_words = command != NULL ? 2 : 1;
    return command != NULL ? command : command_find(first);
}

static Err run(const CommandLine *line) {
    const int n = command_n_operands(line);
    Typed t = {.head = "", .word = n > 0 ? command_operand(line, n - 1) : ""};
    int n_words = 0;
    if (n > 1) t.command = command_of(line, &n_words);
    if (t.command != NULL) {
        offer_of_command(&t, line, n_words);
    } else if (n <= 1) {
        offer_commands(&t);
        offer_choices(&t, "--help|--version");
    } else if (n == 2) {
        offer_group(&t, command_operand(line, 0));
    }
    return ERR_OK;
}

const Command cmd_words = {.name = "words",
                           .usage = "[WORD ...]",
                           .about =
                               "A shell calls it with the words after `refocus`, the last one as far as it is typed.",
                           .example = "refocus words -- show results/quickstart.h5 re",
                           .n_operands_min = 0,
                           .n_operands_max = -1,
                           .run = run};

/* refocus completion: what a shell completes, from the same tables that parse. */
#include <string.h>

#include "harness/command/command.h"

/* "--jobs --threads --help" of a command, or "text|markdown" as words. */
static void print_options(const Command *c) {
    for (const CommandOption *o = c->options; o != NULL && o->name != NULL; o++) printf("--%s ", o->name);
    fputs("--help", stdout);
}

static void print_choices(const char *choices) {
    for (const char *p = choices; *p != '\0'; p++) putchar(*p == '|' ? ' ' : *p);
}

static void print_command_words(void) {
    int n = 0;
    const Command *const *table = command_table(&n);
    const char *before = "";
    for (int i = 0; i < n; i++) {
        size_t len = strcspn(table[i]->name, " ");
        if (table[i]->summary == NULL || (strncmp(before, table[i]->name, len) == 0 && strcspn(before, " ") == len))
            continue;
        printf("%.*s ", (int)len, table[i]->name);
        before = table[i]->name;
    }
}

/* The second words of groups, and the options and choices of each command, as arms of a case. */
static void print_cases(void) {
    int n = 0;
    const Command *const *table = command_table(&n);
    for (int i = 0; i < n; i++) {
        const Command *c = table[i];
        if (c->summary == NULL) continue;
        for (const CommandOption *o = c->options; o != NULL && o->name != NULL; o++) {
            if (o->choices == NULL) continue;
            printf("        '%s --%s') words='", c->name, o->name);
            print_choices(o->choices);
            fputs("' ;;\n", stdout);
        }
        printf("        '%s '*) options='", c->name);
        print_options(c);
        fputs("' ;;\n", stdout);
    }
    const char *group = "";
    for (int i = 0; i < n; i++) {
        const char *space = strchr(table[i]->name, ' ');
        if (space == NULL || table[i]->summary == NULL) continue;
        size_t len = (size_t)(space - table[i]->name);
        if (strncmp(group, table[i]->name, len + 1) == 0) {
            printf(" %s", space + 1);
            continue;
        }
        printf("%s        '%.*s '*) words='%s", group[0] != '\0' ? "' ;;\n" : "", (int)len, table[i]->name, space + 1);
        group = table[i]->name;
    }
    if (group[0] != '\0') fputs("' ;;\n", stdout);
}

/* The function is written for bash; zsh runs it through bashcompinit. Files complete where no word does. */
static void print_bash(void) {
    fputs("_refocus() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} words='' options=''\n    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='",
          stdout);
    print_command_words();
    fputs("--help --version'\n    else\n"
          "        case \"$command ${COMP_WORDS[2]}\" in\n",
          stdout);
    int n = 0;
    const Command *const *table = command_table(&n);
    for (int i = 0; i < n; i++)
        if (strchr(table[i]->name, ' ') != NULL)
            printf("        '%s') [ \"$COMP_CWORD\" -gt 2 ] && command='%s' ;;\n", table[i]->name, table[i]->name);
    fputs("        esac\n        case \"$command $before\" in\n", stdout);
    print_cases();
    fputs("        esac\n    fi\n"
          "    case $word in -*) words=$options ;; esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _refocus refocus\n",
          stdout);
}

static Err run(const CommandLine *line) {
    const char *shell = command_operand(line, 0);
    bool zsh = strcmp(shell, "zsh") == 0;
    if (!zsh && strcmp(shell, "bash") != 0)
        return err_set(ERR_ARG, "no completion for '%s', expected bash or zsh", shell);
    if (zsh) fputs("#compdef refocus\nautoload -U +X bashcompinit && bashcompinit\n", stdout);
    print_bash();
    return ERR_OK;
}

const Command cmd_completion = {.name = "completion",
                                .summary = "print what makes a shell complete commands, options and values",
                                .usage = "bash|zsh",
                                .example = "source <(refocus completion bash)",
                                .n_operands_min = 1,
                                .n_operands_max = 1,
                                .run = run};

/* refocus completion: what a shell needs to complete words. They come from `refocus words`, which knows the tables that
 * parse, and the cells of the grid or results that a line names. */
#include <string.h>

#include "harness/command/command.h"

/* Bash cuts words at '=', ':' and '@', too, and replaces only what follows the last of them: the line is split anew,
 * and what stands before is cut off the answers. Where there is no answer, files complete. */
static const char bash[] =
    "_refocus() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} word cut\n"
    "    local -a words\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:space:]] ]] && words+=('')\n"
    "    word=${words[-1]}\n"
    "    words=(\"${words[@]//[\\'\\\"\\\\]/}\")\n"
    "    mapfile -t COMPREPLY < <(\"${words[0]/#\\~/$HOME}\" words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "    [[ $word == [\\'\\\"]* ]] && return\n"
    "    word=${words[-1]}\n"
    "    for ((cut = ${#word}; cut > 0; cut--)); do\n"
    "        [[ $COMP_WORDBREAKS == *\"${word:cut-1:1}\"* ]] && break\n"
    "    done\n"
    "    COMPREPLY=(\"${COMPREPLY[@]#\"${word:0:cut}\"}\")\n"
    "    COMPREPLY=(\"${COMPREPLY[@]//[/\\\\[}\")\n"
    "    COMPREPLY=(\"${COMPREPLY[@]//]/\\\\]}\")\n"
    "}\n"
    "complete -o default -F _refocus refocus\n";

/* As a file of its own in $fpath, or sourced. */
static const char zsh[] =
    "#compdef refocus\n"
    "_refocus() {\n"
    "    local program=${(Q)words[1]}\n"
    "    local -a found\n"
    "    found=(${(f)\"$(${~program} words -- \"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\" 2>/dev/null)\"})\n"
    "    if (( ! $#found )); then\n"
    "        _files\n"
    "        return\n"
    "    fi\n"
    "    compadd -S '' -- ${(M)found:#*=}\n"
    "    compadd -- ${found:#*=}\n"
    "}\n"
    "if [[ $funcstack[1] == _refocus ]]; then _refocus \"$@\"; else compdef _refocus refocus; fi\n";

static Err run(const CommandLine *line) {
    const char *shell = command_operand(line, 0);
    const bool is_zsh = strcmp(shell, "zsh") == 0;
    if (!is_zsh && strcmp(shell, "bash") != 0)
        return err_set(ERR_ARG, "no completion for '%s', expected bash or zsh", shell);
    fputs(is_zsh ? zsh : bash, stdout);
    return ERR_OK;
}

const Command cmd_completion = {.name = "completion",
                                .summary = "print what makes a shell complete words",
                                .usage = "bash|zsh",
                                .about = "Commands, options, settings and their values, metrics, and the cells and "
                                         "variants of the grid or the results\n"
                                         "that a line names. `make install` puts it where both shells find it; in zsh, "
                                         "sourcing comes after compinit.",
                                .example = "source <(refocus completion bash)",
                                .n_operands_min = 1,
                                .n_operands_max = 1,
                                .run = run};

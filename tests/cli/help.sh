# Help, the reference of the grid, the man page and completion: all from the tables that parse.
. "$(dirname "$0")/../cli_lib.sh"

t 'the grid: top keys and settings with range, default and condition'
refocus help grid
want_code 0
want_no_err
want_out '^  seeds '
want_out '^  train.batch: whole number, [0-9]+ to '
want_out '^      default 0.5 with focus.kind'
want_not_out 'data\.valid\.'

t 'a section, a setting, a setting below a chosen name'
refocus help focus
want_out '^  focus.kind: '
want_not_out '^  train'
refocus help focus.lambda
want_code 0
want_out '^  focus.lambda: number, 0 to '
want_not_out 'focus.kind:'
refocus help data.train.lines.fonts
want_out '^  data.train.\*.fonts: '

t 'markdown rows have as many cells as their head'
refocus help grid --markdown
want_code 0
want 'rows of one length' awk -F'(^|[^\\\\])[|]' '/^\| `data|^\| `focus/ && NF != 6 { exit 1 }' out

t 'an unknown topic: the nearest'
refocus help focus.lamdba
want_code 64
want_no_out
want_err "no help on 'focus.lamdba'; did you mean focus.lambda\?"

t 'the man page has every command'
refocus --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p' out)
refocus help --man
want_code 0
want_out '^\.TH REFOCUS 1'
cp out man
echo "$commands" >commands
while read -r command; do want "refocus $command in the man page" grep -q "^\.SS refocus $command" man; done <commands
if command -v mandoc >/dev/null; then
    call mandoc -Tlint -Wwarning man
    want 'no warning, but for the date that it leaves out' sh -c '! grep -v "missing date" out'
fi

# ---- completion ----
# complete WORDS...: what may stand where the last one begins.
complete() {
    refocus words -- "$@"
    want_code 0
    want_no_err
}
tiny=$here/tests/cases/run/tiny.yaml

t 'words: commands, groups, options and their values'
complete ''
want_out '^table$'
want_out '^data$'
want_not_out '^(cell|words)$'
complete doc
want 'one' test "$(cat out)" = doctor
complete data ''
want_out '^preview$'
complete doctor --js
want 'one' test "$(cat out)" = --json
complete completion --h
want_out '^--help$'
complete completion ''
want_out '^zsh$'
complete table --format m
want 'one' test "$(cat out)" = markdown
complete table x.h5 --format=m
want 'one' test "$(cat out)" = --format=markdown
complete table -m hit_rate_r
want_out '^hit_rate_right_length$'
complete help focus.lam
want 'one' test "$(cat out)" = focus.lambda

t 'words: settings and the values that have names'
complete run grid.yaml train.st
want 'one' test "$(cat out)" = train.steps=
complete run grid.yaml focus.implementation=
want 'both' test "$(tr '\n' ' ' <out)" = 'focus.implementation=plain focus.implementation=fused '

t 'words: cells of the grid and of the results that the line names, its rows'
complete run "$tiny" --cells pulled
want 'both' test "$(tr '\n' ' ' <out)" = 'pulled@0 pulled@1 '
complete plan "$tiny" seeds=3 --why pulled
want_out '^pulled@2$'
complete trace "$tiny" base
want_out '^baseline@0$'
complete trace "$tiny" baseline@0 train.st
want_out '^train.steps=$'
complete plan nothing.yaml --cells ''
want_no_out
"$REFOCUS" run "$tiny" --cells 'baseline@0' >/dev/null 2>&1
for line in 'show results/tiny.h5' 'evaluate results/tiny.h5' 'diff results/tiny.h5 other.h5'; do
    complete $line pul
    want "cells after $line" test "$(tr '\n' ' ' <out)" = 'pulled@0 pulled@1 '
done
complete table results/tiny.h5 --rows ''
want 'the rows' test "$(tr '\n' ' ' <out)" = 'baseline pulled twin '
complete show results/tiny.h5 baseline@0 ''
want_no_out

t 'completion for bash'
refocus completion bash
want_code 0
if command -v bash >/dev/null; then
    cp out completion
    cat >complete.bash <<'END'
. ./completion
typed() { COMP_LINE=$* COMP_POINT=${#COMP_LINE}; _refocus; echo "${COMPREPLY[*]}"; }
COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:'
typed refocus doc
typed refocus doctor --js
typed refocus run $1 --cells pulled
typed refocus run $1 --cells pulled@
typed refocus run $1 --cells "'pulled@"
typed refocus run $1 focus.kind=mas
typed refocus data
END
    PATH=$(dirname "$REFOCUS"):$PATH call bash complete.bash "$tiny"
    want_no_err
    printf '%s\n' doctor --json 'pulled@0 pulled@1' '0 1' 'pulled@0 pulled@1' mass data >wanted
    want_same out wanted
else
    skip 'no bash'
fi

t 'completion for zsh'
refocus completion zsh
want_code 0
want_out '^#compdef refocus'
if command -v zsh >/dev/null; then
    cp out completion
    cat >complete.zsh <<'END'
compdef() { }
compadd() { while [[ $1 != -- ]]; do shift; done; shift; (( ! $# )) || print -r -- "$@"; }
_files() { print files; }
. ./completion
typed() { words=("$@") CURRENT=$# PREFIX=${@[-1]#\'}; _refocus }
typed refocus doc
typed refocus run $1 --cells pulled
typed refocus run $1 --cells "'pulled@"
typed refocus run $1 train.st
typed refocus run ''
END
    PATH=$(dirname "$REFOCUS"):$PATH call zsh -f complete.zsh "$tiny"
    want_no_err
    printf '%s\n' doctor 'pulled@0 pulled@1' 'pulled@0 pulled@1' train.steps= files >wanted
    want_same out wanted
else
    skip 'no zsh'
fi

t 'completion for another shell is refused'
refocus completion tcsh
want_code 64
want_err 'expected bash or zsh'

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

t 'completion for bash completes commands, options and values'
refocus completion bash
want_code 0
if command -v bash >/dev/null; then
    cp out completion
    cat >complete.bash <<'END'
. ./completion
complete_words() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _refocus; echo "${COMPREPLY[*]}"; }
complete_words refocus doc
complete_words refocus doctor --js
complete_words refocus completion --h
END
    call bash complete.bash
    want_out '^doctor$'
    want_out '^--json$'
    want_out '^--help$'
fi

t 'completion for zsh'
refocus completion zsh
want_code 0
want_out '^#compdef refocus'

t 'completion for another shell is refused'
refocus completion tcsh
want_code 64
want_err 'expected bash or zsh'

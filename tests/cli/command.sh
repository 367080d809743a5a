# The program itself: help, wrong command lines, standard streams.
. "$(dirname "$0")/../cli_lib.sh"

t 'no command: usage on stderr, 64'
refocus
want_code 64
want_no_out
want_err '^Usage: refocus COMMAND'

t '--help: commands and exit codes on stdout'
refocus --help
want_code 0
want_no_err
want_out '^  help '
want_out '^  75  interrupted'

t '--version'
refocus --version
want_code 0
want_out '^refocus [0-9]+\.[0-9]+\.[0-9]+ \('

t 'an unknown command: the nearest name, 64'
refocus hepl
want_code 64
want_no_out
want_err "^refocus: unknown command 'hepl'; did you mean help\?$"

t 'an unknown option: the nearest name, 64'
refocus help --hlep
want_code 64
want_err '^refocus: help has no option --hlep; did you mean --help\?$'

t 'every command has help with an example, by --help and by name'
refocus --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p' out)
want 'at least the command help' test -n "$commands"
echo "$commands" >commands
while read -r command; do
    refocus $command --help
    want_code 0
    want_no_err
    want_out "^Usage: refocus $command"
    want_out '^Example:'
    cp out by_option
    refocus help $command
    want_same out by_option
done <commands

t 'a full disk under stdout is an error, 74'
last_command='refocus --help >/dev/full' code=0
"$REFOCUS" --help >/dev/full 2>err || code=$?
want_code 74
want_err '^refocus: cannot write to stdout'

t 'a closed stdout is an error, 74'
last_command='refocus --help >&-' code=0
"$REFOCUS" --help >&- 2>err || code=$?
want_code 74

t 'a reader that goes away is none'
last_command='refocus --help | true'
for i in 1 2 3 4 5; do
    { "$REFOCUS" --help 2>err; echo $? >code_file; } | true
    code=$(cat code_file)
    want_code 0
    want 'silence on stderr' test ! -s err
done
last_command='refocus plan experiments/quickstart.yaml --json | true'
{ "$REFOCUS" plan "$here/experiments/quickstart.yaml" --json 2>err; echo $? >code_file; } | true
code=$(cat code_file)
want_code 0
want 'not a word of a pipe' sh -c '! grep -i pipe err'

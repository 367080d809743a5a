# What the README shows works as it stands.
. "$(dirname "$0")/../cli_lib.sh"

t 'the example grid is valid, and its data can be drawn'
awk '/^```yaml/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$here/README.md" >first.yaml
want 'a grid in the README' grep -q '^experiment:' first.yaml
refocus data preview first.yaml -o sheet.png --count 2
want_code 0
want_file sheet.png

t 'the example grid plans'
refocus plan first.yaml
want_code 0
want_out '^revised '

t 'commands that it shows exist'
refocus --help
cp out overview
grep -o '^    \./refocus [a-z]*\( [a-z][a-z]*\)\{0,1\} ' "$here/README.md" | sed 's/^ *\.\/refocus //; s/ $//' | sort -u >commands
want 'at least five' test "$(wc -l <commands)" -ge 5
while read -r command; do want "refocus $command" grep -q "^  $command  " overview; done <commands

t 'targets of make that it shows exist'
grep -o 'make [a-z-]*' "$here/README.md" | sed 's/make //' | sort -u >targets
while read -r target; do
    case $target in '' | test | install) continue ;; esac
    want "make $target" grep -q "^$target:" "$here/Makefile"
done <targets

t 'files that it links to exist'
grep -o '](\([^)]*\))' "$here/README.md" | sed 's/](\(.*\))/\1/' | sort -u >links
while read -r link; do want "$link exists" test -e "$here/$link"; done <links

t 'recorded metrics that it names exist'
sed -n '/^### What is measured/,/^## /p' "$here/README.md" | grep -o '`[a-z_]*`' | tr -d '`' | grep -v '^_free$' |
    sort -u >metrics
want 'at least ten' test "$(wc -l <metrics)" -ge 10
while read -r metric; do want "$metric" test -e "$here/harness/run/metrics/$metric.c"; done <metrics

# What the README shows works as it stands.
. "$(dirname "$0")/../cli_lib.sh"

t 'the example grid is valid, and its data can be drawn'
awk '/^```yaml/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$here/README.md" >first.yaml
want 'a grid in the README' grep -q '^experiment:' first.yaml
refocus data preview first.yaml -o sheet.png --count 2
want_code 0
want_file sheet.png

t 'files that it links to exist'
grep -o '](\([^)]*\))' "$here/README.md" | sed 's/](\(.*\))/\1/' | sort -u >links
while read -r link; do want "$link exists" test -e "$here/$link"; done <links

t 'recorded metrics that it names exist'
sed -n '/^### What is measured/,/^## /p' "$here/README.md" | grep -o '`[a-z_]*`' | tr -d '`' | grep -v '^_free$' |
    sort -u >metrics
want 'at least ten' test "$(wc -l <metrics)" -ge 10
while read -r metric; do want "$metric" test -e "$here/harness/run/metrics/$metric.c"; done <metrics

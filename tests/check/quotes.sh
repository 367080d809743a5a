#!/bin/sh
# quotes.sh REFOCUS: writes what `refocus plan` prints of experiments/memory.yaml into results/reference/memory.md, and its
# first table into the README, below the comment that holds the command. tests/cli/plan.sh compares.
set -eu
command='./refocus plan experiments/memory.yaml --device cuda --budget 24GiB'
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    echo "<!-- $command --format markdown -->"
    "$1" plan experiments/memory.yaml --device cuda --budget 24GiB --format markdown 2>/dev/null || [ $? -eq 2 ]
} >"$new"
cat "$new" >results/reference/memory.md
awk '
    FNR == NR { if (/^\| variant \| cells/) inside = 1; if (inside && !/^\|/) nextfile; if (inside) table = table $0 "\n"; next }
    /^<!-- \.\/refocus plan experiments\/memory.yaml/ { print; printf "%s", table; skipping = 1; next }
    skipping && /^\|/ { next }
    { skipping = 0; print }
' results/reference/memory.md README.md >"$new"
cat "$new" >README.md

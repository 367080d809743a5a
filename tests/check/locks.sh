#!/bin/sh
# Every experiment's memory plans are those of its lock: tests/check/locks.sh PROGRAM GRID.yaml ...
# A grid whose shapes come from a data set that is not here has no lock; that, and locks of other CPUs, is said.
set -u
program=$1
shift
status=0
for grid in "$@"; do
    if [ -e "${grid%.yaml}.lock" ]; then
        "$program" check "$grid" 2>&1 || status=1
        continue
    fi
    why=$("$program" plan "$grid" 2>&1 >/dev/null)
    if [ $? -eq 66 ]; then
        echo "$grid: no lock: $why" | head -n 1
    else
        echo "$grid has no lock: $program plan $grid --write-lock and $program plan $grid --device cuda --write-lock"
        status=1
    fi
done
exit $status

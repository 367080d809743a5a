#!/bin/sh
# Dependencies point one way: kernels <- models <- harness; inside harness, grid and data <- run <- report, record below
# run and report, command on top. Prints what breaks it.
set -u
status=0
# no FOLDER-FILES PATTERN: none of these files may include what matches.
no() {
    pattern=$1
    shift
    for file in "$@"; do
        [ -e "$file" ] || continue
        found=$(grep -nE "^#include \"($pattern)/" "$file") || continue
        echo "$found" | sed "s|^|$file:|; s|\$|   <- reaches up|"
        status=1
    done
}
no 'models|harness|tests' kernels/*.[ch] kernels/ops/*
no 'harness|tests' models/*.[ch] models/*/*.[ch]
no 'tests' harness/*.[ch] harness/*/*.[ch] harness/*/*/*.[ch]
for room in grid data record run report; do
    no 'harness/command' harness/$room/*.[ch] harness/$room/*/*.[ch]
done
for room in grid data; do
    no 'harness/(run|record|report)' harness/$room/*.[ch]
done
no 'harness/(run|report)' harness/record/*.[ch]
no 'harness/report' harness/run/*.[ch] harness/run/*/*.[ch]
exit $status

#!/bin/sh
# The memory plans of experiments and their locks: tests/check/locks.sh check|write PROGRAM GRID.yaml ...
#   check   each is as locked; plans of other CPUs are said
#   write   lock them again, for CPUs with AVX2 and for CUDA; a grid that is only planned, for CUDA alone
# A grid whose shapes come from a data set that is not here keeps the lock it has, and that is said.
set -u
mode=$1 program=$2
shift 2
status=0
# One class of CPU, whatever this machine's: locks that no other machine could write again would be in its way.
! grep -qw avx2 /proc/cpuinfo || export REFOCUS_ISA=avx2

# Locks a grid for one device. That cells are over their budget (2) does not matter here; 66: data are missing.
lock() {
    message=$("$program" plan "$1" --device "$2" --write-lock 2>&1 >/dev/null)
    case $? in
    0 | 2) echo "$message" | grep -F .lock ;;
    66) echo "not locked: $message" | head -n 1 ;;
    *) echo "$message" && status=1 ;;
    esac
}

check() {
    [ -e "${1%.yaml}.lock" ] || { echo "$1 has no lock" && status=1 && return; }
    said=$("$program" check "$1" 2>&1)
    case $? in
    0) echo "$said" ;;
    66) echo "not compared: $said" | head -n 1 ;;
    *) echo "$said" && status=1 ;;
    esac
}

for grid in "$@"; do
    if [ "$mode" = check ]; then
        check "$grid"
    else
        grep -q '^plan_only: true' "$grid" || lock "$grid" cpu
        lock "$grid" cuda
    fi
done
[ "$mode" = write ] || [ $status -eq 0 ] || echo "where that is meant: make locks"
exit $status

#!/bin/sh
# Runs test programs and CLI scripts, prints each one's result and closes with "N passed, N failed".
#   tests/run.sh BUILD_FOLDER PROGRAM-OR-SCRIPT ...
# A program is a cmocka program (its closing lines are counted); a script prints "ok NAME", "not ok NAME", "skip NAME".
# One that ends otherwise than its counts say (a crash, no count, the time limit) is one failure more.
set -u
build=$1
shift
export LC_ALL=C REFOCUS="$PWD/$build/refocus"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.txt:print_suppressions=0}"
limit=${TEST_LIMIT:-600}
logs=$build/log
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# The number in cmocka's closing line "[  WORD  ] N test(s)"; the last one counts, as a program may run several groups.
closing() { sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
lines() { grep -c "^$1" "$log"; }

for test in "$@"; do
    name=$(basename "$test")
    log=$logs/$name.log
    start=$(date +%s.%N)
    case $test in
    *.sh)
        timeout -k 5 "$limit" sh "$test" >"$log" 2>&1 </dev/null
        code=$?
        ok=$(lines 'ok ') bad=$(lines 'not ok ') skip=$(lines 'skip ')
        ;;
    *)
        timeout -k 5 "$limit" "$test" >"$log" 2>&1 </dev/null
        code=$?
        ok=$(closing PASSED) bad=$(closing FAILED) skip=$(closing SKIPPED)
        ;;
    esac
    seconds=$(echo "$(date +%s.%N) $start" | awk '{ printf "%.1f", $1 - $2 }')
    why=
    if [ "$code" -eq 124 ]; then
        why="no end within $limit s"
    elif [ "$code" -gt 128 ]; then
        why="killed by signal $((code - 128))"
    elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        why="exit code $code"
    elif [ $((ok + bad + skip)) -eq 0 ]; then
        why="no test was counted"
    fi
    [ -z "$why" ] || bad=$((bad + 1))
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    if [ "$bad" -eq 0 ]; then
        printf 'ok      %-28s %4d passed %6s s%s\n' "$name" "$ok" "$seconds" "$([ "$skip" -eq 0 ] || echo ", $skip skipped")"
    else
        printf 'FAILED  %-28s %4d failed %6s s%s\n' "$name" "$bad" "$seconds" "${why:+: $why}"
        grep -E '\[  ERROR|\[   LINE|\[  FAILED|^not ok|^    |ERROR: |runtime error|SUMMARY|^#[0-9]|assertion' "$log" | head -n 40
        echo "        all of it: $log"
    fi
done

echo
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]

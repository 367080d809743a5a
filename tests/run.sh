#!/bin/sh
# Runs test programs and CLI scripts, prints each one's result and closes with "N passed, N failed".
#   tests/run.sh BUILD_FOLDER PROGRAM-OR-SCRIPT ...
# A program is a cmocka program (its closing lines are counted); a script prints "ok NAME", "not ok NAME", "skip NAME".
# One that ends otherwise than its counts say (a crash, no count, the time limit) is one failure more.
# TEST_JOBS=N runs N at once, the longest first, each on its share of the cores; TEST_LIMIT=SECONDS for each.
set -u

# The number in cmocka's closing lines "[  WORD  ] N test(s)": a program may run several groups.
closing() { sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
lines() { grep -c "^$1" "$log"; }

# The command that gives a test its share of the cores, where several run at once: threads of one that spin for those of
# another cost both of them more than they save. Those that are about threads have all cores: on one, few of them meet.
on_its_cores() {
    case $name in run_same.sh | test_par | test_spread | test_lanes) return 0 ;; esac
    [ "${TEST_JOBS:-1}" -gt 1 ] && [ -n "${TEST_SLOT:-}" ] && command -v taskset >/dev/null || return 0
    sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr , '\n' |
        awk -F- -v slot="$TEST_SLOT" -v jobs="$TEST_JOBS" '
        { for (c = $1; c <= $NF; c++) core[n++] = c }
        END {
            if (jobs > n) jobs = n
            for (i = slot % jobs; i < n; i += jobs) list = list (list == "" ? "" : ",") core[i]
            print "taskset -c " list
        }'
}

# Runs one, prints its result, and leaves "passed failed skipped" in NAME.count.
run_one() {
    test=$1
    name=$(basename "$test")
    log=$logs/$name.log
    limit=${TEST_LIMIT:-900}
    cores=$(on_its_cores)
    start=$(date +%s.%N)
    case $test in
    *.sh)
        $cores timeout -k 5 "$limit" sh "$test" >"$log" 2>&1 </dev/null
        code=$?
        ok=$(lines 'ok ') bad=$(lines 'not ok ') skip=$(lines 'skip ')
        ;;
    *)
        $cores timeout -k 5 "$limit" "$test" >"$log" 2>&1 </dev/null
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
    echo "$ok $bad $skip" >"$logs/$name.count"
    echo "$name $seconds" >"$logs/$name.seconds"
    {
        if [ "$bad" -eq 0 ]; then
            note=
            [ "$skip" -eq 0 ] || note=", $skip skipped"
            printf 'ok      %-28s %4d passed %6s s%s\n' "$name" "$ok" "$seconds" "$note"
        else
            printf 'FAILED  %-28s %4d failed %6s s%s\n' "$name" "$bad" "$seconds" "${why:+: $why}"
            grep -E '\[  ERROR|\[   LINE|\[  FAILED|^not ok|^    |ERROR: |runtime error|SUMMARY|assertion' "$log" |
                head -n 40
            echo "        all of it: $log"
        fi
    } >"$logs/$name.result"
    cat "$logs/$name.result"
}

# The tests as they are to begin: the longest first, so that none runs on alone at the end; before them, as they were
# given, those of which no run has told yet. $times: "NAME SECONDS", of whatever configuration ran last.
in_order() {
    printf '%s\n' "$@" | awk -v times="$times" '
        BEGIN { while ((getline < times) > 0) seconds[$1] = $2 }
        { name = $0; sub(/.*\//, "", name); print (name in seconds ? seconds[name] : 1e9), $0 }' |
        sort -s -k 1,1gr | cut -d ' ' -f 2-
}
keep_times() {
    touch "$times"
    cat "$logs"/*.seconds "$times" | awk '!seen[$1]++' >"$times.new" && mv "$times.new" "$times"
}

if [ "$1" = --one ]; then
    run_one "$2"
    exit 0
fi

build=$1
shift
export LC_ALL=C REFOCUS="$PWD/$build/refocus" logs="$build/log"
times=$(dirname "$build")/seconds
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.txt:print_suppressions=0}"
rm -rf "$logs"
mkdir -p "$logs"
[ $# -gt 0 ] || { echo "no test has that name"; exit 1; }
in_order "$@" | xargs -P "${TEST_JOBS:-1}" --process-slot-var=TEST_SLOT -I{} sh tests/run.sh --one {}
keep_times

echo
cat "$logs"/*.count | awk -v n=$# '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        failed += n - NR # one that left no count did not even start
        printf "%d passed, %d failed%s\n", passed, failed, (skipped > 0 ? ", " skipped " skipped" : "")
        exit (passed + skipped == 0 || failed > 0)
    }'

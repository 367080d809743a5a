#!/bin/sh
# Runs fuzzing programs one after the other and prints what each did and found.
#   tests/fuzz/run.sh BUILD_FOLDER RUNS SECONDS TARGET...
# BUILD_FOLDER/fuzzing/TARGET keeps the inputs that reached something new, for the next time, and what was found: `ours`
# fails the run; `theirs` are deaths inside a library, which the program itself meets in a process of its own
# (harness/data/isolate.h), and which are only counted.
set -u
build=$1 runs=$2 seconds=$3
shift 3
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:handle_abort=1:symbolize=0 UBSAN_OPTIONS=print_stacktrace=1
# Frames are told apart by their names.
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || command -v llvm-symbolizer)
export ASAN_SYMBOLIZER_PATH
status=0
# Files in memory where that can be, and no trace of them, however a program ends.
[ ! -w /dev/shm ] || TMPDIR=/dev/shm
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/refocus-fuzz-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM

# Whose the first frame of a report is that belongs neither to the C library nor to a sanitizer.
whose() {
    awk '
        /^ *#[0-9]+ 0x/ {
            if ($0 ~ /compiler-rt|sanitizer|__interceptor|__asan|__ubsan|fuzzer::|libc\.so|libm\.so|ld-linux|libstdc/) next
            if ($0 ~ /sysdeps\/|\.\/(nptl|stdlib|string|signal|malloc|libio)\/| in (malloc|calloc|realloc|free) /) next
            print ($0 ~ /\/lib[^ ]*\.so/ ? "theirs" : "ours"); found = 1; exit
        }
        END { if (!found) print "ours" }' "$1"
}

# Sorts what libFuzzer left, by reading each again. Inputs that were only slow while the machine was busy go.
sort_found() {
    for input in "$work"/left/*; do
        [ -e "$input" ] || continue
        ASAN_OPTIONS=$ASAN_OPTIONS:symbolize=1 "$program" "-timeout=$slow" -rss_limit_mb=2048 -malloc_limit_mb=1024 "$input" >"$work/report" 2>&1 </dev/null && continue
        to=$work/$(whose "$work/report")
        mkdir -p "$to"
        cp "$input" "$to/"
        cp "$work/report" "$to/$(basename "$input").report"
    done
}

# libFuzzer's handler of a timeout can wait for ever for a lock that the interrupted library holds: ends what uses no
# processor time.
kill_stuck() {
    before=
    while sleep 30; do
        now=$(ps -C "fuzz_$target" -o pid=,cputimes=,args= | awk -v own="stop_file=$TMPDIR/" 'index($0, own) { print $1, $2 }')
        printf '%s\n' "$now" | grep -xF -e "$before" | cut -d ' ' -f 1 | xargs -r kill -9
        before=$now
    done
}

count() { ls "$1" 2>/dev/null | grep -vc '\.report$'; }

printf '%-12s %12s %8s %10s %10s\n' target executions seconds findings 'in libraries'
for target in "$@"; do
    program=$build/fuzz_$target work=$build/fuzzing/$target
    rm -rf "$work/seeds" "$work/left" "$work/ours" "$work/theirs"
    mkdir -p "$work/inputs" "$work/seeds" "$work/left"
    FUZZ_SEED=$work/seeds "$program" -runs=0 >"$work/log" 2>&1 </dev/null || { cat "$work/log"; exit 1; }
    # Where libraries read, one death must not end it all.
    case $target in
    dataset | font | mat | picture | results | trace)
        slow=2 how='-fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1'
        ;;
    *) slow=10 how=-print_final_stats=1 ;;
    esac
    given=
    for folder in "$work/seeds" "tests/fuzz/corpus/$target" "tests/fuzz/found/$target"; do
        [ ! -d "$folder" ] || given="$given $folder"
    done
    kill_stuck >/dev/null 2>&1 &
    watcher=$!
    start=$(date +%s)
    # shellcheck disable=SC2086
    "$program" "-timeout=$slow" $how -detect_leaks=0 -runs="$runs" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=1024 \
        -artifact_prefix="$work/left/" "$work/inputs" $given >"$work/log" 2>&1 </dev/null
    took=$(($(date +%s) - start))
    kill "$watcher"
    n=$(sed -n 's/^stat::number_of_executed_units: *//p; s/^#\([0-9][0-9]*\)[: ].*/\1/p' "$work/log" | tail -n 1)
    rm -rf "${TMPDIR:?}"/*
    sort_found
    ours=$(count "$work/ours") theirs=$(count "$work/theirs")
    printf '%-12s %12s %8s %10s %10s\n' "$target" "${n:-0}" "$took" "${ours:-0}" "${theirs:-0}"
    if [ "${ours:-0}" -gt 0 ]; then
        status=1
        for report in "$work"/ours/*.report; do
            echo "    ${report%.report}"
            grep -m 1 -E 'ERROR: |runtime error' "$report" | sed 's/^/        /'
        done
    fi
done
exit $status

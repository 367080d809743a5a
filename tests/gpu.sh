#!/bin/sh
# make test-gpu, make bench-gpu: tests/gpu.sh test|bench BUILD_FOLDER. What only a machine with a GPU can tell, as a report
# in Markdown that can be pasted into an issue. Where it cannot run it says why in one sentence, and ends with 69.
set -u
what=$1 build=$2
export LC_ALL=C
failed=0

why=$("$build/refocus" doctor | sed -n 's/^  cuda  *none: /there is no CUDA device: /p; s/^  cuda kernels  *none: //p' | head -n 1)
if [ -n "$why" ]; then
    echo "make $what-gpu cannot run here: $why" >&2
    exit 69
fi

echo "## refocus on a GPU: $what"
echo
"$build/refocus" doctor | sed -n '/^refocus/,/^machine/p; /^  cpu  /p; /^  cuda/p' | grep -v '^machine' | sed 's/^/    /'
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem \
    --format=csv | sed 's/^/    /'
echo

if [ "$what" = bench ]; then
    "$build/tests/bench/bench_gpu"
    exit
fi

# Runs a check: its name, then a command; its end in one line, how near it came and what went wrong below.
check() {
    name=$1
    shift
    begin=$(date +%s)
    if "$@" >"$log" 2>&1; then
        end=ok
    else
        end=FAILED failed=1
    fi
    counts=$(sed -n 's/^\[ *\(PASSED\|FAILED\|SKIPPED\) *\] \([0-9]*\) test(s).*/\1 \2/p' "$log" | sort -u | tr '\n' ' ')
    echo "- **$end** $name: ${counts}in $(($(date +%s) - begin)) s"
    sed -n 's/^largest deviation: /      largest deviation: /p' "$log"
    [ "$end" = ok ] ||
        grep -E '^\[  (ERROR|FAILED)|^\[   LINE|^========= |refocus|emulation|test_cuda|differ' "$log" | head -n 60 | sed 's/^/      /'
}
log=$(mktemp) work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT

check 'every op against the reference in double precision' "$build/test-gpu-ops"
check 'several tiles and several steps to a block, against the CPU' "$build/test-gpu-tiles"
check 'training against the CPU, run to run, modes of memory, replay' "$build/test-gpu-train"

# Two sweeps of the quickstart's first steps: the same bits from run to run, by every value of the results.
sweep() { "$build/refocus" run experiments/quickstart.yaml train.steps=60 --cells '*@0' --device cuda --results "$work/$1"; }
twice() {
    sweep a && sweep b || return 1
    "$build/refocus" diff "$work"/a/*.h5 "$work"/b/*.h5
}
check 'two sweeps of the quickstart, 60 steps, bit by bit' twice
[ "$failed" -ne 0 ] || "$build/refocus" table "$work"/a/*.h5 --format markdown 2>/dev/null | sed -n '/ms\/step/,/^$/p'

# In training a tensor has neighbours of the same allocation, beyond whose bounds memcheck sees nothing: one of the modes
# of memory gives each an allocation of its own.
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck synccheck; do
        sanitize() { compute-sanitizer --tool "$tool" --error-exitcode 1 "$@"; }
        check "compute-sanitizer $tool, ops" sanitize "$build/test-gpu-ops"
        check "compute-sanitizer $tool, tiles" sanitize "$build/test-gpu-tiles"
        check "compute-sanitizer $tool, a training" sanitize "$build/test-gpu-train" \
            'modes of memory: focus.kind=original focus.patch=?8, 10? focus.implementation=fused'
    done
else
    echo "- not run: compute-sanitizer is not installed"
fi
exit $failed

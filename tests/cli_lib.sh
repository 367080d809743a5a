# For tests/cli/*.sh, which source it first: . "$(dirname "$0")/../cli_lib.sh"
# A script is a list of tests, each begun by `t NAME`; every `want...` that fails makes the test fail and says why.
# It runs in a scratch folder of its own; $here is the repository, $REFOCUS the program.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")/../.." && pwd)
REFOCUS=${REFOCUS:-$here/refocus}
scratch=$(mktemp -d)
cd "$scratch" || exit 1
test_name='' test_state=ok any_failed=0 code=0

finish_test() {
    [ -z "$test_name" ] || echo "$test_state $test_name"
    test_name=''
}
finish() {
    end_code=$?
    finish_test
    cd / && rm -rf "$scratch"
    [ "$end_code" -ne 0 ] || end_code=$any_failed
    exit "$end_code"
}
trap finish EXIT

t() {
    finish_test
    test_name=$* test_state=ok
}
# Marks the current test as not applicable here, with the reason.
skip() {
    echo "skip $test_name ($*)"
    test_name=''
}
wrong() {
    test_state='not ok' any_failed=1
    echo "    $test_name: $*"
    echo "    last command: $last_command (exit code $code)"
    [ ! -s out ] || sed 's/^/    stdout: /' out | head -n 12
    [ ! -s err ] || sed 's/^/    stderr: /' err | head -n 12
}

# Runs the program: standard output in ./out, standard error in ./err, its exit code in $code.
refocus() {
    last_command="refocus $*"
    "$REFOCUS" "$@" >out 2>err </dev/null
    code=$?
}
# preloaded NAME ARGUMENT...: the same with the functions of NAME.c before those of any library.
preloaded() {
    cc -shared -fPIC -o "$1.so" "$1.c" || return
    library=$1
    shift
    last_command="refocus $* (with $library.c)"
    LD_PRELOAD=$(readlink -f "$library.so") ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$REFOCUS" "$@" >out 2>err </dev/null
    code=$?
}
# Runs any command the same way.
call() {
    last_command="$*"
    "$@" >out 2>err </dev/null
    code=$?
}

want_code() { [ "$code" -eq "$1" ] || wrong "expected exit code $1"; }
want_out() { grep -Eq -- "$1" out || wrong "stdout has no line like '$1'"; }
want_err() { grep -Eq -- "$1" err || wrong "stderr has no line like '$1'"; }
want_no_out() { [ ! -s out ] || wrong "expected nothing on stdout"; }
want_no_err() { [ ! -s err ] || wrong "expected nothing on stderr"; }
want_not_out() { ! grep -Eq -- "$1" out || wrong "stdout has a line like '$1'"; }
want_not_err() { ! grep -Eq -- "$1" err || wrong "stderr has a line like '$1'"; }
want_file() { [ -s "$1" ] || wrong "there is no file $1"; }
want_no_file() { [ ! -e "$1" ] || wrong "there is a file $1"; }
want_same() { cmp -s "$1" "$2" || wrong "$1 and $2 differ"; }
# want 'condition in words' COMMAND...: any other condition.
want() {
    condition=$1
    shift
    "$@" >/dev/null 2>&1 || wrong "$condition"
}

# Waits up to 60 s until a condition holds.
wait_for() {
    tries=600
    while [ $tries -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
        tries=$((tries - 1))
    done
    return 1
}
# True if a cell is at work in a folder; its process is $cell_pid, which is another one than $2, if that is given.
cell_works() {
    cell_pid=$(head -n 1 "$(echo $1)/lock" 2>/dev/null)
    [ -n "$cell_pid" ] && [ "$cell_pid" != "${2:-}" ] &&
        tr '\0' ' ' <"/proc/$cell_pid/cmdline" 2>/dev/null | grep -q '^refocus cell '
}

# ---- sweeps of tests/cases/run/tiny.yaml, into ./results ----
grid=$here/tests/cases/run/tiny.yaml
# Makes ./long.yaml of it: long enough to be interrupted, with a checkpoint each 20 steps.
make_long() {
    sed 's/steps: 12/steps: 4000/; s/checkpoint_every: 4/checkpoint_every: 20/; s/every: 5,/every: 1000,/' "$grid" >long.yaml
}
# The folder of a cell.
folder() { echo results/tiny/"$1"-*; }
# True if a cell has a checkpoint; with `checkpoint.old` behind its name, two.
has_checkpoint() { test -s "$(folder "$1")/${2:-checkpoint}"; }
# interrupt GRID.yaml [checkpoint.old]: begins baseline@0 anew, and stops it when it has a checkpoint, or two.
interrupt() {
    rm -rf results
    "$REFOCUS" run "$1" --cells 'baseline@0' >out1 2>err1 </dev/null &
    sweep=$!
    wait_for has_checkpoint baseline@0 ${2:+"$2"} || wrong 'no checkpoint came'
    kill -INT $sweep
    wait $sweep
}
# machine MIB [KILLED]: a machine with so much memory left, whose system has killed so many processes for want of it.
machine() {
    mkdir -p machine/proc
    printf 'MemTotal: 8388608 kB\nMemAvailable: %d kB\n' $(($1 * 1024)) >machine/proc/meminfo
    printf 'nr_free_pages 1\noom_kill %d\n' "${2:-0}" >machine/proc/vmstat
    export REFOCUS_MEMORY_ROOT=$PWD/machine
}

# ---- changed sources ----
# A copy of the sources in ./tree with what has been built from them, to be changed; make_tree builds it again.
BUILD=${BUILD:-release}
copy_tree() {
    mkdir -p tree/build tree/tests
    for part in Makefile kernels models harness experiments; do cp -a "$here/$part" tree/; done
    cp -a "$here/build/$BUILD" tree/build/
    rm -rf "tree/build/$BUILD/tests" "tree/build/$BUILD/log"
}
make_tree() {
    last_command=make
    make -s -C tree BUILD="$BUILD" V=0 refocus >make.log 2>&1 && return
    code=1
    wrong 'the copy does not build'
    cat make.log
}

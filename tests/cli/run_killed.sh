# Cells whose process is killed by a signal that refocus did not send: begun again from their checkpoint, failed if that
# leads nowhere; and checkpoints and journals that are damaged.
. "$(dirname "$0")/../cli_lib.sh"
make_long
sed -i '/^  twin/d' long.yaml
sed 's/checkpoint_every: 20/checkpoint_every: 1h/' long.yaml >rare.yaml

t 'a killed cell is begun again, from its checkpoint; the others go on, and the sweep ends well'
sed 's/^  baseline: {}/  baseline: {train.steps: 12}/; s/^  pulled: .*/  pulled: {train.steps: 400}/' long.yaml >kill.yaml
"$REFOCUS" run kill.yaml --cells '*@0' >out 2>err </dev/null &
sweep=$!
wait_for has_checkpoint pulled@0 checkpoint.old || wrong 'no checkpoint came'
cell_works 'results/tiny/pulled@0-*' || wrong 'no cell is at work'
kill -KILL "$cell_pid"
wait $sweep
code=$? last_command='refocus run kill.yaml, one cell killed'
want_code 0
want_err '^killed  pulled@0: killed by signal 9 \(Killed\) after step [0-9]+: .*; it is begun again$'
want_err '^done    pulled@0 '
want_err '^tiny: 2 done; '
want 'it went on' grep -Eq ' resumes after step [1-9][0-9]*; [0-9]+ steps are run again$' "$(folder pulled@0)/log.txt"
want_no_file "$(folder pulled@0)/killed"
want_no_file "$(folder pulled@0)/checkpoint.old"

t 'killed twice without a new checkpoint it is a failure, the others are done; the next run tries it anew'
rm -rf results
sed 's/^  baseline: {}/  baseline: {train.steps: 12}/' rare.yaml >kill.yaml
"$REFOCUS" run kill.yaml --cells 'pulled@0' --cells 'baseline@*' --jobs 2 >out 2>err </dev/null &
sweep=$!
wait_for cell_works 'results/tiny/pulled@0-*' || wrong 'no cell began'
first=$cell_pid
kill -KILL "$first"
wait_for cell_works 'results/tiny/pulled@0-*' "$first" || wrong 'it was not begun again'
kill -KILL "$cell_pid"
wait $sweep
code=$? last_command='refocus run kill.yaml, one cell killed twice'
want_code 1
want_err '^killed  pulled@0: killed by signal 9 .*; it is begun again$'
want_err '^failed   pulled@0: killed by signal 9 .*; twice without a new checkpoint$'
want_err "again: refocus run kill.yaml --cells 'pulled@0'"
want_err '^tiny: 2 done, 1 failed; '
refocus run kill.yaml --cells 'pulled@0' --dry-run
want_out '^pulled@0 .*failed: killed by signal 9 '
want_no_file "$(folder pulled@0)/killed"

t 'the second time may be in another sweep'
rm -rf results
for round in 1 2; do
    "$REFOCUS" run rare.yaml --cells 'pulled@0' >out 2>err </dev/null &
    sweep=$!
    wait_for cell_works 'results/tiny/pulled@0-*' || wrong 'no cell began'
    first=$cell_pid
    kill -KILL "$first"
    [ $round = 2 ] && break
    wait_for cell_works 'results/tiny/pulled@0-*' "$first" || wrong 'it was not begun again'
    kill -KILL $sweep
    kill -KILL "$cell_pid"
    wait $sweep 2>/dev/null
    wait_for sh -c "! kill -0 $cell_pid"
    want_file "$(folder pulled@0)/killed"
    refocus status rare.yaml
    want_out '^  pulled@0 +interrupted '
done
wait $sweep
code=$? last_command='refocus run rare.yaml, killed once more'
want_code 1
want_err '^failed   pulled@0: .*; twice without a new checkpoint$'

t 'the cause says when the system ran out of memory'
rm -rf results
machine 8192 3
"$REFOCUS" run rare.yaml --cells 'pulled@0' >out 2>err </dev/null &
sweep=$!
wait_for cell_works 'results/tiny/pulled@0-*' || wrong 'no cell began'
first=$cell_pid
kill -KILL "$first"
wait_for cell_works 'results/tiny/pulled@0-*' "$first" || wrong 'it was not begun again'
machine 8192 4
kill -KILL "$cell_pid"
wait $sweep
code=$? last_command='refocus run rare.yaml, the second kill counted as one for want of memory'
unset REFOCUS_MEMORY_ROOT
want_code 1
want_err '^killed  pulled@0: killed by signal 9 \(Killed\) after step [0-9]+: not by refocus; it is begun again$'
want_err '^failed   pulled@0: .* after step [0-9]+: the system ran out of memory; twice without a new checkpoint$'

# ---- several codes in one folder ----
# killed_at POINT:N OPTION...: a sweep of one cell of 12 steps, with a checkpoint after each 4, killed there with its cell.
killed_at() {
    point=$1
    shift
    call setsid -w env REFOCUS_KILL_AT="$point:all" "$REFOCUS" run "$grid" --cells 'baseline@0' "$@"
    [ "$code" -ne 0 ] || wrong 'it was not killed'
}

t 'another instruction set begins anew, and so does the first after it: no rows of one beside steps of the other'
refocus run "$grid" --cells 'baseline@0' --results whole
for point in checkpoint:1 checkpoint:5; do # its first checkpoint is about to be made; is made
    rm -rf results
    killed_at checkpoint:5
    killed_at $point --isa plain
    refocus run "$grid" --cells 'baseline@0'
    want_code 0
    refocus diff whole/tiny.h5 results/tiny.h5
    want_code 0
done

t 'a cell that failed keeps its checkpoint, and says where it stood; another try goes on from there'
cat >resume_dies.c <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int ftruncate64(int fd, off_t n);
int ftruncate64(int fd, off_t n) {
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/journal") != NULL) raise(SIGKILL);
    return (int)syscall(SYS_ftruncate, fd, n);
}
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
END
rm -rf results
killed_at checkpoint:5
preloaded resume_dies run "$grid" --cells 'baseline@0'
want_code 1
want_err '^killed  baseline@0: killed by signal 9 \(Killed\) after step 4: .*; it is begun again$'
want_err '^failed   baseline@0: killed by signal 9 \(Killed\) after step 4: .*; twice without a new checkpoint$'
refocus run "$grid" --cells 'baseline@0'
want_err '1 failed before'
want_file "$(folder baseline@0)/checkpoint"
want_file "$(folder baseline@0)/journal"
refocus run "$grid" --cells 'baseline@0' --retry failed
want_code 0
want 'it went on' grep -q ' resumes after step 4; ' "$(folder baseline@0)/log.txt"
want_no_file "$(folder baseline@0)/checkpoint"
refocus diff whole/tiny.h5 results/tiny.h5
want_code 0

# ---- damage ----
# damage FILE OFFSET: another byte there.
damage() {
    file=$(folder baseline@0)/$1
    printf '%b' "$([ "$(dd if="$file" bs=1 skip="$2" count=1 2>/dev/null)" = Z ] && echo Y || echo Z)" |
        dd of="$file" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
resume_for_a_while() {
    "$REFOCUS" run long.yaml --cells 'baseline@0' >out 2>err </dev/null &
    sweep=$!
    wait_for grep -q '^note ' err || wrong 'it says nothing'
    kill -INT $sweep
    wait $sweep
    code=$? last_command='refocus run long.yaml, with damage'
}

t 'a damaged checkpoint: the one before it, and it is said'
interrupt long.yaml checkpoint.old
damage checkpoint 5000
refocus run long.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +resume .*after step [0-9]+ of 4000; from the checkpoint before the last one: the checkpoint is damaged'
refocus status long.yaml
want_out '^  baseline@0 +interrupted .*from the checkpoint before the last one'
resume_for_a_while
want_code 75
want_err '^note    baseline@0: resumes from the checkpoint before the last one: the checkpoint is damaged: its digest'
want_not_err 'begins anew'

t 'both are damaged: begun anew, and it is said'
interrupt long.yaml checkpoint.old
damage checkpoint 5000
damage checkpoint.old 5000
refocus run long.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +train .*begins anew: the checkpoint is damaged'
resume_for_a_while
want_err '^note    baseline@0: begins anew: the checkpoint is damaged: its digest does not fit$'

t 'a journal that is damaged at its head'
interrupt long.yaml checkpoint.old
damage journal 30
refocus run long.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +train .*begins anew: the journal'
resume_for_a_while
want_err '^note    baseline@0: begins anew: the journal'

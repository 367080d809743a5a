# refocus run: a tiny sweep from the grid to the results file; what it skips, resumes and refuses.
. "$(dirname "$0")/../cli_lib.sh"

# Is a process of this cell at work in this folder? Others may run tests of the same names.
cell_is_left() {
    for pid in $(pgrep -f "^refocus cell results/tiny/$1"); do
        [ "$(readlink "/proc/$pid/cwd")" = "$PWD" ] && return 0
    done
    return 1
}
no_cell_is_left() { ! cell_is_left "$1"; }
nothing_written() { want 'nothing written' test ! -e results; }

t 'a dry run says what would happen and writes nothing'
refocus run "$grid" --dry-run
want_code 0
want_out '^baseline@0 +train +[0-9.]+ MiB +new$'
want_out '^twin@1 +same +[0-9.]+ MiB +as pulled@1$'
want_err '^tiny: 6 cells; 4 to train; 2 the same as others$'
nothing_written

t 'a sweep: stdout is the path, stderr plain lines, equal cells are trained once'
refocus run "$grid" --jobs 2
want_code 0
want 'one line on stdout' test "$(cat out)" = results/tiny.h5
want_err '^baseline@0  step 12/12  loss [0-9.]+  char_accuracy '
want_err '^tiny: 6 done; results/tiny.h5$'
want 'no escape sequences in a log' sh -c '! grep -q "$(printf "\033")" err'
want_file results/tiny.h5
for cell in baseline@0 pulled@0 baseline@1 pulled@1; do
    want_file "$(folder $cell)/cell.h5"
    want_file "$(folder $cell)/log.txt"
    want_no_file "$(folder $cell)/checkpoint"
    want_no_file "$(folder $cell)/journal"
done
want_no_file results/tiny/twin@0-*

t 'the second run trains nothing'
stat -c '%n %Y %i' results/tiny/*/cell.h5 >before
refocus run "$grid"
want_code 0
want_err '^tiny: 6 cells; 4 finished; 2 the same as others$'
want_not_err 'training'
stat -c '%n %Y %i' results/tiny/*/cell.h5 >after
want_same before after

t 'a results file that is gone is packed again from the sealed cells'
rm results/tiny.h5
refocus pack "$grid"
want_code 0
want_out '^results/tiny.h5$'
refocus table results/tiny.h5
want_code 0
refocus pack "$grid" --results nowhere
want_code 66
want_err 'tiny has no results in nowhere/tiny'
want_no_file nowhere

t 'a larger grid trains what is new'
refocus run "$grid" seeds=3 --dry-run
want_code 0
sed 's/^seeds: 2/seeds: 3/' "$grid" >tiny.yaml
refocus run tiny.yaml --dry-run
want_err '^tiny: 9 cells; 2 to train; 4 finished; 3 the same as others$'
refocus run tiny.yaml --cells 'baseline@2'
want_code 0
want_err '^tiny: 9 cells, 1 of them selected; 1 to train$'
want_err '^done    baseline@2'

t 'only observing changes nothing that is sealed'
sed 's/every: 5, batch: 4/every: 3, batch: 4/' "$grid" >observe.yaml
refocus run observe.yaml --dry-run
want_err '^tiny: 6 cells; 4 finished'

t 'a setting that changed is why a cell is trained anew'
sed 's/lr: 1e-2/lr: 2e-2/; s/pulled: .*/pulled: {focus.kind: kl, focus.lambda: 0.25}/' "$grid" >changed.yaml
refocus run changed.yaml --dry-run
want_code 0
want_out '^baseline@0 +train .*  stale: train.lr changed from 0.01 to 0.02$'
want_out '^pulled@1 +train .*  stale: focus.lambda changed from 0.5 to 0.25, train.lr changed from 0.01 to 0.02$'
sed 's/pulled: .*/pulled: {focus.kind: mass, focus.lambda: 0.5}/; s/steps: 12/steps: 24/' "$grid" >changed.yaml
refocus run changed.yaml --cells 'pulled@0' --dry-run
want_out '^pulled@0 +train .*  stale: focus.kind changed from kl to mass, train.steps changed from 12 to 24$'
sed 's/twin: .*/twin: {}/; s/pulled: .*/pulled: {focus.kind: kl, focus.lambda: 0.5}/' "$grid" >changed.yaml
refocus run changed.yaml --cells 'pulled@0' --dry-run
want_out '^pulled@0 +skip '

t 'overrides are kept apart, and what they replace is told'
refocus run "$grid" train.lr=0.02 --cells 'baseline@0'
want_code 0
want_err 'train.lr: 0.02 instead of 0.01'
want 'a folder of their own' test -e results/tiny+*.h5

t 'a pattern, a twin by its own name, and one that matches nothing'
rm -rf results
refocus run "$grid" --cells 'twin@1'
want_code 0
want_file "$(folder pulled@1)/cell.h5"
want_no_file results/tiny/baseline@0-*
refocus run "$grid" --cells 'nothing*'
want_code 3
want_no_out

t 'over budget: a result with a cause, and no failure'
rm -rf results
refocus run "$grid" memory.budget=1MiB --cells 'baseline@*'
want_code 0
want_err '^over    baseline@0: the plan needs [0-9.]+ MiB'
want_err '^tiny: 2 over budget'
refocus run "$grid" memory.budget=1MiB --cells 'baseline@*' --dry-run
want_out '^baseline@0 +skip .*the plan needs'

sed 's/^  baseline: {}/  baseline: {}\n  wild: {train.lr: 100, train.optimizer: sgd, train.clip: 0, train.weight_decay: 1, train.steps: 60}/' \
    "$grid" >wild.yaml
rm -rf results

t 'fail fast starts nothing after a failure; a pinned instruction set stays part of the command'
call env REFOCUS_ISA=plain "$REFOCUS" run wild.yaml --fail-fast --cells 'wild@*'
want_code 1
want_err '^tiny: 1 diverged, 1 not begun; '
want_err "again: refocus run wild.yaml --isa plain --cells 'wild@0' --retry diverged\$"

t 'a cell that diverges is told with its log and how to run it again; the others are done'
refocus run wild.yaml --jobs 2 --cells 'wild@1' --cells 'baseline@0'
want_code 1
want_err '^diverged  wild@1: .* at step '
want_err "again: refocus run wild.yaml --cells 'wild@1' --retry diverged\$"
want_err '^tiny: 1 done, 1 diverged; '
want_file results/tiny.h5

t 'a cell that diverged stays as it is until another try is asked for'
refocus run wild.yaml --cells 'wild@*' --cells 'baseline@0'
want_code 1
want_not_err 'training'
want_err '^tiny: 8 cells, 3 of them selected; 1 finished; 2 diverged before \(--retry diverged\)$'
refocus run wild.yaml --dry-run --retry failed
want_out '^wild@0 +skip .*  diverged: [a-z_]+ is (not a number|infinite) at step [0-9]+; first in [a-z0-9_.'\'']+; --retry diverged tries it again$'
refocus run wild.yaml --dry-run --retry diverged
want_out '^wild@0 +train .*  diverged: [a-z_]+ is (not a number|infinite) at step [0-9]+; first in [^ ]+$'
want_out '^baseline@0 +skip '
refocus run wild.yaml --retry all --cells 'wild@1'
want_code 1
want_err '^diverged  wild@1: '
refocus status wild.yaml
want_out '2 diverged'
refocus run wild.yaml --retry never
want_code 64

t 'a primary metric measured free-running has its column'
rm -rf results
sed 's/metric: char_accuracy/metric: hit_rate_free/' "$grid" >free.yaml
refocus run free.yaml --cells '*@0'
want_code 0
refocus table results/tiny.h5
want_code 0
want_out '^ +n +hit_rate_free ↑ '
want_out '^ +hit_rate_free ↑ +difference'

# ---- stopping ----
make_long

t 'Ctrl-C: running cells write a checkpoint, 75, and the same command resumes'
rm -rf results
"$REFOCUS" run long.yaml --cells 'baseline@*' >out 2>err </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
kill -INT $sweep
wait $sweep
code=$? last_command='refocus run long.yaml, interrupted'
want_code 75
want_no_out
want_err '^stopped baseline@0: interrupted after step [0-9]+$'
want_err '^tiny: 1 interrupted, 1 not begun'
want 'no process is left' no_cell_is_left baseline@0
refocus run long.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +resume .*after step [0-9]+ of 4000'
if grep -q avx2 /proc/cpuinfo; then # a checkpoint of another bit class is no beginning
    refocus run long.yaml --cells 'baseline@0' --dry-run --isa plain
    want_out '^baseline@0 +train .*  begins anew: its checkpoint at step [0-9]+ is of another CPU, build or library'
fi

t 'two jobs are at work at the same time'
rm -rf results
"$REFOCUS" run long.yaml --jobs 2 --threads 1 --cells '*@0' >out 2>err </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint of the first came'
wait_for has_checkpoint pulled@0 || wrong 'no checkpoint of the second came'
want_no_file "$(folder baseline@0)/cell.h5"
want_no_file "$(folder pulled@0)/cell.h5"
kill -INT $sweep
wait $sweep
code=$? last_command='refocus run long.yaml --jobs 2, interrupted'
want_code 75
want_err '^tiny: 3 interrupted'

t 'a cell that failed stays as it is until another try is asked for; it does not hold up --fail-fast'
rm -rf results
sed 's/^  baseline: {}/  baseline: {train.steps: 12}/; s/^  pulled: .*/  pulled: {focus.kind: kl, focus.lambda: 0.5, train.steps: 4000}/; /^  twin/d' \
    long.yaml | sed 's/checkpoint_every: 20/checkpoint_every: 100000/' >fail.yaml
"$REFOCUS" run fail.yaml --cells 'pulled@0' >out 2>err </dev/null &
sweep=$!
wait_for cell_works 'results/tiny/pulled@0-*' || wrong 'no cell began'
first=$cell_pid
kill -KILL "$first"
wait_for cell_works 'results/tiny/pulled@0-*' "$first" || wrong 'it was not begun again'
kill -KILL "$cell_pid"
wait $sweep
code=$? last_command='refocus run fail.yaml, its cell killed twice'
want_code 1
want_err "again: refocus run fail.yaml --cells 'pulled@0' --retry failed\$"
refocus run fail.yaml --cells 'pulled@0' --cells 'baseline@0' --fail-fast
want_code 1
want_not_err 'pulled@0.*training'
want_err '^tiny: 6 cells?, 2 of them selected; 1 to train; 1 failed before \(--retry failed\)$|^tiny: 4 cells, 2 of them selected; 1 to train; 1 failed before \(--retry failed\)$'
want_err '^tiny: 1 done, 1 failed; '
refocus status fail.yaml
want_out '1 failed'
sed 's/train.steps: 4000/train.steps: 4/' fail.yaml >mended.yaml
refocus run mended.yaml --cells 'pulled@0' --dry-run
want_out '^pulled@0 +train .*  stale: train.steps changed from 4000 to 4$'
refocus run fail.yaml --cells 'pulled@0' --retry failed --dry-run
want_out '^pulled@0 +train .*  failed: killed by signal 9'

t 'another try of what diverged is none of what diverges meanwhile, in other hands'
refocus run wild.yaml --cells 'wild@0' --results meanwhile
want_code 1
cell=$(echo meanwhile/tiny/wild@0-*)
mv "$cell/cell.h5" sealed.h5
exec 8>>"$cell/lock"
flock 8
"$REFOCUS" run wild.yaml --cells 'wild@0' --results meanwhile --retry diverged >out 2>err </dev/null 8>&- &
second=$!
wait_for grep -q '^waits   wild@0: ' err || wrong 'it does not wait'
cp sealed.h5 "$cell/cell.h5"
exec 8>&-
wait $second
code=$? last_command='refocus run wild.yaml --retry diverged, beside another process'
want_code 1
want_err '^found   wild@0, which another process was at: diverged: '
want_not_err '^wild@0  training'
want_same sealed.h5 "$cell/cell.h5"

t 'a second sweep waits for what another process is at; Ctrl-C ends the waiting'
rm -rf results
"$REFOCUS" run long.yaml --cells 'baseline@0' >out1 2>err1 </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
"$REFOCUS" run long.yaml --cells 'baseline@0' >out 2>err </dev/null &
second=$!
wait_for grep -q '^waits   baseline@0: process' err || wrong 'it does not wait'
kill -INT $second
wait $second
code=$? last_command='refocus run long.yaml, the second of two, interrupted'
want_code 75
want_no_out
want_err 'in other hands'
kill -TERM $sweep
wait $sweep

t 'a parent that is killed takes its cells with it, and nothing is lost'
"$REFOCUS" run long.yaml --cells 'baseline@0' >out1 2>err1 </dev/null &
sweep=$!
wait_for cell_works 'results/tiny/baseline@0-*' || wrong 'no cell began'
kill -KILL $sweep
wait $sweep 2>/dev/null
wait_for no_cell_is_left baseline@0 || wrong 'a cell is left behind'
refocus run long.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +resume '

# ---- wrong inputs: one clear message, the exit code, nothing written ----
rm -rf results
t 'an unknown key'
refocus run "$grid" train.stepz=3
want_code 78
want_err "unknown key 'train.stepz'; did you mean 'train.steps'\?"
nothing_written

t 'a wrong type'
refocus run "$grid" train.steps=many
want_code 78
nothing_written

t 'an unknown key of a variant'
sed 's/focus.lambda: 0.5/focus.lambada: 0.5/' "$grid" >bad.yaml
refocus run bad.yaml
want_code 78
want_err "^refocus: bad.yaml:[0-9]+:[0-9]+: unknown key 'focus.lambada'"
nothing_written

t 'a primary metric that no cell records'
sed 's/metric: char_accuracy/metric: word_accuracy_free/' "$grid" >bad.yaml
refocus run bad.yaml
want_code 78
want_err "bad.yaml:[0-9]+:[0-9]+: there is no metric 'word_accuracy_free'; did you mean word_accuracy\?"
nothing_written

t 'an empty grid'
: >empty.yaml
refocus run empty.yaml
want_code 78
nothing_written

t 'no such grid'
refocus run none.yaml
want_code 66
nothing_written

t 'a missing font'
refocus run "$grid" 'data.train.lines.fonts=[NoSuchFont]'
want_code 66
want_err 'NoSuchFont'
nothing_written

t 'a missing dataset'
sed 's/train: {lines: {.*}}/train: {lines: {source: dataset, file: photos.h5}}/' "$grid" >dataset.yaml
refocus run dataset.yaml
want_code 66
want_err 'photos.h5'
nothing_written

t 'a corrupt dataset'
echo 'this is no HDF5 file' >photos.h5
refocus run dataset.yaml
want_code 65
want_err 'photos.h5'
nothing_written

t 'results that cannot be written'
: >results
refocus run "$grid"
want_code 73
rm results
refocus run "$grid" --results /proc/refocus
want_code 73

t 'batch 0'
refocus run "$grid" train.batch=0
want_code 78
nothing_written

t 'an image too small for the encoder'
refocus run "$grid" 'data.image=[16, 16]'
want_code 78
want_err 'expected a height of 32'
nothing_written

t 'a label longer than max_length'
refocus run "$grid" 'data.train.lines.length=[1, 9]'
want_code 78
want_err 'model.max_length is 4'
nothing_written

t 'a device that is not there, one that is none, and wrong options'
refocus run "$grid" --device cuda
want_code 69
refocus run "$grid" --device tpu
want_code 64
want_err '^refocus: unknown device "tpu", expected cpu, cuda or cuda:NUMBER'
refocus run "$grid" --jobs none
want_code 64
refocus run
want_code 64
nothing_written

t 'a grid that is only planned'
sed 's/^seeds: 2/seeds: 2\nplan_only: true/' "$grid" >planned.yaml
refocus run planned.yaml
want_code 78
want_err 'plan_only'
nothing_written

# Cells that do not fit: over the budget is a result, more than the machine can hold now is put off.
. "$(dirname "$0")/../cli_lib.sh"

# The lines of a log that begin a training.
n_trained() { grep -c 'planned peak' "$(echo results/"$1"-*)/log.txt"; }

t 'over budget: sealed with its plan and its cause, trained by nobody; the others run; 0'
sed 's/^seeds: 2/seeds: 1/; s/^  twin:.*/  large:    {train.batch: 16}/; s/^variants:/  memory: {budget: 5MiB, reserve: 1MiB}\n&/' \
    "$grid" >large.yaml
refocus run large.yaml --dry-run
want_out '^large@0 +train .*over budget: the plan needs [0-9.]+ MiB, with a reserve of 1.0 MiB, and memory.budget is 5.0 MiB$'
refocus run large.yaml --jobs 2
want_code 0
want_err '^over    large@0: the plan needs [0-9.]+ MiB, with a reserve of 1.0 MiB, and memory.budget is 5.0 MiB$'
want_err '^tiny: 2 done, 1 over budget; '
want_not_err '^large@0  step'
want_file "$(echo results/tiny/large@0-*)/cell.h5"

t 'it stands in the table, with what it would take'
refocus table results/tiny.h5
want_code 0
want_out '^large +0/1 † '
want_out '^large +[0-9,]+ +[1-9][0-9.]+ +– +– +– +– +–$'
want_out '^† large, seed 0: over budget, not started: the plan needs '
want_out '^baseline +[0-9,]+ +[1-9][0-9.]+ +[1-9][0-9.]+ +[1-9][0-9.]+ '
refocus table results/tiny.h5 --format markdown
want_out '^\| large \| [0-9,]+ \| [0-9.]+ \| – \| – '

t 'a larger budget trains it, and nothing else'
sed 's/budget: 5MiB/budget: 1GiB/' large.yaml >larger.yaml
refocus run larger.yaml --dry-run
want_out '^large@0 +train .*it fits into the budget now$'
refocus run larger.yaml
want_code 0
want_err '^tiny: 3 cells; 1 to train; 2 finished$'
want_err '^done    large@0'

t 'a cell that the machine cannot hold now: told why, not sealed, 75; the same command trains it when it can'
rm -rf results
machine 4
refocus run "$grid" --cells 'baseline@0' --dry-run
want_code 0
want_out '^baseline@0 +train .* new; deferred: needs [0-9.]+ MiB \(plan [0-9.]+ MiB, kept parameters [0-9.]+ MiB, process [0-9.]+ MiB\); 4.0 MiB left by MemAvailable$'
refocus run "$grid" --cells 'baseline@0'
want_code 75
want_no_out
want_err '^deferred  baseline@0: needs [0-9.]+ MiB .*; 4.0 MiB left by MemAvailable$'
want_err '^tiny: 1 deferred; '
want_err '^refocus: this machine cannot hold 1 cell now: the same command runs it when it can$'
want_no_file "$(echo results/tiny/baseline@0-*)/cell.h5"
refocus table results/tiny.h5
want_out '^† baseline, seeds 0, 1: no result yet.$'
machine 4096
refocus run "$grid" --cells 'baseline@0'
want_code 0
want_err '^done    baseline@0'

t 'what a cgroup leaves counts, and who set the limit is told'
rm -rf results
mkdir -p machine/proc/self machine/sys/fs/cgroup/jobs/one
echo '0::/jobs/one' >machine/proc/self/cgroup
echo max >machine/sys/fs/cgroup/jobs/one/memory.max
echo 104857600 >machine/sys/fs/cgroup/jobs/memory.max
echo 99614720 >machine/sys/fs/cgroup/jobs/memory.current
refocus run "$grid" --cells 'baseline@0'
want_code 75
want_err '^deferred  baseline@0: .*; 5.0 MiB left by memory.max of /sys/fs/cgroup/jobs$'
refocus doctor
want_out '^  memory +8.0 GiB, limited to 0.1 GiB, 0.0 GiB left by memory.max of /sys/fs/cgroup/jobs$'
want_out "as $PWD/machine says"
rm -rf machine/sys

t 'evaluate puts itself off, too'
machine 4096
refocus run "$grid" --cells 'baseline@0'
machine 0
refocus evaluate results/tiny.h5 'baseline@0' --set valid --as again
want_code 75
want_err '^refocus: baseline@0: the plan needs [0-9.]+ [KM]iB, and 0 B left by MemAvailable$'

t 'two at once where there is room for one: the second waits, and both are done'
rm -rf results
machine 1024
refocus run "$grid" --jobs 2 --cells '*@0' memory.reserve=600MiB
want_code 0
want_err '^waits   pulled@0: needs [0-9.]+ MiB .*, reserve 600.0 MiB, .*; 1024.0 MiB left by MemAvailable, [0-9.]+ MiB of it promised to running cells$'
want_err '^tiny: 3 done; '
sed -n '/^done    baseline@0/q; s/^pulled@0  training/early/p' err >early
want 'the second began when the first had ended' test ! -s early

t 'a smaller cell goes first where a larger one does not fit; the larger one is deferred at the end'
rm -rf results
sed 's/^seeds: 2/seeds: 1/; s/^  baseline: {}/  baseline: {memory.reserve: 2GiB}/; /^  twin/d' "$grid" >uneven.yaml
refocus run uneven.yaml
want_code 75
want_err '^done    pulled@0'
want_err '^deferred  baseline@0: needs 2[0-9]{3}[.]'
want_err '^tiny: 1 done, 1 deferred; '
machine 4096
refocus run uneven.yaml
want_code 0
want_err '^tiny: 2 cells; 1 to train; 1 finished$'

t 'two sweeps of one grid at once: each waits for what the other is at, both end with 0, no cell is trained twice'
rm -rf results
unset REFOCUS_MEMORY_ROOT
"$REFOCUS" run "$grid" >out1 2>err1 </dev/null &
first=$!
"$REFOCUS" run "$grid" --jobs 2 >out2 2>err2 </dev/null &
second=$!
wait $first
code=$? last_command='refocus run, the first of two'
want_code 0
wait $second
code=$? last_command='refocus run, the second of two'
want_code 0
cat err1 err2 >err
want_err '^waits   .*: process [0-9]+ on .* is at it since '
want_err '^found   .*, which another process was at: done$'
for cell in baseline@0 pulled@0 baseline@1 pulled@1; do
    want "$cell was trained once" test "$(n_trained tiny/$cell)" = 1
done
want 'both name the file' test "$(cat out1)" = results/tiny.h5
want_same out1 out2
refocus run "$grid"
want_err '^tiny: 6 cells; 4 finished'

t 'a cell that another process gave up is taken over'
rm -rf results
make_long
sed -i 's/steps: 4000/steps: 100/' long.yaml
"$REFOCUS" run long.yaml --cells 'baseline@0' >out1 2>err1 </dev/null &
first=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
cell_works 'results/tiny/baseline@0-*' || wrong 'no cell is at work'
kill -STOP "$cell_pid" # until the second has seen it
"$REFOCUS" run long.yaml --cells 'baseline@0' >out2 2>err </dev/null &
second=$!
wait_for grep -q '^waits ' err || wrong 'it does not wait'
kill -INT $first
kill -CONT "$cell_pid"
wait $first
wait $second
code=$? last_command='refocus run long.yaml, the second of two'
want_code 0
want_err '^waits   baseline@0: process [0-9]+ '
want_err '^baseline@0  training, resumed$'
want_err '^done    baseline@0'

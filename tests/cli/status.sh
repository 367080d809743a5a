# refocus status: every state that a cell can be in, times, orphans; it writes nothing.
. "$(dirname "$0")/../cli_lib.sh"

t 'before anything ran'
refocus status "$grid"
want_code 0
want_out '^tiny: 6 cells, 2 of them trained as others; results/tiny$'
want_out '^  6 to train$'
want_out '^  left: 4 cells, 48 steps; how long is known when one is done$'
want_no_err
want_no_file results

t 'a machine that is too small now: deferred, and why'
machine 1
refocus status "$grid" --cells
unset REFOCUS_MEMORY_ROOT
want_code 0
want_out '^  6 deferred$'
want_out '^  baseline@0 +deferred +0/12 '

t 'over budget'
refocus status "$grid" memory.budget=1MiB
want_code 0
want_out '^  6 over budget$'
want_out '^  baseline@0 .*over budget +0/12 .*the plan needs .* and memory.budget is 1.0 MiB$'

t 'some are done: how long the others take, from what those took'
refocus run "$grid" --cells 'baseline@0'
want_code 0
refocus status "$grid" --cells
want_code 0
want_out '^  1 done, 5 to train$'
want_out '^  baseline@0  done +12/12$'
want_out '^  baseline@1  to train +0/12 +[0-9.]+ s  new$'
want_out '^  twin@0      to train +0/12 .* as pulled@0$'
want_out '^  left: 3 cells, 36 steps, about [0-9.]+ s, one at a time$'
refocus status "$grid" --jobs 3
want_out ', about [0-9.]+ s, 3 at a time$'
want 'the done ones are not listed' sh -c '! grep -q "baseline@0" out'

t 'JSON'
refocus status "$grid" --json
want_code 0
want_out '^    "done": 1,$'
want_out '^      "state": "waiting",$'
want_out '^      "same_as": "pulled@0",$'
want_out '^  "steps_left": 36,$'
want_no_err

t 'finished by other settings: stale'
mkdir -p results/tiny
refocus run "$grid" --cells 'pulled@0'
cp "$(folder baseline@0)/cell.h5" "$(folder pulled@0)/cell.h5"
refocus status "$grid"
want_out '^  pulled@0  stale  0/12 .*its cell.h5 is of other settings$'
sed 's/lr: 1e-2/lr: 100, optimizer: sgd, clip: 0, weight_decay: 1/; s/steps: 12/steps: 60/' "$grid" >wild.yaml
refocus run wild.yaml --cells 'baseline@0' --results wild
want_err '^diverged  baseline@0: '
cp wild/tiny/baseline@0-*/cell.h5 "$(folder pulled@0)/cell.h5"
refocus status "$grid"
want_out '^  pulled@0  stale  0/12 .*its cell.h5 is of other settings$'

t 'running: how far, and that it is; killed: interrupted, where it goes on'
rm -rf results
make_long
"$REFOCUS" run long.yaml --cells 'baseline@0' >out1 2>err1 </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
refocus status long.yaml
want_code 0
want_out '^  1 running, 5 to train$'
want_out '^  baseline@0  running +[0-9]+/4000 +.*loss [0-9.]+; process [0-9]+ '
cell=$(head -n 1 "$(folder baseline@0)/lock")
kill -KILL $sweep
kill -KILL "$cell"
wait $sweep
wait_for sh -c "! kill -0 $cell"
refocus status long.yaml
want_out '^  5 to train, 1 interrupted$'
want_out '^  left: 4 cells, 1[0-9]{4} steps, about [0-9][0-9.hms ]+, one at a time$'
want_out '^  baseline@0  interrupted +[0-9]+/4000 +.*after step [0-9]+ of 4000'

t 'failed, with its cause: killed twice without a checkpoint in between'
sed 's/checkpoint_every: 20/checkpoint_every: 1h/' long.yaml >rare.yaml
"$REFOCUS" run rare.yaml --cells 'pulled@0' >out1 2>err1 </dev/null &
sweep=$!
wait_for cell_works 'results/tiny/pulled@0-*' || wrong 'no cell began'
first=$cell_pid
kill -KILL "$first"
wait_for cell_works 'results/tiny/pulled@0-*' "$first" || wrong 'it was not begun again'
refocus status rare.yaml
want_out '^  3 to train, 1 interrupted, 2 running$|^  2 running, 3 to train, 1 interrupted$'
kill -KILL "$cell_pid"
wait $sweep
refocus status long.yaml
want_out '^  3 to train, 1 interrupted, 2 failed$'
want_out '^  pulled@0 +failed .*killed by signal 9 .*; twice without a new checkpoint'

t 'orphans: cells that the grid no longer has'
sed '/^  pulled/d; /^  twin/d; /^primary/d' long.yaml >fewer.yaml
refocus status fewer.yaml
want_code 0
want_out '^  1 orphan, [0-9.]+ [KM]iB: .*`refocus clean fewer.yaml` removes them$'
refocus status fewer.yaml --cells
want_out '^    pulled@0-[0-9a-f]{8}  [0-9.]+ [KM]iB$'

t 'wrong inputs'
refocus status nothing.yaml
want_code 66
refocus status "$grid" train.stps=3
want_code 78
want_err 'train.steps'
refocus status "$grid" --jobs 0
want_code 64

# refocus plan --write-lock and refocus check: a grid against its lock, results against results.
. "$(dirname "$0")/../cli_lib.sh"
cp "$here/tests/cases/run/tiny.yaml" tiny.yaml
class=$("$REFOCUS" plan tiny.yaml --write-lock 2>&1 >/dev/null | sed -n 's/^tiny.lock: .* plans of \([^ ]*\) written$/\1/p')
rm -f tiny.lock

# Replaces the last line by the digest of those before, as somebody would who knows how.
reseal() {
    sed '$d' "$1" >sealed
    echo "end $(sha256sum sealed | cut -d' ' -f1)" >>sealed
    mv sealed "$1"
}

t 'without a lock: 66, and what writes one'
refocus check tiny.yaml
want_code 66
want_no_out
want_err '^refocus: there is no lock tiny.lock: .refocus plan tiny.yaml --write-lock. writes it$'

t 'a lock is written beside the grid, for one class of device at a time'
refocus plan tiny.yaml --write-lock
want_code 0
want_err "^tiny.lock: 2 plans of $class written$"
refocus plan tiny.yaml --device cuda --write-lock
want_err '^tiny.lock: 2 plans of cuda written, 2 of other classes kept$'
cp tiny.lock first.lock
refocus plan tiny.yaml --device cuda --write-lock
want_err '^tiny.lock: 2 plans of cuda as before, 2 of other classes kept$'
want_same tiny.lock first.lock
want 'one line for each fact' grep -Eq '^  tensor +[0-9]+ +[0-9.]+ [KM]?i?B  encoder\.' tiny.lock
want 'seeds joined' grep -qx '  cell    pulled@0-1' tiny.lock
want 'nothing of this day or place' sh -c '! grep -Eq "20[0-9][0-9]-|/tmp|0\.1\.0" tiny.lock'

t 'written from elsewhere it is the same'
mkdir -p elsewhere
(cd elsewhere && "$REFOCUS" plan "$scratch/tiny.yaml" --write-lock >/dev/null 2>&1)
want_same tiny.lock first.lock

t 'all as locked: 0, and nothing on stdout'
refocus check tiny.yaml
want_code 0
want_no_out
want_err "^tiny.lock: $class: 6 cells as locked$"
want_err '^tiny.lock: cuda: 6 cells as locked$'
refocus check tiny.yaml --device cuda
want_code 0
want_not_err "$class"

t 'what grew: 2, with cells, bytes and tensors'
refocus check tiny.yaml train.batch=5 --device cpu
want_code 2
want_out "^grew      $class  baseline@0-1: [0-9.]+ [KM]iB -> [0-9.]+ [KM]iB, \+[0-9.]+ KiB or \+[0-9.]+ % \([0-9]+ -> [0-9]+, \+[0-9]+ bytes\)$"
want_out "^grew      $class  pulled@0-1 twin@0-1: "
want_out '^  module +\+[0-9]+ +[0-9.]+ MiB -> [0-9.]+ MiB +encoder$'
want_out '^  grew +\+[0-9]+ +[0-9.]+ KiB -> [0-9.]+ KiB +encoder\.conv'
want_err "^refocus: with these overrides 6 of 6 plans differ from tiny.lock$"

t 'growth within the tolerance passes, and is said'
refocus check tiny.yaml train.batch=5 --tolerance 30%
want_code 0
want_out '^grew .*; within the tolerance of 30%$'
want_err "^tiny.lock: $class: 0 cells as locked, 6 grew; 6 of them within the tolerance$"
refocus check tiny.yaml train.batch=5 --tolerance 1KiB
want_code 2
want_not_out 'tolerance'
refocus check tiny.yaml --tolerance much
want_code 64
want_err '^refocus: --tolerance much: expected a percentage such as 2%, or a size such as 16MiB$'

t 'what shrank fails too: the lock says what is'
refocus check tiny.yaml train.batch=3 --device cpu
want_code 2
want_out "^shrank    $class  baseline@0-1: .*, -[0-9.]+ KiB or -"

t 'tensors that appear and go'
refocus check tiny.yaml model.blstm=0 --device cpu
want_code 2
want_out '^  went  .* -> - +encoder\.blstm'
refocus plan tiny.yaml --device cpu --write-lock
sed -i 's/blstm: 8/blstm: 0/' tiny.yaml
refocus plan tiny.yaml --write-lock
sed -i 's/blstm: 0/blstm: 8/' tiny.yaml
refocus check tiny.yaml --device cpu
want_code 2
want_out '^  appeared .* - -> .* +encoder\.blstm'
want_err '^refocus: 6 of 6 plans differ from tiny.lock; if that is meant, lock them: .refocus plan tiny.yaml --write-lock.$'

t 'accepted as it says, it passes'
refocus plan tiny.yaml --write-lock
refocus check tiny.yaml
want_code 0
want_same tiny.lock first.lock

t 'new and removed cells are told apart'
sed 's/^  twin: .*/  wide: {model.decoder: 24}/' tiny.yaml >other.yaml
cp tiny.lock other.lock
refocus check other.yaml --device cuda
want_code 2
want_out '^new       cuda  wide@0-1: [0-9.]+ [KM]iB \([0-9]+ bytes\); the lock does not have it$'
want_out '^removed   cuda  twin@0-1: .*; the grid does not have it any more$'
want_not_out '^(grew|shrank|changed)'
want_err '^other.lock: cuda: 4 cells as locked, 2 new, 2 removed$'
refocus check tiny.yaml 'seeds=3' --device cuda
want_code 2
want_out '^new       cuda  baseline@2: '

t 'as JSON'
refocus check tiny.yaml train.batch=5 --json
want_code 2
cp out report.json
want 'every tensor with its bytes' python3 - <<PYTHON
import json
report = json.load(open("report.json"))
first = report["classes"][0]
assert report["lock"] == "tiny.lock" and first["compared"] and first["failures"] == 6
for change in first["changes"]:
    assert change["change"] == "grew" and "@" in change["cells"][0]
    grown = change["after"]["peak_bytes"] - change["before"]["peak_bytes"]
    assert grown == sum(m["after_bytes"] - m["before_bytes"] for m in change["modules"]) > 0
    assert len(change["tensors"]) > 5
PYTHON

t 'a CPU of another class is said, not failed'
sed "s/plan $class/plan cpu-zzz/" first.lock >tiny.lock
reseal tiny.lock
refocus check tiny.yaml
want_code 0
want_err "^tiny.lock: $class: not compared: the lock has no plans of this class$"
want_err '^tiny.lock: cpu-zzz: not compared: this machine is of another class$'
want_err '^tiny.lock: cuda: 6 cells as locked$'
refocus check tiny.yaml --device cpu
want_code 3
want_err '^refocus: tiny.lock has no plan that this machine can compare$'

t 'plans of any instruction set are made on any CPU'
refocus plan tiny.yaml --isa plain --write-lock
want_code 0
[ "$class" = cpu-plain ] || want 'a lock for that class' grep -q 'plan cpu-plain' tiny.lock
other=avx512
[ "$class" != cpu-avx512 ] || other=avx2
refocus check tiny.yaml --isa plain --device cpu
want_code 0
want_err '^tiny.lock: cpu-plain: 6 cells as locked$'
refocus plan tiny.yaml --isa $other --write-lock
refocus check tiny.yaml --device cpu --isa plain
want_err "^tiny.lock: cpu-$other: not compared: it is not the class in use; --isa $other compares it\$"
refocus check tiny.yaml --device cpu --isa $other
want_code 0
want_err "^tiny.lock: cpu-$other: 6 cells as locked\$"
refocus check tiny.yaml --isa sse
want_code 64

t 'a lock that is not one: 65, with file and line'
sed 's/^refocus-lock 1/refocus-lock 9/' first.lock >tiny.lock
refocus check tiny.yaml
want_code 65
want_no_out
want_err "^refocus: tiny.lock:1: the lock has format '9', this refocus reads format 1; take the lock from version control"
sed '20,$d' first.lock >tiny.lock
refocus check tiny.yaml
want_code 65
want_err '^refocus: tiny.lock:19: the lock is cut short after this line; '
sed '0,/pulled@0-1/s//pulled@0-2/' first.lock >tiny.lock
refocus check tiny.yaml
want_code 65
want_err '^refocus: tiny.lock:[0-9]+: the digest is not that of the lines above: the lock was edited by hand; '
awk '/pulled@/ { held = $0; next } { print } held != "" { print held; held = "" }' first.lock >tiny.lock
reseal tiny.lock
refocus check tiny.yaml
want_code 65
want_err "^refocus: tiny.lock:[0-9]+: cells are not sorted: 'pulled' stands after 'twin'; "
printf 'hello\n' >tiny.lock
refocus check tiny.yaml
want_code 65
want_err "^refocus: tiny.lock:1: expected 'refocus-lock 1', got 'hello'; "

t 'what replaces a damaged lock says so'
refocus plan tiny.yaml --device cuda --write-lock
want_code 0
want_err '^tiny.lock was replaced, with all plans of other classes of device: tiny.lock:1: '
refocus check tiny.yaml --device cuda
want_code 0

t 'the lock of another experiment: 65'
sed 's/^experiment: tiny/experiment: other/' tiny.yaml >other.yaml
cp first.lock other.lock
refocus check other.yaml
want_code 65
want_err "^refocus: other.lock is the lock of experiment 'tiny', and other.yaml is 'other'$"

t 'a lock is of the whole grid as it stands'
cp first.lock tiny.lock
refocus plan tiny.yaml train.batch=5 --write-lock
want_code 64
refocus plan tiny.yaml --cells 'baseline@*' --write-lock
want_code 64
want_same tiny.lock first.lock

t 'options that do not go together: 64'
refocus check
want_code 64
refocus check --results a.h5
want_code 64
want_err '^refocus: --results A.h5 and --against B.h5 go together$'
refocus check tiny.yaml --results a.h5 --against b.h5
want_code 64
refocus check tiny.yaml --metric char_accuracy
want_code 64
refocus check --results a.h5 --against b.h5
want_code 66

t 'results against themselves: the same'
refocus run tiny.yaml
refocus check --results results/tiny.h5 --against results/tiny.h5
want_code 0
want_no_out
want_err '^6 cells in both: [0-9]+ same$'

t 'results of a larger model: the peaks are worse'
refocus run tiny.yaml model.decoder=24 train.steps=6
want_code 0
other=$(cat out)
refocus check --results "$other" --against results/tiny.h5
want_code 2
want_out "^worse	baseline@0	planned_bytes	[0-9]+ \([0-9.]+ MiB\) -> [0-9]+ \([0-9.]+ MiB\)	\+[0-9.]+ %$"
want_out '^worse	pulled@1	measured_bytes	'
want_err '^refocus: [0-9]+ figures of results/tiny\+.* are worse than in results/tiny.h5$'
refocus check --results "$other" --against results/tiny.h5 --tolerance 100% --metric word_accuracy --metric char_accuracy \
    --metric-tolerance 1000%
want_code 0
want_out '^worse within the tolerance	baseline@0	planned_bytes	'
refocus check --results "$other" --against results/tiny.h5 --tolerance 100% --metric hit_rat
want_code 3
want_err "has the metric 'hit_rat'; did you mean hit_rate\?$"

t 'the same as JSON'
refocus check --results "$other" --against results/tiny.h5 --json
want_code 2
cp out figures.json
want 'every figure that moved' python3 - <<PYTHON
import json
report = json.load(open("figures.json"))
assert report["cells"] == 6
assert len(report["figures"]) == report["worse"] + report["better"] > 6
assert {"cell": "baseline@0", "figure": "planned_bytes"}.items() <= report["figures"][0].items()
PYTHON

t 'a cell that is missing now is worse'
refocus run tiny.yaml --cells 'baseline@*' --results part
refocus check --results part/tiny.h5 --against results/tiny.h5
want_code 2
want_out '^worse	pulled@0	status	done -> missing'
refocus check --results results/tiny.h5 --against part/tiny.h5
want_code 0

# refocus diff: two runs of one grid are equal; another setting is found, with the step from which it shows.
. "$(dirname "$0")/../cli_lib.sh"

t 'two runs of one grid, with other threads and other folders: equal, 0'
refocus run "$grid" --results one --cells '*@0' --threads 1
want_code 0
refocus run "$grid" --results two --cells '*@0' --threads 2
want_code 0
refocus diff one/tiny.h5 two/tiny.h5
want_code 0
want_out '^environment$'
want_out '^  threads +[0-9]+ → 2$|^  command '
want_out '^6 equal, 0 different$'
want_no_err

t 'another learning rate: settings, first step, metrics; 2'
sed 's/lr: 1e-2/lr: 2e-2/; s/^seeds: 2/seeds: [0, 2]/' "$grid" >other.yaml
refocus run other.yaml --results three --cells '*@0'
refocus diff one/tiny.h5 three/tiny.h5
want_code 2
want_out '^pulled@0: differs$'
want_out '^  train.lr +0.01 → 0.02$'
want_out '^  first difference at step 1$'
want_out '^    lr +0.01 → 0.02'
want_out '^    valid centre_error_px +[0-9.]+ → '
want_out '^  [0-9]+ parameters differ, most in '
want_out '^pulled@1: only in A$'
want_out '^pulled@2: only in B$'
want_err '^refocus: one/tiny.h5 and three/tiny.h5 differ$'

t 'some cells; JSON'
refocus diff one/tiny.h5 three/tiny.h5 'baseline@0' --json
want_code 2
want_out '^  "equal": false,$'
want_out '^      "first_step": 1,$'
want 'one cell' test "$(grep -c '"cell":' out)" -eq 1
refocus diff one/tiny.h5 two/tiny.h5 --json
want_code 0
want_out '^  "equal": true,$'

t 'sealed cells of any name'
refocus diff one/tiny/pulled@0-*/cell.h5 two/tiny/pulled@0-*/cell.h5
want_code 0
refocus diff one/tiny/pulled@0-*/cell.h5 one/tiny/baseline@0-*/cell.h5
want_code 2
want_out '^pulled@0 and baseline@0: differs$'
want_out '^  focus.kind +kl → none$'

t 'HDF5'\''s own tool agrees: equal apart from volatile/ and provenance'
if command -v h5diff >/dev/null; then
    for part in curves evaluation attention memory final best settings identity; do
        call h5diff one/tiny.h5 two/tiny.h5 /cells/pulled@0/$part
        want_code 0
    done
else
    skip 'h5diff is not installed'
fi

t 'no such cell: 3 and the nearest; files that cannot be read: 66, 65; too few: 64'
refocus diff one/tiny.h5 two/tiny.h5 puled@0
want_code 3
want_err 'did you mean pulled@0\?'
want_no_out
refocus diff one/tiny.h5 nothing.h5
want_code 66
head -c 30000 one/tiny.h5 >cut.h5
refocus diff one/tiny.h5 cut.h5
want_code 65
want_err "'cut.h5' is damaged"
refocus diff one/tiny.h5
want_code 64

# train.init: training that starts from the kept parameters of another cell.
. "$(dirname "$0")/../cli_lib.sh"
tiny=$here/tests/cases/run/tiny.yaml
nothing_written() { want 'nothing written' test ! -e results; }
cells='--cells baseline@0'
sed 's/^experiment: .*/experiment: fine/; s/steps: 12/steps: 4/' "$tiny" >fine.yaml

t 'a cell that starts where another one ended: the log says from where; the first loss is that of those parameters'
refocus run "$tiny" --cells 'baseline@0' --cells 'pulled@1'
want_code 0
refocus run fine.yaml $cells 'train.init=results/tiny.h5#baseline@0'
want_code 0
folder=$(echo results/fine+*/baseline@0-*)
want 'the log says so' grep -q "starts from 'results/tiny.h5#baseline@0', parameters after step 12; 0 of the branch's own" \
    "$folder/log.txt"
refocus trace fine.yaml baseline@0 'train.init=results/tiny.h5#baseline@0' --step 1 -o first.h5
want_code 0
refocus trace "$tiny" baseline@0 --at last --step 1 -o last.h5
refocus diff first.h5 last.h5
want_not_out 'values/encoder'
refocus trace fine.yaml baseline@0 --step 1 -o anew.h5
refocus diff first.h5 anew.h5
want_code 2
want_out 'values/(decoder|encoder)'

t 'it is part of what decides the cell: finished under the same parameters, trained again under others'
refocus run fine.yaml $cells 'train.init=results/tiny.h5#baseline@0' --dry-run
want_out '^baseline@0 +skip '
cp -r results kept
refocus run "$tiny" --cells 'baseline@0' train.steps=13
cp results/tiny+*.h5 results/tiny.h5
refocus run fine.yaml $cells 'train.init=results/tiny.h5#baseline@0' --dry-run
want_out '^baseline@0 +train .*its training data changed: parameters results/tiny.h5#baseline@0 changed'

t 'a branch has parameters of its own: they start as they always do; the rest of another branch is left'
refocus run fine.yaml $cells 'train.init=kept/tiny.h5#pulled@1' focus.kind=original 'focus.patch=[8, 8]' train.init_at=best
want_code 0
want 'the log counts them' grep -q '; 3 of the branch.s own' results/fine+*/baseline@0-*/log.txt

t 'what cannot be started from: one message at its place, its exit code, nothing written'
rm -rf results
sed 's/steps: 4,/steps: 4, init: "nowhere.h5#a@0",/' fine.yaml >wrong.yaml
refocus run wrong.yaml
want_code 66
want_err "^refocus: wrong.yaml:[0-9]+:[0-9]+: baseline@0: train.init: .*'?nowhere.h5"
want_err '^ *[0-9]+ \|   train:'
nothing_written
refocus run fine.yaml 'train.init=kept/tiny.h5#basline@0'
want_code 66
want_err "baseline@0: train.init: 'kept/tiny.h5' has no cell 'basline@0'; did you mean baseline@0\?"
refocus run fine.yaml 'train.init=kept/tiny.h5'
want_code 66
want_err "train.init: 'kept/tiny.h5' has 6 cells: name one of them"
refocus run fine.yaml 'train.init=kept/tiny.h5#baseline@1'
want_code 65
want_err "train.init: cell 'baseline@1' of 'kept/tiny.h5' kept no last parameters: it is missing"
refocus run fine.yaml 'train.init=kept/tiny.h5#baseline@0' model.decoder=17
want_code 65
want_err "train.init: decoder\.[a-z_.]+ is \([0-9,]+\) in 'kept/tiny.h5#baseline@0', expected \([0-9,]+\)"
refocus run fine.yaml 'train.init=kept/tiny.h5#baseline@0' model.encoder=resnet32
want_code 65
want_err "train.init: 'kept/tiny.h5#baseline@0' has no parameter encoder\."
refocus run fine.yaml 'train.init=kept/tiny.h5#'
want_code 78
want_err "'kept/tiny.h5#' is not a place of parameters, expected none or FILE#CELL"
refocus run fine.yaml train.init_at=best
want_code 78
want_err "override 'train.init_at=best' has no effect in any cell: it applies with train.init!=none"
head -c 9000 kept/tiny.h5 >short.h5
refocus run fine.yaml 'train.init=short.h5#baseline@0'
want_code 65
want_err 'train.init: '
nothing_written

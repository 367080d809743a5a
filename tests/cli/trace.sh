# refocus trace: one training step of one cell, every tensor of it; and refocus diff of two traces.
. "$(dirname "$0")/../cli_lib.sh"
grid=$here/tests/cases/run/branches.yaml
python=/usr/bin/python3 # Debian's, which has Debian's h5py

t 'a step of training, written whole; what is printed'
refocus trace "$grid" kl@0 --step 3 -o kl.h5 --threads 1
want_code 0
want_out '^kl@0, step 3, from the beginning$'
want_out '^loss [0-9.]+, recognition [0-9.]+, focus [0-9.]+, gradient norm [0-9.]+$'
want_out '^kl.h5: [0-9]+ values, [0-9]+ gradients$'
want_file kl.h5
want 'nothing left beside it' test "$(ls)" = "$(printf '%s\n' err kl.h5 out)"

t 'h5py reads it in two lines; names, attributes, dimensions; the bits of refocus run'
if ! "$python" -c 'import h5py' 2>/dev/null; then
    skip 'python3-h5py is not installed'
else
    refocus run "$grid" --cells kl@0
    want_code 0
    cat >look.py <<'PYTHON'
import h5py, numpy as np
trace = h5py.File("kl.h5")
alpha = trace["values/decoder.t01.attention.alpha"]
assert alpha.shape == (4, 8) and np.allclose(alpha[:].sum(1), 1, atol=1e-5)
assert (trace["values/decoder.alpha"][1] == alpha[:]).all()
assert trace["gradients/decoder.t01.attention.alpha"].shape == alpha.shape
assert alpha.attrs["dims"] == "N,L" and [d.label for d in alpha.dims] == ["N", "L"]
assert alpha.attrs["op"] == "attention" and alpha.attrs["node"] == "decoder.t01.attention"
assert alpha.attrs["role"] == "activation" and alpha.attrs["module"] == "decoder"
assert alpha.attrs["first"] == alpha.attrs["order"] < alpha.attrs["last"] < trace.attrs["n_nodes"]
assert trace["values/encoder.conv1.w"].attrs["role"] == "param" and trace["values/image"].shape == (4, 32, 32, 3)
before, after = trace["values/encoder.conv1.w"][:], trace["after/encoder.conv1.w"][:]
assert 0 < abs(after - before).max() < 0.011  # Adam goes lr at most
cell = next(c for c in h5py.File("results/branches.h5")["cells"].values() if "curves" in c)
for name in ("loss", "loss_recognition", "loss_focus", "grad_norm", "lr"):
    assert trace.attrs[name] == float(cell["curves/" + name][2]), name
PYTHON
    call "$python" look.py
    want_code 0
fi

t 'one thread or two, the same bits: diff finds nothing'
refocus trace "$grid" kl@0 --step 3 -o two.h5 --threads 2
refocus diff kl.h5 two.h5
want_code 0
want_out '^[0-9]+ tensors compared: the same, bit by bit$'
want_no_err

t 'another learning rate: the first tensor in execution order that differs'
refocus trace "$grid" kl@0 train.lr=2e-2 --step 1 -o one.h5
refocus trace "$grid" kl@0 --step 1 -o other.h5
refocus diff one.h5 other.h5
want_code 2
want_out '^A    lr: 0.02$|^A .*lr.*0.02$'
want 'what was there before the step comes first' test "$(grep -A1 'the first in execution order' out | tail -n 1 |
    grep -c '^  values/update.hyper: max abs error 0.01, rel ')" -eq 1
want_not_out 'values/encoder.conv1'
want_err '^refocus: one.h5 and other.h5 differ$'
refocus diff one.h5 other.h5 --json
want_code 2
want_out '"tensor": "update.hyper"'

t 'some tensors by name'
refocus trace "$grid" kl@0 --step 2 -o t01.h5 --match 'decoder.t01.*' --match decoder.logits
want_code 0
want_out '^t01.h5: 7 values, 5 gradients$'
refocus trace "$grid" kl@0 --step 2 -o none.h5 --match 'nothing.*'
want_code 3
want_no_file none.h5

t 'every branch, checked op by op; trivial and floor values'
for variant in none plain fused mass kl centre binary lowrank; do
    refocus trace "$grid" "$variant@0" --step 2 --check-gradients
    want_code 0
    want_out '^checked against the reference: [0-9]+ forward ops, [0-9]+ backward, [0-9]+ updates$'
    want_out '^all within tolerance; '
    want_out '^all [0-9]+ parameters have a gradient$'
    case $variant in
    plain | fused | binary) want_out '^focus loss [0-9.]+; trivial [0-9.]+ \(always background\); floor [0-9.]+ \(every pixel right' ;;
    mass) want_out '^focus loss [0-9.]+; trivial [0-9.]+ \(uniform attention\); floor ' ;;
    lowrank) want_out '^focus loss [0-9.]+; trivial [0-9.]+ \(the same for all classes\); floor 0 \(every pixel right\)$' ;;
    centre) want_out '^focus loss [0-9.]+; trivial [0-9.]+ \(uniform attention\); floor 0 \(every centre in the middle of its box\)$' ;;
    kl) want_out '^focus loss [0-9.]+; trivial 2.07944 \(uniform attention\); floor [0-9.]+ \(entropy of the target\)$' ;;
    esac
done

t 'the fused branch: what it never holds comes from the plain one'
refocus trace "$grid" fused@0 --step 1 -o fused.h5 --match 'focus.*'
want_out '; 18 of them are those of the plain branch, which the fused one never holds$'

t 'a branch that does not act yet: parameters whose gradient is zero'
refocus trace "$grid" plain@0 focus.start=5 --step 2 --check-gradients
want_code 0
want_out '^parameters whose gradient is zero everywhere: focus.pixels.w focus.glimpse.w focus.glimpse.b$'

t 'kept parameters, and the batch after them'
refocus trace "$grid" mass@0 --at last -o last.h5
want_code 66
want_err 'has no cell.h5: the cell is not done'
refocus run "$grid" --cells kl@0
refocus trace "$grid" kl@0 --at last -o last.h5
want_code 0
want_out '^kl@0, step 7, from the last parameters, kept after step 6; '
refocus trace "$grid" kl@0 --at last --step 2 -o last.h5
want_code 0
want_out '^kl@0, step 2, from the last parameters, kept after step 6; '

t 'a checkpoint of a cell that was interrupted: the bits of training from the beginning'
refocus trace "$grid" kl@0 --at checkpoint -o at.h5
want_code 66
want_err 'has no checkpoint'
sed 's/steps: 6/steps: 4000/' "$grid" >long.yaml
"$REFOCUS" run long.yaml --cells mass@0 >out 2>err </dev/null &
sweep=$!
wait_for sh -c 'test -s results/branches/mass@0-*/checkpoint' || wrong 'no checkpoint came'
kill -INT $sweep
wait $sweep
before=$(cd results/branches/mass@0-* && sha256sum checkpoint journal)
refocus trace long.yaml mass@0 --at checkpoint -o at.h5
want_code 0
want_out '^mass@0, step [0-9]+, from the checkpoint after step [0-9]+$'
step=$(sed -n 's/^mass@0, step \([0-9]*\),.*/\1/p' out)
want 'the cell is left as it was' test "$before" = "$(cd results/branches/mass@0-* && sha256sum checkpoint journal)"
refocus trace long.yaml mass@0 --step "$step" -o anew.h5
refocus diff at.h5 anew.h5
want_code 0
refocus trace long.yaml mass@0 --at checkpoint --step 2 -o at2.h5
want_code 64
want_err '^refocus: --step 2: the checkpoint is after step [0-9]+ already; without --at training begins anew$'
printf 'x' | dd of="$(echo results/branches/mass@0-*)/checkpoint" bs=1 seek=3000 conv=notrunc 2>dd.log
if [ -s "$(echo results/branches/mass@0-*)/checkpoint.old" ]; then # the one before, and it is said
    refocus trace long.yaml mass@0 --at checkpoint -o at2.h5
    want_code 0
    want_err '^resumes from the checkpoint before the last one: the checkpoint is damaged'
    printf 'x' | dd of="$(echo results/branches/mass@0-*)/checkpoint.old" bs=1 seek=3000 conv=notrunc 2>dd.log
fi
refocus trace long.yaml mass@0 --at checkpoint -o at3.h5
want_code 65
want_err '^refocus: the checkpoint in results/branches/mass@0-[0-9a-f]+ cannot be used: '

t 'what is wrong is said, and nothing is written'
refocus trace "$grid" kl@0 --step 1
want_code 64
want_err 'expected -o TRACE.h5, or --check-gradients, or both'
refocus trace "$grid" kk@0 -o wrong.h5
want_code 3
want_err "has no cell 'kk@0'; did you mean kl@0\?"
refocus trace "$grid" '*' -o wrong.h5
want_code 64
want_err "8 cells match '\*', 'none@0' among them"
refocus trace "$grid" kl@0 --step 7 -o wrong.h5
want_code 64
want_err '^refocus: --step 7: the cell has 6 steps \(train.steps\)$'
refocus trace "$grid" kl@0 --step 0 -o wrong.h5
want_code 64
refocus trace "$grid" kl@0 --at first -o wrong.h5
want_code 64
refocus trace "$grid" kl@0 --results elsewhere -o wrong.h5
want_code 64
refocus trace "$grid" kl@0 --match 'x*' --check-gradients
want_code 64
refocus trace nowhere.yaml kl@0 -o wrong.h5
want_code 66
refocus trace "$grid" kl@0 train.lrr=1 -o wrong.h5
want_code 78
refocus trace "$grid" kl@0 -o nowhere/wrong.h5
want_code 73
want_no_file wrong.h5

t 'files that are no traces'
printf 'text' >text.h5
refocus diff kl.h5 text.h5
want_code 65
want_err "'text.h5' is not an HDF5 file, expected a trace of refocus"
refocus diff kl.h5 results/branches.h5
want_code 65
want_err "'results/branches.h5' is an HDF5 file, but not a trace of refocus"
refocus diff kl.h5 absent.h5
want_code 66
refocus diff kl.h5 two.h5 kl@0
want_code 64
cp kl.h5 damaged.h5
printf 'x' | dd of=damaged.h5 bs=1 seek=4000 conv=notrunc 2>dd.log
refocus diff kl.h5 damaged.h5
want_code 65
want_err "trace 'damaged.h5' is damaged"
head -c 5000 kl.h5 >short.h5
refocus diff kl.h5 short.h5
want_code 65

# What PyTorch computes from a trace's inputs and parameters is what the trace holds: loss, every activation, every
# gradient, the update; for every branch, on real strokes and boxes.
. "$(dirname "$0")/../cli_lib.sh"
grid=$here/tests/cases/run/branches.yaml
python=/usr/bin/python3 # Debian's, which has Debian's torch and h5py
peer=$here/tests/peer/peer.py

t 'every branch with crnn-small'
if ! "$python" -c 'import h5py, torch' 2>/dev/null; then
    skip 'python3-torch or python3-h5py is not installed'
    exit 0
fi
for variant in none plain fused mass kl; do refocus trace "$grid" "$variant@0" --step 2 -o "$variant.h5"; done
call "$python" "$peer" none.h5 plain.h5 fused.h5 mass.h5 kl.h5
want_code 0
want 'five steps' test "$(grep -c ': loss [0-9.]*, off by ' out)" -eq 5

t 'the other options of the branches'
refocus trace "$grid" plain@0 focus.reduction=mean focus.labels=target focus.background=false focus.tanh=false -o mean.h5
refocus trace "$grid" fused@0 focus.reduction=mean focus.labels=target focus.source=features 'focus.patch=[16, 16]' -o features.h5
refocus trace "$grid" kl@0 focus.target=box focus.labelled=0.5 -o box.h5
call "$python" "$peer" mean.h5 features.h5 box.h5
want_code 0
want 'three steps' test "$(grep -c ': loss [0-9.]*, off by ' out)" -eq 3

t 'a parameter that is not the one that computed: the peer says no'
cat >spoil.py <<'PYTHON'
import h5py
with h5py.File("kl.h5", "r+") as trace:
    trace["values/decoder.attention.v"][0] *= 1.01
PYTHON
call "$python" spoil.py
call "$python" "$peer" kl.h5
want_code 1
want_out '^  values/decoder.t01.attention.alpha: off by '

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
variants='none plain fused mass kl centre binary lowrank'
for variant in $variants; do refocus trace "$grid" "$variant@0" --step 2 -o "$variant.h5"; done
call "$python" "$peer" $(printf '%s.h5 ' $variants)
want_code 0
want 'eight steps' test "$(grep -c ': loss [0-9.]*, off by ' out)" -eq 8

t 'the other options of the branches'
refocus trace "$grid" plain@0 focus.reduction=mean focus.labels=target focus.background=false focus.tanh=false -o mean.h5
refocus trace "$grid" fused@0 focus.reduction=mean focus.labels=target focus.source=features 'focus.patch=[16, 16]' -o features.h5
refocus trace "$grid" kl@0 focus.target=box focus.labelled=0.5 -o box.h5
refocus trace "$grid" centre@0 focus.error=square focus.spread=0.25 focus.min_width=9 -o square.h5
refocus trace "$grid" binary@0 focus.source=features focus.labels=target focus.tanh=false focus.reduction=sum -o ink.h5
refocus trace "$grid" lowrank@0 focus.tanh=false focus.background=false focus.rank=2 -o linear.h5
call "$python" "$peer" mean.h5 features.h5 box.h5 square.h5 ink.h5 linear.h5
want_code 0
want 'six steps' test "$(grep -c ': loss [0-9.]*, off by ' out)" -eq 6

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

# A wrong op, planted in a copy of the sources: refocus trace --check-gradients names it, and none that it misleads.
. "$(dirname "$0")/../cli_lib.sh"
copy_tree
REFOCUS=$scratch/tree/refocus
cp "$here/tests/cases/run/branches.yaml" grid.yaml

t 'a gradient that is one percent too large'
sed -i 's/const float factor = -outer \* t\.norm/const float factor = -1.01f * outer * t.norm/' tree/kernels/ops/attention_kl.c
want 'the change is planted' grep -q -- '-1.01f' tree/kernels/ops/attention_kl.c
make_tree
refocus trace grid.yaml kl@0 --step 2 --check-gradients
want_code 2
want_out '^1 wrong, the first in execution order:$'
want_out "^  focus.loss' \(attention_kl, backward\) decoder.alpha': max abs error [0-9.e-]+, rel 0.0(0[89]|1)[0-9]* \(tolerance 0.0001\), at \[[0-9]+,[0-9]+,[0-9]+\]: "
want_err "^refocus: focus.loss' is off from the reference$"

t 'a forward pass that misses a part: named where it is, before its gradient'
sed -i 's/term\[r\] -= (double)(t\.norm \* lanes_dot(q, log_alpha, m))/term[r] -= (double)(t.norm * lanes_dot(q, log_alpha, m - 1))/' \
    tree/kernels/ops/attention_kl.c
make_tree
refocus trace grid.yaml kl@0 --step 2 --check-gradients
want_code 2
want_out '^2 wrong, the first in execution order:$'
want 'the forward op first' test "$(grep -A1 ' wrong, ' out | grep -c '^  focus.loss (attention_kl, forward) focus.loss: ')" -eq 1

t 'a branch without that op is not blamed'
refocus trace grid.yaml mass@0 --step 2 --check-gradients
want_code 0

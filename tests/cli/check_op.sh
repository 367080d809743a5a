# An op that keeps one tensor more for its backward pass: the lock of a grid that uses it tells, by the tensor's name.
. "$(dirname "$0")/../cli_lib.sh"
copy_tree
cp "$here/tests/cases/run/tiny.yaml" tiny.yaml
refocus plan tiny.yaml --write-lock
refocus plan tiny.yaml --device cuda --write-lock
class=$(sed -n 's/^plan \(cpu.*\)/\1/p' tiny.lock | head -n 1)
REFOCUS=$scratch/tree/refocus

t 'the copy plans as the original'
make_tree
refocus check tiny.yaml
want_code 0
want_err "^tiny.lock: $class: 6 cells as locked$"

t 'batch_norm keeps a copy of its input: the lock fails, on either device, and names it'
sed -i '0,/^done:/s//    infer_output(spec, DT_REAL, spec->x[X]);\n&/
    s/\.bwd_needs = {\[X\] = /&OP_Y(INV_STD + 1) | /' tree/kernels/ops/batch_norm.c
make_tree
refocus check tiny.yaml
want_code 2
want_out "^grew      $class  baseline@0-1: .* \([0-9]+ -> [0-9]+, \+[0-9]+ bytes\)$"
want_out '^grew      cuda  baseline@0-1: '
want_out '^  appeared +\+262144 +- -> 256\.0 KiB +encoder\.conv1\.norm\.3$'
want_out '^  appeared +\+131072 +- -> 128\.0 KiB +encoder\.conv2\.norm\.3$'
want_err '^refocus: 12 of 12 plans differ from tiny.lock; if that is meant, lock them: .refocus plan tiny.yaml --write-lock. and .refocus plan tiny.yaml --device cuda --write-lock.$'

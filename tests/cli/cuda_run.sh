# The program as a whole on an emulated device: refocus-cuda.so and a driver of tests/emu beside a copy of it.
. "$(dirname "$0")/../cli_lib.sh"

emu=$(dirname "$(readlink -f "$REFOCUS")")/emu
if [ "${BUILD:-release}" != release ]; then
    t 'on an emulated device'
    skip 'a sanitizer takes the library path'
    exit 0
fi
mkdir bin
cp "$(readlink -f "$REFOCUS")" bin/refocus && cp "$emu/refocus-cuda.so" bin/ && cp -P "$emu"/lib*.so.1 . || exit 1
export LD_LIBRARY_PATH=$PWD
REFOCUS=$PWD/bin/refocus
gib=1073741824

cat >grid.yaml <<'END'
experiment: emu
seeds: 1
baseline: baseline
base:
  data:
    charset: digits
    image: [32, 16]
    train: {a: {source: synthetic, fonts: [DejaVu Sans Mono], length: [1, 1], count: 4, seed: 7}}
    valid: {a: {source: synthetic, fonts: [DejaVu Sans Mono], length: [1, 1], count: 3, seed: 901}}
  model: {blstm: 4, attention: 4, decoder: 8, embedding: 4}
  train: {steps: 6, batch: 2, lr: 1e-2, optimizer: sgd, decay_at: 0.5}
  eval: {batch: 2, every: 3}
  record: {attention_samples: 1, attention_every: 3, checkpoint_every: 2}
variants:
  baseline: {}
  fused: {focus.kind: original, focus.patch: [6, 6], focus.implementation: fused, focus.start: 2}
  kl: {focus.kind: kl}
END

digest() { "$REFOCUS" show "$1" "$2" | sed -n 's/^  digest *//p'; }
# The recorded losses of a cell, a line each.
losses() {
    "$REFOCUS" show "$1" "$2" --json |
        awk '/"loss": \[/ { inside = 1; next } /\]/ { inside = 0 } inside { gsub(/[ ,]/, ""); print }'
}

t 'doctor tells what is free of a device'
echo $((gib / 4)) >free
EMU_FREE=$PWD/free refocus doctor
want_out '^  cuda:0 +emulated device, 1\.0 GiB \(0\.2 free\), compute capability 7\.5'
EMU_FREE=$PWD/free refocus doctor --json
want_out "\"memory_free_bytes\": $((gib / 4))"
refocus doctor --json
want_out '"memory_free_bytes": null'

t 'a sweep on cuda is sealed, and its losses are the losses of the CPU but for rounding'
refocus run grid.yaml --results cpu
want_code 0
EMU_CONTEXT=12345678 EMU_FREE=$PWD/free sh -c 'echo 1073741824 >free; exec "$@"' sh "$REFOCUS" run grid.yaml --device cuda \
    --results cuda >out 2>err </dev/null
code=$? last_command='refocus run grid.yaml --device cuda'
want_code 0
want_out '^cuda/emu.h5$'
want_err '^emu: 3 done; cuda/emu.h5$'
for cell in baseline@0 fused@0 kl@0; do
    losses cpu/emu.h5 $cell >a
    losses cuda/emu.h5 $cell >b
    want "$cell: six losses, each within 1e-4 of the CPU's" sh -c 'paste a b | awk "
        { d = \$1 - \$2; if (d < 0) d = -d; if (d <= 1e-4 * \$1) n++ } END { exit n != 6 }"'
done
refocus show cuda/emu.h5 kl@0
want_out 'memory +planned ([0-9.]+ MiB), measured \1, .*context 11.8 MiB beside it'
want_out 'emulated device, 7.5;'
refocus show cuda/emu.h5 kl@0 --json
want_out '"context_bytes": 12345678'
want_out "\"device_free_before_bytes\": $gib"
refocus table cuda/emu.h5
want_out 'context MiB'
refocus table cpu/emu.h5
want_not_out 'context MiB'

t 'cells of the CPU and of CUDA are others; status and pack look at either'
refocus status grid.yaml --results cuda
want_out '^  3 to train$'
refocus status grid.yaml --results cuda --device cuda
want_out '^  3 done$'
rm cuda/emu.h5
refocus pack grid.yaml --results cuda --device cuda
want_code 0
refocus table cuda/emu.h5
want_code 0
refocus run grid.yaml --device cuda --results cuda
want_err '^emu: 3 cells; 3 finished$'

t 'other orders of threads and blocks, interruption and resumption change no bit'
EMU_ORDER=7 refocus run grid.yaml --device cuda --results again --cells 'fused@0'
want_code 0
want 'the same digest' test "$(digest cuda/emu.h5 fused@0)" = "$(digest again/emu.h5 fused@0)"
rm -rf again
EMU_HOLD=$PWD/go "$REFOCUS" run grid.yaml --device cuda --results again --cells 'fused@0' >out 2>err </dev/null &
sweep=$!
wait_for sh -c '[ -s again/emu/fused@0-*/checkpoint ]' || wrong 'no checkpoint came'
kill -INT $sweep
wait_for grep -q '^stopping: ' err || wrong 'it does not stop'
touch go
wait $sweep
code=$? last_command='refocus run, interrupted'
want_code 75
refocus run grid.yaml --device cuda --results again --cells 'fused@0' --dry-run
want_out '^fused@0 +resume .*after step [0-9] of 6'
EMU_CAPABILITY=90 refocus run grid.yaml --device cuda --results again --cells 'fused@0' --dry-run
want_out 'begins anew: its checkpoint at step [0-9] is of another device, build or library'
refocus run grid.yaml --device cuda --results again --cells 'fused@0'
want_code 0
want_err 'resumed'
want 'the same digest' test "$(digest cuda/emu.h5 fused@0)" = "$(digest again/emu.h5 fused@0)"

t 'evaluate, trace and plan --time compute there too'
refocus evaluate cuda/emu.h5 kl@0 --set valid --as there --device cuda
want_code 0
cp out there
refocus evaluate cuda/emu.h5 kl@0 --set valid --as here
want_code 0
sed 's/	here	/	there	/' out >here
want 'hits are the same on both' sh -c '[ "$(grep hit_rate there)" = "$(grep hit_rate here)" ]'
refocus trace grid.yaml fused@0 --device cuda --step 4 -o there.h5 --check-gradients
want_code 0
want_out '^all within tolerance'
want_out '^all [0-9]+ parameters have a gradient$'
want_file there.h5
refocus plan grid.yaml --device cuda --time --cells kl@0
want_code 0

t 'train.precision: tf32 is for devices that have it, and another cell'
refocus run grid.yaml train.precision=tf32 --cells kl@0 --results tf32
want_code 78
want_err 'train.precision: tf32 is for --device cuda, this is the cpu'
refocus run grid.yaml train.precision=tf32 --cells kl@0 --results tf32 --device cuda
want_code 69
want_no_file tf32
want_err 'cuda:0, emulated device, has compute capability 7.5, train.precision tf32 needs 8.0'
EMU_CAPABILITY=80 refocus run grid.yaml train.precision=tf32 --cells kl@0 --results tf32 --device cuda
want_code 0
losses cuda/emu.h5 kl@0 >a
losses "$(cat out)" kl@0 >b
want 'other bits' sh -c '! cmp -s a b'
want 'but not far away' sh -c 'paste a b | awk "{ d = \$1 - \$2; if (d < 0) d = -d; if (d <= 3e-2 * \$1) n++ } END { exit n != 6 }"'

t 'several devices: a cell on each'
rm -f log
EMU_DEVICES=2 EMU_LOG=$PWD/log EMU_TOGETHER=2 refocus run grid.yaml --device cuda:0,1 --results two
want_code 0
want_err '^2 at a time'
want 'both were at work at once' sh -c '[ "$(head -n 2 log | sort)" = "begin cuda:0
begin cuda:1" ]'
want 'the same digest on any device' test "$(digest cuda/emu.h5 fused@0)" = "$(digest two/emu.h5 fused@0)"
EMU_DEVICES=2 refocus run grid.yaml --device cuda:0,1 --jobs 3 --results two
want_code 64
want_err 'a cell has a device to itself, and --device cuda:0,1 names 2; --pack lets cells share one'
EMU_DEVICES=2 EMU_MODELS=2 refocus run grid.yaml --device cuda:0,1 --results two
want_code 69
want_err 'cuda:0 is emulated device and cuda:1 is another device: cells on them would not share their bits'
refocus run grid.yaml --device cuda:0,1 --results two
want_code 69
want_err 'there is no cuda:1, this machine has 1 CUDA device'
refocus run grid.yaml --device cuda:0,0
want_code 64
refocus run grid.yaml --device cuda:0,
want_code 64
refocus run grid.yaml --pack --jobs 2
want_code 64
want_err '^refocus: --pack is for cells on --device cuda$'
refocus run grid.yaml --pack --device cuda
want_code 64

t 'packed: as many on one device as its memory holds'
rm -f log
EMU_MEMORY=$((2 * gib)) EMU_LOG=$PWD/log EMU_TOGETHER=2 refocus run grid.yaml --device cuda --pack --jobs 3 --results pack
want_code 0
want 'two were at work at once' sh -c '[ "$(sed "s/ .*//" log | head -n 2 | uniq -c | tr -s " ")" = " 2 begin" ]'
most() { awk '/begin/ { n++ } /end/ { n-- } n > most { most = n } END { print most + 0 }' log; }
rm -f log
EMU_LOG=$PWD/log refocus run grid.yaml --device cuda --pack --jobs 3 --results narrow
want_code 0
want 'never two at once' test "$(most)" = 1

EMU_MEMORY=$((gib / 2)) refocus run grid.yaml --device cuda --pack --jobs 2 --cells kl@0 --results small
want_code 0 # with the device to itself it waits for no guess of what a context takes

t 'a device that others have filled: deferred, 75'
echo 30000000 >free
rm -f log
EMU_LOG=$PWD/log EMU_FREE=$PWD/free refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 75
want_err '^deferred +kl@0: needs [0-9.]+ MiB \(plan [0-9.]+ MiB\); 28.6 MiB left by cuda:0$'
want_no_file log
EMU_FREE=$PWD/free refocus run grid.yaml --device cuda --cells kl@0 --results full --dry-run
want_out 'deferred: needs .* left by cuda:0'
EMU_CONTEXT=$((gib - 34000000)) refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 75
want_err '^deferred +kl@0: the plan needs [0-9.]+ MiB, and of the 1.0 GiB of cuda:0 32.4 MiB are free$'
EMU_FAIL_MALLOC=1 refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 75
want_err '^deferred +kl@0: out of memory on cuda:0: 33554432 bytes asked for, [0-9]+ of 1073741824 bytes are free$'

t 'a device that can never hold the plan, or has no room after all: over budget with the figures, and tried again'
EMU_MEMORY=30000000 refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 0
want_err '^over +kl@0: the plan needs [0-9.]+ MiB, and cuda:0 has 28.6 MiB$'
echo $gib >free
EMU_FREE=$PWD/free EMU_CONTEXT=$((gib - 34000000)) refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 0
want_err '^over +kl@0: the plan needs [0-9.]+ MiB, and of the 1.0 GiB of cuda:0 its context takes 991.6 MiB$'
EMU_FAIL_MALLOC=2 refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 0
want_err '^over +kl@0: out of memory on cuda:0: [0-9]+ bytes asked for, [0-9]+ of 1073741824 bytes are free$'
refocus show full/emu.h5 kl@0
want_out 'over.budget'
refocus run grid.yaml --device cuda --cells kl@0 --results full --dry-run
want_out '^kl@0 +train .*tried again; it was over budget: out of memory on cuda:0'
refocus run grid.yaml --device cuda --cells kl@0 --results full
want_code 0
want 'the same digest' test "$(digest pack/emu.h5 kl@0)" = "$(digest full/emu.h5 kl@0)"

t 'verify proves results of CUDA there'
refocus verify pack/emu.h5 kl@0 --device cuda
want_code 0
refocus verify cuda/emu.h5 fused@0 --device cuda:0
want_code 0

t 'verify wants the device that a file was trained on, and an arithmetic that it has'
refocus verify pack/emu.h5 kl@0
want_code 64
want_err '^refocus: pack/emu.h5: kl@0 was trained with --device cuda, and this is --device cpu: verify it with that$'
refocus verify cpu/emu.h5 kl@0 --device cuda
want_code 64
want_err 'kl@0 was trained with --device cpu, and this is --device cuda'
refocus verify tf32/emu*.h5 kl@0 --device cuda
want_code 69
want_err 'cuda:0, emulated device, has compute capability 7.5, train.precision tf32 needs 8.0'

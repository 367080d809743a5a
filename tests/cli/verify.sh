# refocus verify: a results file alone and its inputs are enough; one flipped bit is found, and named.
. "$(dirname "$0")/../cli_lib.sh"
mkdir tmp alone
export TMPDIR=$scratch/tmp
nothing_left() {
    want 'no folder for temporary files is left' test -z "$(ls -A "$scratch/tmp")"
    want 'nothing was written beside the file' test "$(ls -A | grep -vx -e out -e err)" = "$1"
}
same='same +12 of 12 steps, [0-9]+ evaluations, 2 attention maps, parameters, digest$'

refocus run "$grid" --jobs 2
cp results/tiny.h5 alone/
cd alone

t 'every cell, in an empty folder, with other threads and jobs'
refocus verify tiny.h5 --jobs 2 --threads 2
want_code 0
want_out "^baseline@0 +$same"
want_out "^pulled@1 +$same"
want_out '^twin@0 +same +as pulled@0: 12 of 12 steps'
want_err '^tiny.h5: 6 cells; 4 to train; 2 the same as others$'
want_err '6 cells: build, libraries, .*: the same bits are promised$'
want_err '^baseline@0  step 10/12  loss [0-9.]+  char_accuracy '
want_err '^tiny.h5: 6 verified, 0 differ$'
nothing_left tiny.h5

t 'some cells, and the first steps'
refocus verify tiny.h5 'twin@1' 'baseline*' --steps 7
want_code 0
want_out '^twin@1 +same +7 of 12 steps, 1 evaluation, 1 attention map$'
want_out '^baseline@0 +same +7 of 12 steps'
want_not_out '^pulled'
refocus verify tiny.h5 'pulled@1' --steps 100
want_code 0
want_out "^pulled@1 +$same" # there are no more

t 'on a terminal: a bar that moves, to the steps that were asked for'
if command -v script >/dev/null; then
    script -qec "stty cols 100; TERM=xterm $REFOCUS verify tiny.h5 baseline@0 --steps 2" /dev/null </dev/null 2>/dev/null |
        tr '\r' '\n' >out
    want_out '1 of 1 cells .* 100 %'
else
    skip 'there is no script(1)'
fi

t 'JSON'
refocus verify tiny.h5 'pulled@0' --json
want_code 0
want_out '^ +"outcome": "same",?$'
want_out '^ +"whole": true,?$'
want_out '^ +"difference": null,?$'
want_out '^ +"digest_fits": true,?$'

t 'wrong words: no such cell, no such file, no number'
refocus verify tiny.h5 'pulled@0' 'puled@1'
want_code 3
want_err "tiny.h5 has no cell that matches 'puled@1'; did you mean pulled@1\?"
refocus verify none.h5
want_code 66
refocus verify tiny.h5 --steps 0
want_code 64
echo 'no results' >text.h5
refocus verify text.h5
want_code 65
rm text.h5

# ---- one bit ----
call cc -o ../flip $(pkg-config --cflags hdf5) "$here/tests/cli/flip.c" $(pkg-config --libs hdf5)
# flip DATASET INDEX: the last bit of one number of ../flipped.h5 becomes another one.
flip() {
    call ../flip ../flipped.h5 "$1" "$2"
    want_code 0
}
number='-?[0-9][-+.e0-9]*'

t 'the last bit of a loss: cell, dataset, step, both values; and the digest notices'
cp tiny.h5 ../flipped.h5
flip '/cells/pulled@0/curves/loss' 6
refocus verify ../flipped.h5 '*@0' --jobs 2
want_code 2
want_out "^pulled@0 +differs +curves/loss at step 7 is $number, was $number; its digest does not fit what the file holds\$"
want_out "^twin@0 +differs +as pulled@0: curves/loss at step 7"
want_out "^baseline@0 +$same"
want_err '^  pulled@0: its content is not what its digest says: it was changed since it was written$'
want_err '^differs pulled@0: curves/loss at step 7 is '
want_err '^\.\./flipped.h5: 1 verified, 2 differ$'
want_err '^refocus: not all cells are as recorded$'
nothing_left tiny.h5
refocus verify ../flipped.h5 'pulled@0' --steps 7 --json
want_code 2
want_out '^ +"outcome": "differs",?$'
want_out '^ +"dataset": "curves/loss",?$'
want_out '^ +"step": 7,?$'
want_out '^ +"digest_fits": false,?$'

t 'beyond the steps that were asked for only the digest can tell'
refocus verify ../flipped.h5 'pulled@0' --steps 6
want_code 2
want_out '^pulled@0 +differs +6 of 12 steps, .*; its digest does not fit .*, which is equal as far as it was compared$'

t 'the last bit of a metric, of a map, of a parameter, of a best one, of a learning rate'
cp tiny.h5 ../flipped.h5
flip '/cells/baseline@0/evaluation/valid/hit_rate' 1
flip '/cells/pulled@0/attention/maps' 0
flip '/cells/baseline@1/final/decoder.embedding.table' 3
flip '/cells/pulled@1/curves/lr' 0
refocus verify ../flipped.h5 --jobs 2
want_code 2
want_out "^baseline@0 +differs +evaluation/valid/hit_rate at step 10 is $number, was $number"
want_out "^pulled@0 +differs +attention/maps\[0,0,0,0\] at step 6 is $number, was $number"
want_out "^baseline@1 +differs +final/decoder.embedding.table\[3\] at step 12 is $number, was $number"
want_out "^pulled@1 +differs +curves/lr at step 1 is $number, was $number"

# ---- another instruction set ----
t 'another instruction set: said, compared, not promised'
refocus doctor
if grep -q '^  kernels .*: .*avx2' out; then
    REFOCUS_ISA=plain refocus verify tiny.h5 'baseline@0' --steps 1 --json
    want_code 2
    want_err 'of another bit class: bits are compared, not promised$'
    want_err '^    isa: plain here, avx[0-9]+ recorded$'
    want_out '^ +"same_bit_class": false,?$'
    want_out '^ +"dataset": "curves/'
    REFOCUS_ISA=plain refocus doctor
    want_out '^  kernels +plain, pinned, '
    refocus run "$grid" --cells 'baseline@0' --isa plain --results plain
    want_code 0
    refocus verify plain/tiny.h5 'baseline@0' --isa plain --steps 3
    want_code 0
    want_err 'the same bits are promised$'
    refocus verify plain/tiny.h5 'baseline@0' --steps 1
    want_code 2
    want_out '^baseline@0 +differs +curves/'
    want_err '^    isa: avx[0-9]+ here, plain recorded$'
    rm -r plain
else
    skip 'this CPU has but one'
fi

t 'an instruction set that is not there, and none at all'
refocus verify tiny.h5 --isa sse
want_code 64
REFOCUS_ISA=sse refocus verify tiny.h5
want_code 64
want_err "REFOCUS_ISA: unknown instruction set 'sse', expected avx512, avx2 or plain"
if grep -q avx512f /proc/cpuinfo; then
    skip 'this CPU has all'
else
    refocus verify tiny.h5 --isa avx512
    want_code 69
    want_err 'this CPU has no avx512'
    nothing_left tiny.h5
fi

# ---- other ends ----
cd ..
rm -rf results
t 'over budget, diverged, missing: what there is is verified'
sed 's/^  baseline: {}/  baseline: {}\n  wild: {train.lr: 100, train.optimizer: sgd, train.clip: 0, train.weight_decay: 1, train.steps: 60}/' \
    "$grid" >wild.yaml
refocus run wild.yaml --cells 'wild@0' --cells 'baseline@0' --jobs 2
want_code 1
refocus verify results/tiny.h5 'wild@*' 'baseline@*'
want_code 0
want_out '^wild@0 +same +[0-9]+ of [0-9]+ steps'
want_out '^baseline@1 +none +it has no result$'
want_err '2 verified, 0 differ, 2 not compared$'
refocus verify results/tiny.h5 'pulled@*'
want_code 3
want_err 'has no result to verify among these cells'
refocus run "$grid" memory.budget=1MiB --cells 'baseline@0'
refocus verify results/tiny+*.h5 'baseline@0'
want_code 0
want_out '^baseline@0 +same +its plan, which is over the budget$'

t 'an evaluation that was added later is left out, and said'
refocus evaluate results/tiny.h5 'baseline@0' --set valid --as again
refocus verify results/tiny.h5 'baseline@0'
want_code 0
want_out '^baseline@0 +same +12 of 12 steps, .*parameters; not compared: evaluation/again was computed by `refocus evaluate`'

# ---- inputs ----
mkdir photos
cat >lines.yaml <<'END'
experiment: lines
seeds: 1
base: {data: {image: [32, 32], train: {lines: {source: synthetic, fonts: [DejaVu Sans], count: 8, length: [1, 2]}}}}
variants: {a: {}}
END
cat >photos.yaml <<'END'
experiment: photos
seeds: 1
base:
  data:
    charset: latin36
    image: [32, 32]
    train: {words: {source: dataset, file: words.h5, split: train}}
    valid: {words: {source: dataset, file: more.h5, split: train}}
  model: {blstm: 4, attention: 4, decoder: 4, embedding: 2}
  train: {steps: 2, batch: 2}
variants: {a: {}}
END
refocus data preview lines.yaml -o photos/one.png --count 4
cp photos/one.png photos/two.png
import() {
    printf "$2" >photos/labels.tsv
    refocus data import folder photos -o "$1" --valid 0 --test 0
}
import words.h5 'one.png\tab\ntwo.png\tc\n'
import more.h5 'one.png\tb\ntwo.png\tca\n'

t 'a dataset that is there, that is missing, that is another one'
refocus run photos.yaml
want_code 0
mkdir elsewhere
cp results/photos.h5 words.h5 more.h5 elsewhere
cd elsewhere
refocus verify photos.h5
want_code 0
want_out '^a@0 +same +2 of 2 steps'
mv words.h5 away.h5
refocus verify photos.h5
want_code 66
want_err 'words.h5'
cp more.h5 words.h5
refocus verify photos.h5
want_code 65
want_err '^refocus: a@0: not the files that it was trained on: dataset words.h5 changed$'
mv away.h5 words.h5
cp words.h5 more.h5
refocus verify photos.h5
want_code 65
want_err '^refocus: a@0: not the files that it was evaluated on: dataset more.h5 changed$'
want_no_out
cd ..

t 'a validation set that is another one trains nothing again, and is said'
import more.h5 'one.png\tb\ntwo.png\tcb\n'
refocus run photos.yaml --dry-run
want_code 0
want_out '^a@0 +skip .*done; evaluated on other files than today.s: dataset more.h5 changed'
want_err '^  a@0: done; evaluated on other files than today.s: dataset more.h5 changed'

# ---- a cell's process that is killed ----
cat >"$scratch/cell_dies.c" <<'END'
#include <signal.h>
#include <string.h>
__attribute__((constructor)) static void die(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "cell") == 0) raise(SIGKILL);
}
END
t 'a cell whose process is killed twice: no word of checkpoints, which verify makes none of'
preloaded "$scratch/cell_dies" verify "$scratch/alone/tiny.h5" 'baseline@0'
want_code 1
want_err '^killed  baseline@0: killed by signal 9 \(Killed\) after step 0: [a-z ]+; it is begun again$'
want_err '^failed   baseline@0: killed by signal 9 \(Killed\) after step 0: [a-z ]+; twice$'
want_not_err 'checkpoint'
want_out '^baseline@0 +none +it could not be trained to the end$'
want 'no folder for temporary files is left' test -z "$(ls -A "$scratch/tmp")"

t 'it counts among the live lines'
if command -v script >/dev/null; then
    LD_PRELOAD=$scratch/cell_dies.so ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" script -qec \
        "stty cols 100; '$REFOCUS' verify '$scratch/alone/tiny.h5' baseline@0" /dev/null </dev/null >out 2>err
    want_out ' 1 failed'
else
    skip 'there is no script(1)'
fi

# ---- stopping ----
t 'Ctrl-C: 75, and nothing is left behind'
sed 's/steps: 12/steps: 100/; s/every: 5,/every: 0,/; s/attention_every: 6/attention_every: 0/; s/checkpoint_every: 4/checkpoint_every: 1h/' \
    "$grid" >long.yaml
refocus run long.yaml --cells 'baseline@0'
want_code 0
mkdir long
cp results/tiny.h5 long/
cd long
"$REFOCUS" verify tiny.h5 'baseline@0' >../out 2>../err </dev/null &
verification=$!
wait_for cell_works "$TMPDIR/*/*" || wrong 'no cell began'
kill -STOP "$cell_pid" # it must not end before it hears of it
kill -INT $verification
kill -CONT "$cell_pid"
wait $verification
code=$? last_command='refocus verify tiny.h5, interrupted'
want_code 75
nothing_left tiny.h5
cd ..
want_out '^baseline@0 +none +it could not be trained to the end$'
want_err '^stopped baseline@0: interrupted after step [0-9]+$|^stopped baseline@0: '
want_err '^refocus: interrupted'

# refocus run: a dataset that is another file today makes the cells that were trained on it stale, by name.
. "$(dirname "$0")/../cli_lib.sh"

cat >lines.yaml <<'END'
experiment: lines
seeds: 1
baseline: a
base:
  data:
    image: [32, 32]
    train: {lines: {source: synthetic, fonts: [DejaVu Sans], count: 8, length: [1, 2]}}
variants: {a: {}}
END
cat >grid.yaml <<'END'
experiment: photos
question: Is a changed dataset noticed?
seeds: 1
baseline: a
base:
  data:
    charset: latin36
    image: [32, 32]
    train: {words: {source: dataset, file: words.h5, split: train}}
  model: {blstm: 4, attention: 4, decoder: 4, embedding: 2}
  train: {steps: 2, batch: 2}
variants: {a: {}}
END
mkdir photos
refocus data preview lines.yaml -o photos/one.png --count 4
cp photos/one.png photos/two.png
import() {
    printf "$1" >photos/labels.tsv
    refocus data import folder photos -o words.h5 --valid 0 --test 0
}

t 'a finished cell is skipped'
import 'one.png\tab\ntwo.png\tc\n'
refocus run grid.yaml
want_code 0
refocus run grid.yaml --dry-run
want_code 0
want_out '^a@0 +skip '

t 'another dataset under the same name: the cell is trained again, and the reason names the file'
import 'one.png\tab\ntwo.png\td\n'
refocus run grid.yaml --dry-run
want_out '^a@0 +train .*its training data changed: dataset words.h5 changed'
refocus run grid.yaml
want_code 0
want_err 'done +a@0'
refocus run grid.yaml --dry-run
want_out '^a@0 +skip '

t 'the same contents written again change nothing'
import 'one.png\tab\ntwo.png\td\n'
refocus run grid.yaml --dry-run
want_out '^a@0 +skip '

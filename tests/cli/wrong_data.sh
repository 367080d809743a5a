# Datasets that a grid cannot use as they are: one message at the place in the grid, the exit code, nothing written.
. "$(dirname "$0")/../cli_lib.sh"
nothing_written() { want 'nothing written' test ! -e results; }
# The tiny grid, trained on photographs.
photographs='s/train: {lines: {.*}}/train: {words: {source: dataset, file: photos.h5, split: all}}/; s/^\( *\)charset:.*/\1charset: digits/'

# Pictures for an import: any will do.
"$REFOCUS" data preview "$grid" -o picture.png --count 1 >/dev/null
mkdir photos
for i in 1 2 3 4; do cp picture.png photos/$i.png; done
printf '1.png\t12\n2.png\t345\n3.png\tab\n4.png\t98765\n' >photos/labels.tsv
"$REFOCUS" data import folder photos -o photos.h5 >/dev/null
sed "$photographs" "$grid" >photos.yaml

t 'a charset that is too small for the labels, and labels that are too long'
refocus run photos.yaml
want_code 65
want_err "^refocus: photos.yaml:[0-9]+:[0-9]+: baseline@0: 2 of 4 images of dataset photos.h5, split all, cannot be used: "
want_err "1 with characters outside data.charset digits, such as 'a' \(U\+0061\); 1 longer than model.max_length 4 \(up to 5"
want_err 'or data.train.words.unusable: skip$'
want_err ' \|     charset: digits$'
nothing_written
refocus plan photos.yaml
want_code 65

t 'such labels skipped on request, and told'
refocus run photos.yaml data.train.words.unusable=skip --dry-run --cells 'baseline@0'
want_code 0
want_err '^  data.train.words: left out 2 of 4: 1 with characters outside data.charset digits'

t 'a branch that learns from boxes, and data without any'
refocus run photos.yaml data.train.words.unusable=skip
want_code 65
want_err '^refocus: photos.yaml:[0-9]+:[0-9]+: pulled@0: no sample of data.train has boxes, and focus.kind kl learns from them$'
nothing_written

t 'a damaged dataset'
size=$(wc -c <photos.h5)
head -c $((size / 2)) photos.h5 >half.h5
refocus run photos.yaml data.train.words.file=half.h5
want_code 65
want_err "^refocus: override 'data.train.words.file=half.h5': baseline@0: data.train.words.file: dataset half.h5: "
nothing_written
refocus data preview half.h5 -o sheet.png
want_code 65
want_no_file sheet.png

t 'results where a dataset is wanted, and the other way round'
refocus run "$grid" --cells 'baseline@0' --results somewhere
refocus run photos.yaml data.train.words.file=somewhere/tiny.h5
want_code 65
want_err "it is not a dataset: make one with 'refocus data import'"
refocus table photos.h5
want_code 65
want_err 'not one of refocus.s results'

t 'results that are damaged: said, with what makes them anew'
cp somewhere/tiny.h5 flipped.h5
printf XX | dd of=flipped.h5 bs=1 seek=5000 conv=notrunc 2>/dev/null
for command in table evaluate; do
    refocus $command flipped.h5
    want_code 65
    want_no_out
    want_err "^refocus: results file 'flipped.h5' is damaged; .refocus run. with its grid makes it anew"
done

t 'evaluate: an evaluation that is there stops it before anything is added; what a file leaves out is told'
refocus evaluate somewhere/tiny.h5 --set photos.h5 --split all --as photos
want_code 0
want_err '^  photos.h5, split all; left out 2 of 4: 1 with characters outside'
refocus evaluate somewhere/tiny.h5 --set photos.h5 --split all --as photos
want_code 64
want_err "^refocus: baseline@0 has an evaluation 'photos' already: give another name with --as, or --replace"
refocus evaluate somewhere/tiny.h5 --set nowhere.h5
want_code 66
want_no_out

t 'a pattern that matches nothing, even beside one that does'
refocus run "$grid" --cells 'baseline@0' --cells 'puled@0'
want_code 3
want_err "no cell of .* matches 'puled@0'; did you mean pulled@0\?"
nothing_written

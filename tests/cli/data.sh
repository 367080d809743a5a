# refocus data: preview, import, info.
. "$(dirname "$0")/../cli_lib.sh"

cat >grid.yaml <<'END'
experiment: look
seeds: 1
baseline: revised
base:
  data:
    train: {lines: {source: synthetic, count: 20, fonts: [DejaVu Sans]}}
    test: {lines: {source: synthetic, count: 10, fonts: [DejaVu Sans], difficulty: hard}}
  focus: {kind: kl}
variants: {revised: {}, shuffled: {focus.boxes: shuffled}}
END
mkdir photos
printf 'none.png\\tab\n' >photos/labels.tsv

t 'preview of a grid'
refocus data preview grid.yaml -o sheet.png --count 4
want_code 0
want_out '^sheet.png: 1120 x [0-9]+ pixels$'
want 'a PNG' grep -q PNG sheet.png

t 'the same picture again, and another of another cell, seed or count'
refocus data preview grid.yaml -o again.png --count 4
want_same sheet.png again.png
refocus data preview grid.yaml -o other.png --count 4 --cell 'shuffled@*'
want_code 0
want 'another picture' [ "$(cksum <sheet.png)" != "$(cksum <other.png)" ]
refocus data preview grid.yaml -o other.png --count 4 data.train.lines.noise=0.3
want_code 0
want 'another picture' [ "$(cksum <sheet.png)" != "$(cksum <other.png)" ]

t 'a font that is missing is named, and nothing is written'
refocus data preview grid.yaml -o none.png 'data.train.lines.fonts=[No Such Font]'
want_code 66
want_err "no font of the family 'No Such Font' is installed"
want_no_file none.png
refocus data preview grid.yaml -o none.png 'data.train.lines.fonts=[Noto Sans CJK Nonexistent]'
want_err 'apt-get install fonts-noto-cjk'

t 'a font without a character of the charset: which one, and a font that has it'
refocus data preview grid.yaml -o none.png data.charset=kana
want_code 65
want_err "font 'DejaVu Sans' cannot draw 'ぁ' \(U\+3041\) of the charset kana: name a font that has it, such as [A-Za-z]"
want_no_file none.png

t 'Japanese characters: thousands of classes are drawn, the sheet writes them'
if ! fc-list : family | grep -q '^IPAGothic'; then
    skip 'fonts-ipafont-gothic is not installed'
else
    fonts='data.train.lines.fonts=[IPAGothic] data.test.lines.fonts=[IPAGothic]'
    for charset in kana jis1 jis12; do
        refocus data preview grid.yaml -o $charset.png --count 3 data.charset=$charset $fonts
        want_code 0
        want_file $charset.png
    done
fi

t 'a picture that cannot be written'
refocus data preview grid.yaml -o nowhere/sheet.png
want_code 73
want_err 'cannot create nowhere/sheet.png'

t 'what is no file is never replaced, a link is followed'
mkdir folder
mkfifo pipe
for output in folder pipe /dev/full; do
    refocus data preview grid.yaml -o $output --count 1
    want_code 73
    want_err "^refocus: cannot create $output: it is a "
    refocus data import folder photos -o $output
    want_code 73
done
want 'the device is there still' test -c /dev/full
ln -s linked.png link.png
: >linked.png
refocus data preview grid.yaml -o link.png --count 1
want_code 0
want 'the link is a link still' test -L link.png
want_file linked.png

t 'import of a folder'
cp sheet.png photos/a.png
cp again.png photos/b.png
printf 'a.png\tab\t20,80,30,20;60,80,30,20\tshop\nb.png\tc\n\nc.png\tmissing\n' >photos/labels.tsv
refocus data import folder photos -o photos.h5 --valid 0 --test 0
want_code 0
want_out '^photos.h5: 2 images, 2 boxes$'
want_out '^splits: train 2, valid 0, test 0$'
want_out '^left out: 1$'
want_err '^left out: c.png: cannot open the image'
want 'no temporary files' sh -c '! ls | grep -q tmp'

t 'info, as text and as JSON'
refocus data info photos.h5
want_code 0
want_no_err
want_out '^train +2 +1 +2 +2$'
want_out '^characters +abc$'
want_out '^sha256 +[0-9a-f]{64} \(verified\)$'
refocus data info photos.h5 --json
want_code 0
want_out '"boxes": 2'

t 'preview of a dataset'
refocus data preview photos.h5 -o photos.png
want_code 0
want_file photos.png
refocus data preview photos.h5 train.lr=1 -o photos.png
want_code 64

t 'a dataset with too small a charset stops before anything is trained'
refocus data preview grid.yaml -o none.png data.train.p.source=dataset data.train.p.file=photos.h5 data.charset=digits
want_code 65
want_err "none of the 2 images of dataset photos.h5, split train, can be used: 2 with characters outside data.charset digits"
want_no_file none.png

t 'missing, damaged and foreign files'
refocus data info nothing.h5
want_code 66
want_err 'dataset nothing.h5: cannot open it'
head -c 3000 photos.h5 >cut.h5
refocus data info cut.h5
want_code 65
want_err 'dataset cut.h5: '
echo hello >text.h5
refocus data info text.h5
want_code 65
want_err 'dataset text.h5: it is not an HDF5 file, or damaged'
refocus data preview nothing.yaml -o none.png
want_code 66

t 'an output never replaces a file of another kind, and is whole or not there'
echo 'precious,data' >precious.csv
refocus data preview photos.h5 -o precious.csv
want_code 73
want_err '^refocus: cannot create precious.csv: a file that is no PNG picture stands there; remove it, or name another$'
refocus data import folder photos -o precious.csv
want_code 73
want_err 'a file that is no HDF5 file stands there'
want 'the file is as it was' grep -q '^precious,data$' precious.csv
refocus data import folder photos -o photos.png
want_code 73
refocus data preview photos.h5 -o photos.h5
want_code 73
refocus data info photos.h5
want_code 0
refocus data preview photos.h5 -o photos.png
want_code 0
: >empty.png
refocus data preview photos.h5 -o empty.png
want_code 0
want_file empty.png
want 'nothing half-written' sh -c '! ls | grep -q "[.]tmp$"'

t 'imports that cannot begin'
refocus data import iiit5k photos -o none.h5
want_code 66
want_err 'has neither trainCharBound.mat nor testCharBound.mat'
want_no_file none.h5
refocus data import folder photos -o nowhere/none.h5
want_code 73
refocus data import folder photos
want_code 64
want_err 'add -o FILE.h5'
refocus data import lmdb photos -o none.h5
want_code 64
want_err "unknown kind of data 'lmdb', expected iiit5k or folder"
refocus data import folder photos -o none.h5 --valid 0.6 --test 0.6
want_code 64
printf 'c.png\tmissing\n' >photos/labels.tsv
refocus data import folder photos -o none.h5
want_code 65
want_err 'no image was taken: none.h5 is not written'
want_no_file none.h5

# Files that others made: a library that dies over one is one message and exit code 65; nothing in a file moves a terminal.
. "$(dirname "$0")/../cli_lib.sh"
grid=$here/tests/cases/run/tiny.yaml
escape=$(printf '\033')

# An import of one picture; results of one cell.
"$REFOCUS" data preview "$grid" -o picture.png --count 1 >/dev/null
mkdir photos
cp picture.png photos/1.png
printf '1.png\t12\n' >photos/labels.tsv
"$REFOCUS" data import folder photos -o photos.h5 >/dev/null
"$REFOCUS" run "$grid" --cells 'baseline@0' --results out >/dev/null 2>&1

# dying FUNCTION COMMAND...: with a library whose function dies. What was preloaded first stays so.
dying() {
    function=$1
    shift
    echo "int $function(void); int $function(void) { __builtin_trap(); }" >die.c
    cc -shared -fPIC -o "die_$function.so" die.c
    last_command="refocus $* ($function dies)"
    LD_PRELOAD="$PWD/die_$function.so" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$REFOCUS" "$@" >out.txt 2>err </dev/null
    code=$?
    mv out.txt out
}
one_message() {
    want_code 65
    want 'one line of message' test "$(grep -c . err)" -eq 1
    want_err "^refocus: .*$1"
    want_no_out
}

t 'HDF5 dies over results'
mv out results
for command in 'table results/tiny.h5' 'show results/tiny.h5 baseline@0' 'report results/tiny.h5 -o page.html' \
    'diff results/tiny.h5 results/tiny.h5' 'check --results results/tiny.h5 --against results/tiny.h5'; do
    # shellcheck disable=SC2086
    dying H5Fopen $command
    one_message 'results/tiny.h5.*: it is damaged: reading it failed in a library \('
done
want_no_file page.html
dying H5Fopen evaluate results/tiny.h5 --set photos.h5
want_code 65
want_err "^refocus: .*results/tiny.h5.*it is damaged: reading it failed in HDF5 \("

t 'HDF5 dies over a dataset'
dying H5Fopen data info photos.h5
one_message 'dataset photos.h5: it is damaged: reading it failed in HDF5 \('

t 'libpng dies over a picture: the others are imported'
dying png_image_begin_read_from_file data import folder photos -o none.h5
want_code 65
want_err '^left out: 1.png: it is damaged: reading it failed in libpng or libjpeg \('
want_no_file none.h5

t 'matio dies over a table of IIIT5K'
mkdir iiit5k
echo no >iiit5k/trainCharBound.mat
dying Mat_Open data import iiit5k iiit5k -o none.h5
one_message 'iiit5k/trainCharBound.mat: it is damaged: reading it failed in libmatio \('

t 'FreeType dies over a font: told before anything is trained'
dying FT_New_Memory_Face run "$grid" --results new
want_code 65
want_err '^refocus: .*the font /.*: it is damaged: reading it failed in FreeType \('
want_no_file new

t 'results of the same commands, undisturbed'
refocus table results/tiny.h5
want_code 0
want_out baseline
refocus table results/tiny.h5 --rows nothing
want_code 3
refocus show results/tiny.h5 --json
want_code 0
refocus check --results results/tiny.h5 --against results/tiny.h5
want_code 0

t 'control characters in a grid are refused, whatever they stand in'
sed 's/^question:.*/question: "red \\e[31m"/' "$grid" >escape.yaml
refocus run escape.yaml
want_code 78
want_err '^refocus: escape.yaml:[0-9]+:[0-9]+: a text with a control character in it'
sed 's/^  pulled:/  "pu\\x9blled":/' "$grid" >escape.yaml
refocus plan escape.yaml
want_code 78
want_err 'a text with a control character'

t 'what messages quote of files and of the command line does not reach the terminal as it is'
refocus table "none$escape[31m.h5"
want_code 66
want_err '^refocus: '
want_not_err "$escape"
refocus run "$grid" "train.steps=1$escape[2J"
want_code 78
want_not_err "$escape"
cp results/tiny.h5 "tiny$escape[2J.h5"
refocus verify "tiny$escape[2J.h5" --steps 1
want_code 0
want_out '^baseline@0 +same '
want_err '^tiny.*1 verified'
want_not_err "$escape"
want_not_out "$escape"
printf "2.png$escape[2J\tx\n" >photos/labels.tsv
refocus data import folder photos -o none.h5
want_code 65
want_err '^left out: 2.png'
want_not_err "$escape"
printf "ab$escape\n" >set.txt
refocus plan "$grid" data.charset=./set.txt
want_not_err "$escape"

t 'pipes and devices where files are wanted: no wait'
mkfifo pipe
refocus run "$grid" data.charset=./pipe
want_code 66
want_err 'charset ./pipe is not a file'
rm photos/1.png
mkfifo photos/1.png
printf '1.png\t12\n' >photos/labels.tsv
refocus data import folder photos -o none.h5
want_code 65
want_err '^left out: 1.png: the image is not a file'

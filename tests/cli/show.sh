# refocus show: text, JSON, pictures and curves of a real results file, and what it refuses.
. "$(dirname "$0")/../cli_lib.sh"
r=results/tiny.h5
begins() { test "$(head -c "$2" "$1")" = "$3"; }

t 'a results file to look at'
refocus run "$grid" --jobs 2 --cells '*@0'
want_code 0

t 'without a cell: all of them, one a line'
refocus show $r
want_code 0
want_out '^cell +steps  test char_accuracy +time  outcome$'
want_out '^pulled@0 +12 +-?[0-9.]+ +.*  done$'
want_out '^pulled@1 .* no result yet$'
want_no_err

t 'a cell: settings against the baseline, outcome, curves, where its log is'
refocus show $r pulled@0
want_code 0
want_out '^pulled@0  of tiny$'
want_out '^  differs in focus.kind=kl  \(against baseline@0\)$'
want_out '^  outcome    done; 12 of 12 steps'
want_out '^  curves     loss  .*█'
want_out '^  log        results/tiny/pulled@0-[0-9a-f]{8}/log.txt'
want_no_err

t 'a pattern: every cell that it matches, a cell that was trained as another among them'
refocus show $r '*@0'
want_code 0
want 'three cells' test "$(grep -c '^[a-z]*@0  of tiny$' out)" -eq 3
want 'a log for each' test "$(grep -c '^  log ' out)" -eq 3

t 'a sealed cell of its own'
refocus show "$(echo results/tiny/pulled@0-*)/cell.h5"
want_code 0
want_out '^  log        results/tiny/pulled@0-[0-9a-f]*/log.txt'

t 'JSON'
refocus show $r pulled@0 --json
want_code 0
want_out '^    "cell": "pulled@0",$'
want_out '"status": "done"'
want_no_err

t 'no such cell: 3 and the nearest name'
refocus show $r puled@0
want_code 3
want_no_out
want_err "no cell of 'results/tiny.h5' is named or matches 'puled@0'; did you mean pulled@0\?$"

t 'attention as PNG, SVG and PDF; an SVG of the same is the same'
for kind in png svg pdf; do
    refocus show $r pulled@0 --attention a.$kind
    want_code 0
    want_out "^a.$kind\$"
    want_file a.$kind
done
want 'a PDF' begins a.pdf 4 %PDF
want 'an SVG' begins a.svg 5 '<?xml'
cp a.svg first.svg
refocus show $r pulled@0 --attention a.svg
want_same a.svg first.svg

t 'variants side by side, and one sample through the training'
refocus show $r --compare --attention compare.png --sample 1
want_code 0
want_file compare.png
refocus show $r pulled@0 --attention steps.png --sample 0 --step all
want_code 0
want_file steps.png

t 'several cells without --compare: 64'
refocus show $r '*@0' --attention x.png
want_code 64
want_err "3 cells match .*: name one of them, or add --compare"
want_no_file x.png

t 'a cell without maps: 3'
refocus show $r baseline@1 --attention x.png
want_code 3
want_err 'baseline@1 has no attention maps: no result yet'

t 'another ending, a folder, a folder that is not there'
refocus show $r pulled@0 --attention x.jpg
want_code 64
want_err 'ending in .png, .svg or .pdf'
mkdir folder.png
refocus show $r pulled@0 --attention folder.png
want_code 73
want_err 'cannot create folder.png: it is a folder'
refocus show $r pulled@0 --attention nowhere/x.png
want_code 73
want_err 'cannot create nowhere/x.png'

t 'samples and steps that are not there'
refocus show $r pulled@0 --attention x.png --sample 2
want_code 64
want_err 'kept maps of 2 samples, 0 to 1'
refocus show $r pulled@0 --attention x.png --step 7
want_code 3
want_err 'has no maps at step 7; it has some at 6, 12'

t 'a curve as CSV and as a picture'
refocus show $r 'pulled*' --curve loss loss.csv
want_code 0
want 'a head and twelve steps' test "$(wc -l <loss.csv)" -eq 13
want 'the head' grep -q '^row,cell,seed,step,loss,mean,low,high,n$' loss.csv
refocus show $r --curve char_accuracy curve.pdf
want_code 0
want 'a PDF' begins curve.pdf 4 %PDF

t 'curves that are not there'
refocus show $r --curve lss x.csv
want_code 3
want_err "has 'lss' on any set; did you mean loss\?"
refocus show $r --curve loss
want_code 64
want_err 'where to write is missing'
refocus show $r --curve loss x.txt
want_code 64
want_err '.png, .svg, .pdf or .csv'
want_no_file x.csv

t 'options that do not go together: 64'
refocus show $r pulled@0 --json --attention x.png
want_code 64
want_err 'do not go together'
refocus show $r pulled@0 --compare
want_code 64
want_err '--compare goes with --attention FILE'
refocus show $r pulled@0 --log
want_code 64
want_err '--log goes with --curve METRIC'
refocus show $r pulled@0 more
want_code 64

t 'files that cannot be read: 66 and 65'
refocus show nothing.h5
want_code 66
want_err "there is no results file 'nothing.h5'"
head -c 20000 $r >cut.h5
refocus show cut.h5 pulled@0
want_code 65
want_err "'cut.h5' is damaged"
want_no_out

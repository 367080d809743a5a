# refocus table: what it writes, and what it refuses. Tables themselves are compared byte for byte in tests/test_table*.c.
. "$(dirname "$0")/../cli_lib.sh"

t 'no file named: 64'
refocus table
want_code 64
want_no_out

t 'a file that is not there: 66, and what makes one'
refocus table nothing.h5
want_code 66
want_no_out
want_err "^refocus: there is no results file 'nothing.h5'; .refocus run GRID.yaml. makes one$"

t 'a folder: 66'
mkdir folder
refocus table folder
want_code 66
want_err 'is a folder'

t 'not HDF5: 65'
echo 'variant,accuracy' >table.csv
refocus table table.csv
want_code 65
want_no_out
want_err "'table.csv' is not an HDF5 file"

t 'an empty file: 65'
: >empty.h5
refocus table empty.h5
want_code 65
want_err 'is empty'

t 'cut short: 65'
printf '\211HDF\r\n\032\n\002\010\010\000rest' >cut.h5
refocus table cut.h5
want_code 65
want_err "'cut.h5' is damaged or cut short"

t 'an unknown format: 64, the nearest name'
refocus table --format markdow nothing.h5
want_code 64
want_err 'did you mean markdown\?'

# A real results file: two of six cells are trained, the others are missing.
refocus run "$grid" --cells 'baseline@0' --cells 'pulled@0'

t 'every format, and what is missing in each of them'
for format in text markdown latex csv json; do
    refocus table results/tiny.h5 --format $format
    want_code 0
    want_no_err
    want_out 'pulled'
    want_out 'missing|no result yet'
done

t 'rows, columns and digits'
refocus table results/tiny.h5 --rows 'p*' --columns n,hit_rate,planned_mib --digits 1
want_code 0
want_out '^ +n +hit_rate ↑ +planned MiB$'
want_out '^pulled  1/2 † +0\.[0-9]  '
want_not_out '^baseline'
want_out '^1 of 3 rows are shown'

t 'a row, a column that is not there: 3, the nearest name'
refocus table results/tiny.h5 --rows puled
want_code 3
want_no_out
want_err "no row matches 'puled'; did you mean pulled\?"
refocus table results/tiny.h5 --columns n,hitrate
want_code 3
want_err "there is no column 'hitrate'; did you mean hit_rate\?"

t 'macros: one per figure, named after what it is'
refocus table results/tiny.h5 --macros
want_code 0
want_out '^\\newcommand\{\\TinyPulledHitRateMean\}\{0\.[0-9]{3}\}$'
want 'nothing but macros' test -z "$(grep -v '^\\newcommand{\\[A-Za-z]*}{.*}$' out | grep -v '^%')"

t 'long: a record per cell, step and metric; cells without figures have one too'
refocus table results/tiny.h5 --long --metric hit_rate
want_code 0
want_out '^experiment,cell,variant,seed,status,cause,set,step,metric,value$'
want_out '^tiny,pulled@0,pulled,0,done,,valid,12,hit_rate,[0-9.]+$'
want_out '^tiny,pulled@1,pulled,1,missing,no result yet,,,,$'
refocus table results/tiny.h5 --long --set train --metric loss --rows pulled
want_code 0
want 'a record per step and a missing cell' test "$(wc -l <out)" -eq 14
refocus table results/tiny.h5 --long --metric hitrate
want_code 3
want_no_out
want_err "did you mean hit_rate\?"
refocus table results/tiny.h5 --long --set train --metric los
want_code 3
want_err "training has no curve 'los'; did you mean loss\?"

t 'two files: rows of both, named by experiment or file'
cp results/tiny.h5 again.h5
refocus table results/tiny.h5 again.h5 --columns n,char_accuracy
want_code 0
want_out '^tiny: pulled '
want_out '^again: pulled '
refocus table again.h5 again.h5
want_code 64
want_err "'again.h5' is named twice"

t 'options that contradict each other: 64, and nothing is printed'
refocus table results/tiny.h5 --macros --format csv
want_code 64
want_no_out
want_err '^refocus: --macros writes LaTeX; --format csv does not go with it$'
refocus table results/tiny.h5 --macros --long
want_code 64
refocus table results/tiny.h5 --long --at best
want_code 64
want_err '\-\-at does not go with it'
refocus table results/tiny.h5 --digits 12
want_code 64
want_no_out

t 'tuning: the trials of each variant are counted in the grid that tuned it, and printed'
sed 's/^seeds:.*/seeds: [7, 8, 9]/; s/^primary:.*//' "$grid" >tune.yaml
sed 's/^seeds:/tuning: tune.yaml\nseeds:/' "$grid" >tuned.yaml
refocus pack tuned.yaml
want_code 0
refocus table results/tiny.h5
want_out '^Tuning: 3 trials for each of baseline, pulled, twin in tune.yaml'
refocus table results/tiny.h5 --columns tuning_trials --format csv --rows baseline
want_out ',tuning_trials$'
want_out ',3$'

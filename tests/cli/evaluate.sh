# refocus evaluate: what it adds, where, and what it says of itself. Wrong datasets: wrong_data.sh.
. "$(dirname "$0")/../cli_lib.sh"
refocus run "$grid" --cells '*@0'
sealed=$(echo results/tiny/baseline@0-*)/cell.h5

t 'a set again, from kept parameters: the same values as in the run'
refocus evaluate results/tiny.h5 'baseline@0' --set valid --as again
want_code 0
want_out '^cell.set.step.metric.value$'
want_out '^baseline@0.again.12.hit_rate.[0-9.]+$'
for set in valid again; do
    refocus table results/tiny.h5 --set $set
    want_code 0
    grep -E '^baseline +(1/2|[–0-9])' out >rows_of_$set
done
want 'the table reads it' test -s rows_of_again
want_same rows_of_valid rows_of_again

t 'the results file and the sealed cell have it, and what computed it'
for file in results/tiny.h5 "$sealed"; do
    want "$file says what computed it" grep -aEq \
        '[0-9]+\.[0-9]+\.[0-9]+ \([^)]*\), sources [0-9a-f]{64}, bit class [0-9a-f]{64}' "$file"
    want "$file names the set" grep -aq 'evaluation\.again' "$file"
done
cp results/tiny.h5 before.h5
refocus pack "$grid"
want_code 0
want 'packing keeps it' grep -aq 'evaluation\.again' results/tiny.h5
refocus run "$grid" --cells '*@0'
want_err '; 2 finished'

t 'a name that is taken is refused, or replaced when asked'
refocus evaluate results/tiny.h5 'baseline@0' --set valid --as again
want_code 64
want_err "has an evaluation 'again' already"
refocus evaluate results/tiny.h5 'baseline@0' --set valid --as again --replace --json
want_code 0
want_out '"set": "again"'

t 'wrong words'
refocus evaluate results/tiny.h5 'nothing*'
want_code 3
refocus evaluate results/tiny.h5 --set training
want_code 64
refocus evaluate results/none.h5
want_code 66

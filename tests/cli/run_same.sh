# The same curves, bit by bit, whatever does not decide them: threads, jobs, the order of the cells, stops on the way, the
# environment, the folder that it is run from. (Kills: test_sweep.c; stops at every phase: test_trainer.c.)
. "$(dirname "$0")/../cli_lib.sh"
sed 's/^seeds: 2/seeds: 1/; s/steps: 12/steps: 6/; s/  twin: .*/  shuffled: {focus.kind: kl, focus.boxes: shuffled}/' \
    "$here/tests/cases/run/tiny.yaml" >grid.yaml
refocus run grid.yaml --results first --jobs 1 --threads 1

# same NAME: all that NAME/tiny.h5 holds is equal to what the first run did.
same() {
    refocus diff first/tiny.h5 "$1/tiny.h5"
    want_code 0
    want_out '^3 equal, 0 different$'
}

t 'one run'
want_code 0

t '2, 3 and 8 threads; 2 and 3 jobs'
while read -r threads jobs; do
    refocus run grid.yaml --results "threads$threads" --threads "$threads" --jobs "$jobs"
    want_code 0
    same "threads$threads"
done <<'END'
2 1
3 2
8 3
END

t 'cells in another order, one by one'
for cell in shuffled@0 baseline@0 pulled@0; do
    refocus run grid.yaml --results order --cells $cell
    want_code 0
done
same order

t 'stopped on the way, again and again'
n=0
code=75
while [ "$code" -eq 75 ] && [ $n -lt 40 ]; do
    "$REFOCUS" run grid.yaml --results stopped >out 2>err </dev/null &
    sweep=$!
    [ $n -ge 4 ] || { sleep 0.4 && kill -TERM $sweep 2>/dev/null; }
    wait $sweep
    code=$? last_command='refocus run, stopped' n=$((n + 1))
    [ "$code" -ne 143 ] || code=75 # before it listened to signals
done
want_code 0
same stopped

t 'libraries'\'' variables, locale, time zone set to anything'
call env OMP_NUM_THREADS=7 OMP_DYNAMIC=true OMP_SCHEDULE=dynamic,3 OMP_PROC_BIND=spread OMP_WAIT_POLICY=active \
    GOMP_SPINCOUNT=1 DNNL_MAX_CPU_ISA=SSE41 MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 HDF5_USE_FILE_LOCKING=FALSE \
    LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 LANGUAGE=de TZ=Asia/Kathmandu \
    "$REFOCUS" run grid.yaml --results environment
want_code 0
same environment

t 'a locale that writes numbers with commas'
mkdir locales
if localedef -i de_DE -f UTF-8 locales/de_DE.UTF-8 >/dev/null 2>&1; then
    call env LOCPATH="$PWD/locales" LC_ALL=de_DE.UTF-8 "$REFOCUS" run grid.yaml --results commas
    want_code 0
    same commas
else
    skip 'none can be made here'
fi

t 'from another folder'
mkdir -p deep/down
cd deep/down
refocus run ../../grid.yaml --results ../../folder
cd ../..
want_code 0
same folder

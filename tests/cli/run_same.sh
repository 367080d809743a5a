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

t '2 and 3 threads; 3 and 2 jobs'
refocus run grid.yaml --results threads2 --threads 2 --jobs 3
want_code 0
same threads2
refocus run grid.yaml --results threads3 --threads 3 --jobs 2
want_code 0
same threads3

t 'cells in another order, one by one, by 8, 1 and 5 threads'
while read -r cell threads; do
    refocus run grid.yaml --results order --cells "$cell" --threads "$threads"
    want_code 0
done <<'END'
shuffled@0 8
baseline@0 1
pulled@0 5
END
same order

t 'stopped on the way, again and again'
sed 's/steps: 6/steps: 60/' grid.yaml >long.yaml
refocus run long.yaml --cells pulled@0 --threads 1 --results whole
want_code 0
for sign in checkpoint resumed; do # stopped once it has a checkpoint, and again when it goes on from there
    "$REFOCUS" run long.yaml --cells pulled@0 --threads 1 --results stopped >out 2>err </dev/null &
    sweep=$!
    wait_for sh -c "test -s stopped/tiny/*/$sign || grep -q 'pulled@0  training, $sign' err" || wrong "no $sign"
    kill -TERM $sweep
    wait $sweep
    code=$? last_command="refocus run, stopped at: $sign"
    want_code 75
done
refocus run long.yaml --cells pulled@0 --threads 1 --results stopped
want_code 0
want 'it went on where it had stopped' grep -q ' resumes after step [1-9]' stopped/tiny/pulled@0-*/log.txt
refocus diff whole/tiny.h5 stopped/tiny.h5 pulled@0
want_code 0
want_out '^1 equal, 0 different$'

t 'a locale that writes numbers with commas'
mkdir locales
printf 'LC_NUMERIC\ndecimal_point ","\nthousands_sep "."\ngrouping 3;3\nEND LC_NUMERIC\n' >commas
if localedef -c -i commas -f UTF-8 locales/commas.UTF-8 >/dev/null 2>&1 || [ -e locales/commas.UTF-8/LC_NUMERIC ]; then
    want 'it does' test "$(env -u LC_ALL LOCPATH="$PWD/locales" LC_NUMERIC=commas.UTF-8 printf %.1f 0)" = 0,0
else
    skip 'none can be made here'
fi

t 'libraries'\'' variables, that locale, the time zone set to anything; from another folder'
mkdir -p deep/down
cd deep/down
call env -u LC_ALL OMP_NUM_THREADS=7 OMP_DYNAMIC=true OMP_SCHEDULE=dynamic,3 OMP_PROC_BIND=spread OMP_WAIT_POLICY=active \
    GOMP_SPINCOUNT=1 DNNL_MAX_CPU_ISA=SSE41 MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 HDF5_USE_FILE_LOCKING=FALSE \
    LOCPATH="$scratch/locales" LC_NUMERIC=commas.UTF-8 LANG=tr_TR.UTF-8 LANGUAGE=de TZ=Asia/Kathmandu \
    "$REFOCUS" run ../../grid.yaml --results ../../environment
want_code 0
cd ../..
same environment

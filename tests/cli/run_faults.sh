# Results folders that vanish, are shared by users, or come from another machine.
. "$(dirname "$0")/../cli_lib.sh"
make_long
sed -i '/^  twin/d' long.yaml
sed 's/steps: 4000/steps: 60/' long.yaml >short.yaml

t 'a results folder that vanishes: one message, an exit code; the same command begins anew'
"$REFOCUS" run long.yaml --cells 'baseline@*' >out 2>err </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
rm -rf results 2>/dev/null || rm -rf results
wait $sweep
code=$? last_command='refocus run long.yaml, whose results were removed'
want_code 73
want_err '^failed   baseline@0: cannot create the checkpoint: No such file or directory$'
want_err '1 not begun'
want_no_out
rm -rf results
refocus run short.yaml --cells 'baseline@0'
want_code 0

t 'checkpoints by time'
sed 's/checkpoint_every: 20/checkpoint_every: 1s/' long.yaml >timed.yaml
interrupt timed.yaml
refocus run timed.yaml --cells 'baseline@0' --dry-run
want_out '^baseline@0 +resume .*after step [0-9]+ of 4000$'
refocus run "$grid" record.checkpoint_every=often
want_code 78
want_err 'expected steps \(200\) or a time \(90s, 5min, 1h\)'

t 'users with other umasks: what one leaves to the other'
umask 077
interrupt long.yaml
want 'private' test "$(find results ! -type l -perm /077 | wc -l)" = 0
umask 002
interrupt long.yaml
want 'the group may go on' test "$(find results ! -type l ! -perm -g=w | wc -l)" = 0
umask 022
other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
chmod 755 .
if other "$REFOCUS" --version >/dev/null 2>&1 && other test -r long.yaml; then
    other "$REFOCUS" run long.yaml --cells 'baseline@0' >out 2>err </dev/null
    code=$? last_command='refocus run long.yaml, by another user'
    want_code 73
    want_err '^refocus: cannot write into results/tiny.*: Permission denied$'
    other "$REFOCUS" status long.yaml >out 2>err </dev/null
    code=$? last_command='refocus status long.yaml, by another user'
    want_code 0
    want_out '^  baseline@0 +interrupted '
    umask 000
    interrupt short.yaml
    other "$REFOCUS" run short.yaml --cells 'baseline@0' >out 2>err </dev/null
    code=$? last_command='refocus run short.yaml, by another user, who may'
    umask 022
    want_code 0
    want_err '^tiny: 1 done'
else
    skip 'needs the right to become another user, and a program that it may start'
fi

t 'a running cell tells that it lives; status of it by one who may only read'
rm -rf results
"$REFOCUS" run long.yaml --cells 'baseline@0' >out1 2>err1 </dev/null &
sweep=$!
wait_for has_checkpoint baseline@0 || wrong 'no checkpoint came'
chmod 444 "$(folder baseline@0)/lock"
refocus status long.yaml
want_out '^  baseline@0 +running '
touch -d '1 hour ago' "$(folder baseline@0)/lock"
wait_for sh -c "find results -name lock -mmin -30 | grep -q ." || wrong 'the lock is not touched'
kill -INT $sweep
wait $sweep

t 'a folder from another machine: its owner is alive while it touches the lock, then the cell goes on here'
interrupt short.yaml
cp -a results elsewhere
lock=$(echo elsewhere/tiny/baseline@0-*/lock)
printf '71\nelsewhere\n2026-01-31 12:00:00 UTC\nanother-boot\n5\n' >"$lock"
refocus status short.yaml --results elsewhere
want_out '^  baseline@0 +running .*process 71 on elsewhere is at it since 2026-01-31'
touch -d '10 minutes ago' "$lock"
refocus status short.yaml --results elsewhere
want_out '^  baseline@0 +interrupted .*after step [0-9]+ of 60$'
refocus run short.yaml --results elsewhere --cells 'baseline@0'
want_code 0
want_err '^tiny: 1 done'
refocus run short.yaml --results whole --cells 'baseline@0'
refocus diff whole/tiny.h5 elsewhere/tiny.h5
want_code 0

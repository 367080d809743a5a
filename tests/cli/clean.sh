# refocus clean: removes what it lists and nothing else, and only when told to.
. "$(dirname "$0")/../cli_lib.sh"
sed '/^  pulled/d; /^  twin/d; /^primary/d; s/^seeds: 2/seeds: 1/' "$grid" >fewer.yaml

t 'nothing to remove'
refocus clean "$grid"
want_code 0
want_no_out
want_err '^tiny: no orphans$'

t 'a sweep, and a grid that has less of it'
refocus run "$grid" --jobs 2
want_code 0
mkdir results/tiny/notes results/tiny/empty elsewhere
echo 'mine' >results/tiny/notes/text
cp results/tiny/pulled@0-*/cell.h5 elsewhere/
ln -s "$PWD/elsewhere" results/tiny/link
echo 'mine' >results/tiny/file
find results elsewhere | sort >before

t 'a dry run lists and removes nothing'
refocus clean fewer.yaml --dry-run
want_code 0
want_out '^results/tiny/pulled@0-[0-9a-f]{8}  [0-9.]+ [KM]iB, [0-9]+ files, a finished result$'
want 'three of them' test "$(wc -l <out)" -eq 3
want_not_out 'baseline@0'
find results elsewhere | sort >after
want_same before after

t 'without a terminal it refuses: 64'
refocus clean fewer.yaml
want_code 64
want_err 'nothing was removed: there is no terminal to ask on; --yes removes without asking'
find results elsewhere | sort >after
want_same before after

t 'on a terminal it asks: no'
if command -v script >/dev/null; then
    echo n | script -qec "'$REFOCUS' clean fewer.yaml" /dev/null >out 2>err
    code=$? last_command='refocus clean fewer.yaml, answered n'
    want_code 0
    want_out 'Remove these folders, [0-9.]+ [KM]iB\? They cannot be restored. \[y/N\]'
    want_out 'nothing was removed'
    find results elsewhere | sort >after
    want_same before after
else
    skip 'script(1) is not installed'
fi

t 'a cell that another process is at stays'
if command -v flock >/dev/null; then
    busy=$(echo results/tiny/baseline@1-*)
    flock -x "$busy/lock" "$REFOCUS" clean fewer.yaml --yes >out 2>err </dev/null
    code=$? last_command='refocus clean --yes, one folder locked'
    want_code 0
    want_out 'baseline@1-.*; another process is at it: left alone$'
    want_err '^removed 2 folders, [0-9.]+ [KM]iB$'
    want_file "$busy/cell.h5"
else
    skip 'flock(1) is not installed'
fi

t '--yes removes orphans, and not what it did not make'
refocus clean fewer.yaml --yes
want_code 0
want_err '^removed [13] folders?, [0-9.]+ [KM]iB$'
want_no_file results/tiny/pulled@0-*
want_no_file results/tiny/pulled@1-*
want_no_file results/tiny/baseline@1-*
want_file results/tiny/baseline@0-*/cell.h5
want_file results/tiny/notes/text
want_file results/tiny/file
want_file elsewhere/cell.h5
want 'the link stays' test -L results/tiny/link
want 'an empty folder stays' test -d results/tiny/empty

t 'what is left is what the grid has'
refocus clean fewer.yaml
want_code 0
want_err 'no orphans'
refocus run fewer.yaml --dry-run
want_err '^tiny: 1 cells; 1 finished$'

t 'answered yes on a terminal'
if command -v script >/dev/null; then
    refocus run "$grid" --cells 'baseline@1'
    echo y | script -qec "'$REFOCUS' clean fewer.yaml" /dev/null >out 2>err
    code=$? last_command='refocus clean fewer.yaml, answered y'
    want_code 0
    want_out 'Remove this folder, '
    want_out 'removed 1 folder, '
    want_no_file results/tiny/baseline@1-*
else
    skip 'script(1) is not installed'
fi

t 'a folder of somebody else within an orphan: nothing of it is lost'
refocus run "$grid" --cells 'baseline@1'
orphan=$(echo results/tiny/baseline@1-*)
mkdir "$orphan/mine"
echo 'mine' >"$orphan/mine/text"
refocus clean fewer.yaml --yes
want_code 74
want_err 'is left alone: it holds a folder, mine, that refocus did not make'
want_file "$orphan/cell.h5"
want_file "$orphan/mine/text"

t 'wrong inputs'
refocus clean nothing.yaml
want_code 66
refocus clean
want_code 64

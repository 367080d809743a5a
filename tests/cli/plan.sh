# refocus plan: peaks without running, in every format; what fills them, what fits, from where on a grid is over budget.
. "$(dirname "$0")/../cli_lib.sh"
tiny=$here/tests/cases/run/tiny.yaml
quick=$here/experiments/quickstart.yaml
memory=$here/experiments/memory.yaml

# A grid of a few small plans with two axes. Its large charset exists for plans only.
cat >cards.yaml <<'GRID'
experiment: cards
question: What fits?
plan_only: true
seeds: [0, 1]
baseline: none
base:
  data:  {image: [32, 64], train: {lines: {source: synthetic, length: [1, 5]}}}
  model: {blstm: 8, attention: 8, decoder: 16, embedding: 8}
  eval:  {batch: 2}
variants:
  none:  {}
  plain: {focus.kind: original, focus.patch: [16, 16]}
  eager: {focus.kind: original, focus.patch: [16, 16], memory.reuse: eager}
  fused: {focus.kind: original, focus.patch: [16, 16], focus.implementation: fused}
grid:
  data.charset: ["size:10", "size:900"]
  train.batch: [2, 8, 16]
GRID

t 'a row for each plan, seeds together, bytes by module; nothing is written'
refocus plan "$tiny"
want_code 0
want_err '^tiny on cpu-[a-z0-9]+: 6 cells, 3 plans$'
want_out '^plan +cells +peak +added +ratio +parameters +FLOP/step +disk +'
want_out '^pulled +2 +[0-9.]+ [KM]iB +\+[0-9.]+ % +1\.[0-9]{4} +[0-9,]+ '
want_out 'most at the peak$'
want_not_out 'OVER'
want 'nothing written' test "$(ls | grep -v '^out$\|^err$')" = cards.yaml

t 'cells by pattern; one that matches nothing: 3'
refocus plan "$tiny" --cells 'pulled@*' --cells 'baseline@0'
want_code 0
want_err '3 cells, 2 plans$'
want_out '^baseline@0 '
want_not_out '^twin'
refocus plan "$tiny" --cells 'nothing*'
want_code 3
want_no_out
refocus plan "$tiny" --why 'nothing*'
want_code 3

t 'a budget that is kept: 0; one that is not: 2, and which cells'
refocus plan "$quick" --budget 256MiB
want_code 0
refocus plan "$quick" --budget 100MiB
want_code 2
want_out '^original +2 +[0-9.]+ MiB  OVER '
want_err "^refocus: 2 of 8 cells are over budget; --why 'original@0' tells what fills the largest$"
refocus plan "$quick" memory.budget=100MiB
want_code 2
refocus plan "$quick" memory.reserve=64MiB --budget 128MiB
want_code 2
refocus plan "$quick" memory.budget=100MiB --budget 1GiB
want_code 0
refocus plan "$quick" --budget lots
want_code 64
want_err '^refocus: --budget lots: expected a size such as 24GiB'

t 'another device, without one: the same on any machine'
refocus plan "$quick" --device cuda
want_code 0
want_err '^quickstart on cuda: 8 cells, 4 plans$'
want_out '^plan .* cublas'
want_out '^Planned for cuda by its shapes alone: the same on every card, and without one\.$'
cp out first
refocus plan "$quick" --device cuda:3 train.shards=7
sed -i '/train.shards/d' err
want_same out first
refocus plan "$quick" --device tpu
want_code 64
want_err 'unknown device "tpu", expected cpu, cuda or cuda:NUMBER'
want_no_out

t 'an arithmetic that only some devices have is refused as run refuses it'
refocus plan "$tiny" train.precision=tf32 --cells 'pulled@0'
want_code 78
cp err refused
refocus run "$tiny" train.precision=tf32 --cells 'pulled@0'
want_code 78
want_err 'pulled@0: train.precision: tf32 is for --device cuda, this is the cpu$'
want_same err refused
refocus plan "$tiny" train.precision=tf32 --device cuda
want_code 0

t 'axes have columns of their own; groups say what a variant adds, and where it is over'
refocus plan cards.yaml --device cuda --budget 100MiB
want_code 2
want_out '^variant +charset +batch +cells +peak +budget +added '
want_out '^none +size:10 +2 +2 +[0-9.]+ MiB +\+0\.00 %'
want_not_out ' disk '
want_out '^variant +cells +over +smallest +largest +added +most at the largest peak$'
want_out '^eager +12 +4 .* 4 x [0-9.]+ MiB energies \[T,B,P,K\], [0-9]+ %$'
want_out '^fused +12 +0 '
want_out '^8 of 48 cells are over the budget of 100.0 MiB: these, and those beyond them on any axis$'
sed -n '/^8 of 48/,$p' out >over
want 'each variant once: batch 16 lies beyond batch 8' test "$(grep -c ' size:900 ' over)" -eq 2
want 'the frontier is at a batch of 8' grep -Eq '^eager +size:900 +8 +[0-9.]+ MiB +4 x .* focus.log_p, focus.log_p., focus.tanh, focus.tanh.$' over
want 'three with full reuse' grep -Eq '^plain +size:900 +8 +[0-9.]+ MiB +3 x ' over
want_out '^energies \[T,B,P,K\]: a number for each step, sample, pixel of the patch and class.$'

t 'a summary leaves the rows out; where there are no groups, it has nothing to leave out'
refocus plan cards.yaml --device cuda --budget 100MiB --summary
want_code 2
want_not_out '^variant +charset .* ratio'
want_out '^fused +12 +0 '
refocus plan "$quick" --summary
want_out '^plan +cells +peak'

t 'a frontier that would say too much: every cell is listed'
sed 's/train.batch: \[2, 8, 16\]/train.batch: [16, 2, 8]/' cards.yaml >odd.yaml
refocus plan odd.yaml --device cuda --budget 100MiB --summary
want_out '^8 of 48 cells are over the budget of 100.0 MiB: these$'
want 'all four plans' test "$(grep -Ec '^(eager|plain) +size:900 +(8|16) ' out)" -eq 4

t 'why: what is alive at the peak, by module and role, op by op, and the batch that would fit'
refocus plan cards.yaml --device cuda --budget 100MiB --why 'plain,*900,*16@0'
want_code 2
want_out '^plain,data.charset=size:900,train.batch=16@0$|^plain,data.charset=size:900,train.batch=16$'
want_out '^peak [0-9.]+ MiB on cuda, while focus\.[a-z_]+. runs: op [0-9]+ of [0-9]+ of the training step$'
want_out '^OVER the budget of 100.0 MiB$'
want_out "^focus.log_p' +[0-9.]+ MiB +[0-9.]+ % +grad +energies \[T,B,P,K\]$"
want_out '^[0-9]+ smaller ones +'
want_out '^focus +[0-9.]+ MiB +[0-9.]+ % +activation +'
want_out '^all +[▁▂▃▄▅▆▇█ ]+ [0-9.]+ MiB$'
want_out '^ +\|forward +\|backward +\|update$'
want_out '^Largest train.batch that fits 100.0 MiB: [0-9]+ \([0-9.]+ MiB\); it is 16.$'
best=$(sed -n 's/^Largest train.batch that fits 100.0 MiB: \([0-9]*\) .*/\1/p' out)
sed "s/train.batch: \[2, 8, 16\]/train.batch: [$best, $((best + 1))]/" cards.yaml >best.yaml
refocus plan best.yaml --device cuda --budget 100MiB --cells 'plain,*900*' --format csv
want 'that batch fits, one more does not' sh -c "sed 's/\"[^\"]*\"//g' out | cut -d, -f4,7 | tail -n 2 | tr '\n' ' ' | grep -qx '$best,0 $((best + 1)),1 '"

t 'why: shares add up to the peak, in JSON to the byte'
refocus plan "$quick" --why 'original@*' --why 'revised@1' --format json
want_code 0
want 'two plans' test "$(grep -c '"plan":' out)" -eq 2
if command -v python3 >/dev/null; then
    want 'live tensors and gaps add up' python3 - <<'PYTHON'
import json
d = json.load(open('out'))
for w in d['why']:
    gaps = w['by_module'].get('gaps', 0)
    assert sum(t['bytes'] for t in w['live']) + gaps == w['peak_bytes'] == sum(w['by_module'].values())
    assert sum(w['by_role'].values()) == w['peak_bytes']
    assert max(n['bytes'] for n in w['timeline']) + gaps == w['peak_bytes']
    assert w['timeline'][[n['bytes'] for n in w['timeline']].index(w['peak_bytes'] - gaps)]['op'] == w['peak_node']
    assert w['largest_batch'] is None
PYTHON
fi

t 'why: no batch fits, no budget is given'
refocus plan cards.yaml --why 'none,*900,*=2@0' --budget 1MiB
want_code 2
want_out '^No train.batch fits 1.0 MiB: one of 1 needs [0-9.]+ MiB\.$'
refocus plan cards.yaml --why 'none,*900,*=2@0'
want_code 0
want_out '^No budget is given: --budget SIZE, or memory.budget,'

t 'formats: JSON by cell, CSV by plan, Markdown to paste; an unknown one: 64'
refocus plan cards.yaml --json --budget 100MiB --device cuda
want_code 2
cp out as_json
refocus plan cards.yaml --format json --budget 100MiB --device cuda
want_same out as_json
if command -v python3 >/dev/null; then
    want 'cells, axes and variants' python3 - <<'PYTHON'
import json
d = json.load(open('out'))
assert d['device'] == d['device_class'] == 'cuda' and d['budget_bytes'] == 100 << 20
assert len(d['cells']) == 48 and [v['variant'] for v in d['variants']] == ['none', 'plain', 'eager', 'fused']
cell = d['cells'][0]
assert cell['axes'] == {'data.charset': 'size:10', 'train.batch': '2'} and cell['added'] == 0
assert cell['disk_bytes'] is None and cell['peak_bytes'] == sum(cell['by_module'].values())
over = [v['over_budget'] for v in d['variants']]
assert over == [0, 4, 4, 0] and sum(c['over_budget'] for c in d['cells']) == 8
eager = d['variants'][2]
assert eager['over_budget_from'] == ['eager,data.charset=size:900,train.batch=8'] and eager['and_all_beyond']
assert eager['most']['tensors'] == 4 and eager['most']['shape'] == 'energies [T,B,P,K]'
PYTHON
fi
refocus plan cards.yaml --format csv
want_code 0
want_out '^plan,variant,data.charset,train.batch,cells,peak_bytes,over_budget,added,lower_bound_bytes,'
want_out '^"none,data.charset=size:10,train.batch=2",none,size:10,2,2,[0-9]+,0,0\.000000,[0-9]+,1\.[0-9]{6},'
want 'a line for each plan and the headers' test "$(wc -l <out)" -eq 25
want 'as many fields everywhere' sh -c 'sed "s/\"[^\"]*\"//g" out | awk -F, "{ print NF }" | sort -u | wc -l | grep -qx 1'
refocus plan cards.yaml --format markdown
want_out '^### cards$'
want_out '^\| variant \| charset \| batch \| cells \| peak \|'
want_out '^\| :-- \| :-- \| :-- \| --: \| --: \|'
want_out '^- added: to the peak of none'
refocus plan "$quick" --why 'original@0' --format markdown
want_out '^### original@0$'
want_out "^\| focus.log_p' \| [0-9.]+ MiB \|"
refocus plan cards.yaml --format xml
want_code 64
want_err "unknown format 'xml', expected csv, json, markdown or text"
refocus plan cards.yaml --format csv --why 'none*'
want_code 64
want_err '^refocus: --why has no form as csv, expected text, markdown or json'
refocus plan cards.yaml --format csv --json
want_code 64

t 'time: of finished cells of the same settings; disk: about what they take'
refocus plan "$tiny"
want_not_out ' time '
refocus run "$tiny" --cells 'baseline@0'
want_code 0
refocus plan "$tiny"
want_out '^baseline .* [0-9.]+ [KM]iB +[0-9.]+ s '
want_out '^time: wall time, of finished cells of the same settings, in results/tiny.h5.$'
refocus plan "$tiny" train.steps=13
want_not_out ' time '
refocus plan "$tiny" --device cuda
want_not_out ' time '
refocus plan "$tiny" --cells 'baseline@0' --format csv
said=$(sed 's/"[^"]*"//g' out | awk -F, 'NR == 2 { print $11 }')
took=$(stat -c %s results/tiny/baseline@0-*/cell.h5)
want "disk within 15 %: said $said, took $took" test $((said * 100)) -gt $((took * 85)) -a $((said * 100)) -lt $((took * 115))
refocus plan "$tiny" --results nowhere
want_not_out ' time '

t 'time: measured here'
rm -rf results
refocus plan "$tiny" --time --cells 'baseline@*'
want_code 0
want_out '^baseline .* [0-9.]+ s '
want_out '^time: wall time, train.steps times the median of 5 steps on [0-9]+ threads? here, without evaluations.$'
want_no_file results
refocus plan "$tiny" --time --device cuda:99
want_code 69
want_err '^refocus: (no NVIDIA driver|there is no cuda:99|the NVIDIA driver|this build has no CUDA part)'

t 'a narrow terminal cuts short tables into blocks, and long ones off, and says so'
if command -v script >/dev/null; then
    script -qec "stty cols 80; $REFOCUS plan $quick" /dev/null </dev/null 2>/dev/null | tr -d '\r' >out
    want 'no line over 80' sh -c '! LC_ALL=C.UTF-8 awk "length(\$0) > 80" out | grep -q .'
    want_out '^plan +most at the peak$'
    sed 's/train.batch: \[2, 8, 16\]/train.batch: [2, 3, 4, 5, 6, 7]/' cards.yaml >long.yaml
    script -qec "stty cols 80; $REFOCUS plan long.yaml" /dev/null </dev/null 2>/dev/null | tr -d '\r' >out
    want_out '^\(a wider terminal or --format csv shows .* most at the peak\)$'
else
    skip 'there is no script(1)'
fi

t 'the story: which cells exceed a card of 24 GiB, what fills it, what the revised branch adds'
refocus plan "$memory" --device cuda --budget 24GiB --summary --format markdown
want_code 2
cp out story
want_err '^memory on cuda: 288 cells, 288 plans$'
want_out '^\| baseline \| 48 \| 0 \|'
want_out '^\| original-eager \| 48 \| 16 \|.* 4 x 35.0 GiB energies \[T,B,P,K\], 98 % \|$'
want_out '^\| original \| 48 \| 15 \|.* 3 x 35.0 GiB energies \[T,B,P,K\], 97 % \|$'
want_out '^\| original-fused \| 48 \| 0 \|'
want_out '^\| original-features \| 48 \| 0 \|'
want_out '^\| revised \| 48 \| 0 \|.* \| \+0\.00 % \|'
want_out '^31 of 288 cells are over the budget of 24.0 GiB: these, and those beyond them on any axis:$'
want_out "^\| original \| \\[32,256\\] \| size:7000 \| 8 \| \\[1,40\\] \| 27.3 GiB \| 3 x 8.8 GiB \| focus.log_p, focus.log_p', focus.tanh \|$"
want 'one screen' test "$(wc -l <out)" -le 30
want 'no row of another variant is over' sh -c '! grep -Eq "^. (baseline|original-fused|original-features|revised) . ..32" out'
refocus plan "$memory" --device cuda --json
want 'each of 288 plans within 1.03 of its lower bound' test "$(grep -Ec '"ratio": 1\.0[0-2,]' out)" -eq 288
# Who changes a plan changes what is said of it: make locks.
for file in README.md results/reference/memory.md; do
    sed -n '/^| variant | cells/,/^| revised/p' "$here/$file" >quoted
    want "$file has the table" test "$(wc -l <quoted)" -eq 8
    while IFS= read -r line; do want "$file quotes: $line" grep -Fxq -- "$line" story; done <quoted
done

t 'it is planned, never trained'
refocus run "$memory"
want_code 78
want_err 'says plan_only: it is planned, never trained'
want_no_file results

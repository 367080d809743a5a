#!/bin/sh
# make bench: tests/bench/run.sh BUILD_FOLDER. Figures also land in BUILD_FOLDER/bench/*.json.
set -eu
bin=$1/tests/bench
out=$1/bench
mkdir -p "$out"
export OMP_NUM_THREADS=1
"$bin/bench_plan" "$(dirname "$0")/plan.yaml"
echo
"$bin/bench_conv" --json "$out/conv.json"
echo
"$bin/bench_original" --json "$out/original.json"
echo
"$bin/bench_step" write "$out/lines.bin" 16
python=
for candidate in /usr/bin/python3 python3; do
    "$candidate" -c 'import torch, numpy' 2>/dev/null && python=$candidate && break
done
if [ -n "$python" ]; then
    "$python" "$(dirname "$0")/compare_step.py" "$bin/bench_step" "$out/lines.bin" --json "$out/step.json"
else
    echo "PyTorch is not installed (apt-get install python3-torch libopenblas0-pthread): refocus alone"
    "$bin/bench_step" time "$out/lines.bin" 100
fi
echo
"$bin/bench_branch" experiments/quickstart.yaml 100
echo
"$bin/bench_parallel" "$1/refocus" tests/cases/run/parallel.yaml --json "$out/parallel.json"

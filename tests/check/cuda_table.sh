#!/bin/sh
# cuda_table.sh LAUNCHES PTXAS.txt ...: writes results/reference/cuda.md from what tests/emu/launches.c prints of an
# experiment's ops and from what the assembler says of their kernels. Fails where a kernel spills registers.
set -eu
launches=$1
shift
experiments='experiments/quickstart.yaml experiments/tune.yaml'
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
# shellcheck disable=SC2086
"$launches" $experiments >"$new/launches"
for log in "$@"; do
    awk -v file="$(echo "$log" | sed 's/.*ptxas\///; s/\.txt$/.cu/')" '
        /Compiling entry function/ { split($0, part, "\047"); symbol = part[2] }
        /bytes stack frame/ && symbol != "" { stack = $1; spills = $5 + $9 }
        /Used [0-9]+ registers/ && symbol != "" {
            registers = shared = 0
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^registers/) registers = $(i - 1)
                if ($i ~ /^smem/) shared = $(i - 2)
            }
            print "kernel", symbol, file, registers, shared, stack, spills
            symbol = ""
        }' OFS='\t' "$log"
done >"$new/kernels"
# Symbols and their plain names, one a line.
cut -f 2 "$new/kernels" >"$new/symbols"
c++filt <"$new/symbols" | paste "$new/symbols" - | sed 's/^/name\t/' >"$new/names"

cat "$new/names" "$new/kernels" "$new/launches" | LC_ALL=C awk -F '\t' -v experiments="$experiments" '
# "void f<A(B)>(C)" -> "f<A(B)>"
function plain(text, i, depth, c) {
    sub(/^void /, "", text)
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "<") depth++
        if (c == ">") depth--
        if (c == "(" && depth == 0 && i > 1) return substr(text, 1, i - 1)
    }
    return text
}
function scaled(n) {
    if (n >= 1e9) return sprintf("%.1f G", n / 1e9)
    if (n >= 1e6) return sprintf("%.1f M", n / 1e6)
    if (n >= 1e3) return sprintf("%.1f k", n / 1e3)
    return sprintf("%d", n)
}
function least(microseconds) { return microseconds < 0.05 ? "< 0.1" : sprintf("%.1f", microseconds) }
function ceiling(x) { return x == int(x) ? x : int(x) + 1 }
function smaller(a, b) { return a < b ? a : b }
# What a multiprocessor of an H100 has: 65,536 registers, 227 KiB for blocks that take 1 KiB more each, 2,048 threads.
function blocks_per_sm(registers, shared, threads,   n) {
    n = smaller(2048 / threads, int(65536 / (ceiling(registers / 8) * 8 * threads)))
    return smaller(n, int(227 * 1024 / (shared + 1024)))
}
# A launch that is repeated stands where it is first made.
function launched(text) {
    if (times[text]++ == 0) launches[n_launches++] = text
}
function end_pass(   i) {
    for (i = 0; i < n_launches; i++)
        row = row (i > 0 ? ", " : "") (times[launches[i]] > 1 ? times[launches[i]] " times " : "") launches[i]
    if (row != "") rows[n_rows++] = row " |"
    row = ""
    n_launches = 0
    split("", times)
}
$1 == "name" { name[$2] = plain($3) }
$1 == "kernel" && !($2 in file) {
    kernels[n_kernels++] = $2
    file[$2] = $3; registers[$2] = $4; shared[$2] = $5; stack[$2] = $6; spills[$2] = $7
    if ($7 > 0) { print "cuda_table: " name[$2] " of " $3 " spills " $7 " bytes" >"/dev/stderr"; failed = 1 }
}
$1 == "pass" {
    end_pass()
    bytes = $7 + 2 * $8
    memory = bytes / 3.35e12 * 1e6
    compute = $6 / 67e12 * 1e6
    row = sprintf("| %s | %s | %d | %s | %s | %s | %s | %.1f | %s | %s | ", $2, $3, $4, $5, scaled($6), scaled($7), \
                  scaled($8), $6 / bytes, memory > compute ? "memory" : "compute", least(memory > compute ? memory : compute))
}
$1 == "launch" {
    if (!($2 in file)) { print "cuda_table: the assembler said nothing of " $2 >"/dev/stderr"; failed = 1 }
    launched(sprintf("`%s` %d x %d%s", name[$2], $3, $4, $5 > 0 ? " + " $5 " B" : ""))
}
$1 == "product" { launched(($5 > 1 ? $5 " of " : "") $2 " x " $3 " x " $4) }
$1 == "absent" { absent = absent (absent == "" ? "" : ", ") $2 }
END {
    end_pass()
    print "<!-- make cuda-table -->"
    print "# The CUDA kernels, counted\n"
    gsub(" ", " and ", experiments)
    print "Nothing here was measured on a GPU: shapes and costs are those of the models of"
    print experiments ", launches are those that the ops make for them on"
    print "the emulated device, registers and memory are what the assembler reports.\n"
    print "## Ops\n"
    print "Each pass at the node of most operations: its output\047s shape; how often the pass runs in one training step, at"
    print "most (0: in evaluation alone); operations as the op counts them; bytes if each operand is moved once; scratch, which"
    print "counts twice in what follows, as written and read; operations for each byte; what bounds it on an H100 of 67 TFLOP/s"
    print "in fp32 and 3.35 TB/s, and the least time by that. Where this is less than a launch takes, some 2 to 5 microseconds,"
    print "launches are what bounds it, which is why a step is captured into one graph. Launches are blocks x threads (+ dynamic"
    print "shared memory), products of cuBLAS rows x columns x depth.\n"
    print "| op | pass | a step | output | FLOP | bytes | scratch | FLOP/byte | bound by | least µs | launches |"
    print "| :-- | :-- | --: | :-- | --: | --: | --: | --: | :-- | --: | :-- |"
    for (i = 0; i < n_rows; i++) print rows[i]
    if (absent != "") print "\nIn none of these models: " absent "."
    print "\n## Kernels\n"
    print "On compute capability 9.0: registers of a thread, static shared memory of a block, bytes of stack and of spilled"
    print "registers, and how many blocks of 256 threads a multiprocessor of an H100 holds by these.\n"
    print "| kernel | file | registers | shared | stack | spills | blocks |"
    print "| :-- | :-- | --: | --: | --: | --: | --: |"
    for (i = 0; i < n_kernels; i++) {
        k = kernels[i]
        printf "| `%s` | %s | %d | %d | %d | %d | %d |\n", name[k], file[k], registers[k], shared[k], stack[k], spills[k], \
            blocks_per_sm(registers[k], shared[k], 256)
    }
    exit failed
}' >"$new/table"
cat "$new/table" >results/reference/cuda.md

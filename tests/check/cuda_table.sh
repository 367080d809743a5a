#!/bin/sh
# cuda_table.sh LAUNCHES PTXAS.txt ...: writes results/reference/cuda.md from what tests/emu/launches.c prints of the ops
# of some models and from what the assembler says of their kernels. Fails where a kernel spills registers, and where an op
# is in none of the models.
set -eu
launches=$1
shift
grids='experiments/quickstart.yaml experiments/tune.yaml tests/cases/cuda_table.yaml'
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
# shellcheck disable=SC2086
"$launches" $grids >"$new/launches"
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

cat "$new/names" "$new/kernels" "$new/launches" | LC_ALL=C awk -F '\t' -v grids="$grids" '
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
# A launch that is repeated stands where it is first made. kernels_of: what the pass runs, whatever the sizes.
function launched(kernel, text) {
    if (times[text]++ == 0) launches[n_launches++] = text
    if (!(kernel in seen)) kernels_of = kernels_of " " kernel
    seen[kernel]
}
# Of the passes that run the same kernels the one of most operations is kept.
function end_pass(   i, text, key) {
    for (i = 0; i < n_launches; i++)
        text = text (i > 0 ? ", " : "") (times[launches[i]] > 1 ? times[launches[i]] " times " : "") launches[i]
    key = op SUBSEP pass SUBSEP kernels_of
    if (op != "" && !(key in flops)) key_of[op, pass, n_keys[op, pass]++] = key
    if (op != "" && (!(key in flops) || flop > flops[key])) { flops[key] = flop; figures[key] = row text " |" }
    if (op != "" && nodes > most[key]) most[key] = nodes
    op = kernels_of = ""
    n_launches = 0
    split("", times)
    split("", seen)
}
function print_passes(name, pass,   i, key) {
    for (i = 0; i < n_keys[name, pass]; i++) {
        key = key_of[name, pass, i]
        printf "| %s | %s | %d | %s\n", name, pass, most[key], figures[key]
    }
}
$1 == "name" { name[$2] = plain($3) }
$1 == "kernel" && !($2 in file) {
    kernels[n_kernels++] = $2
    file[$2] = $3; registers[$2] = $4; shared[$2] = $5; stack[$2] = $6; spills[$2] = $7
    if ($7 > 0) { print "cuda_table: " name[$2] " of " $3 " spills " $7 " bytes" >"/dev/stderr"; failed = 1 }
}
$1 == "peaks" { peak_bytes = $2; peak_flops = $3 }
$1 == "op" { ops[n_ops++] = $2 }
$1 == "pass" {
    end_pass()
    op = $2; pass = $3; nodes = $4; flop = $6
    bytes = $7 + 2 * $8
    memory = bytes / peak_bytes * 1e6
    compute = flop / peak_flops * 1e6
    row = sprintf("%s | %s | %s | %s | %.1f | %s | %s | ", $5, scaled(flop), scaled($7), scaled($8), flop / bytes, \
                  memory > compute ? "memory" : "compute", least(memory > compute ? memory : compute))
}
$1 == "launch" {
    if (!($2 in file)) { print "cuda_table: the assembler said nothing of " $2 >"/dev/stderr"; failed = 1 }
    launched(name[$2], sprintf("`%s` %d x %d%s", name[$2], $3, $4, $5 > 0 ? " + " $5 " B" : ""))
}
$1 == "product" { launched("product", ($5 > 1 ? $5 " of " : "") $2 " x " $3 " x " $4) }
END {
    end_pass()
    print "<!-- make cuda-table -->"
    print "# The CUDA kernels, counted\n"
    gsub(" ", ", ", grids)
    print "Nothing here was measured on a GPU: shapes and costs are those of the models of"
    print grids ", launches are"
    print "those that the ops make for them on the emulated device, registers and memory are what the assembler reports.\n"
    print "## Ops\n"
    print "Each pass of each op, once for each set of kernels that it runs in one of these models, at the node of most operations:"
    print "its output\047s shape; how often the pass runs in one training step, at most (0: in evaluation alone); operations as the"
    print "op counts them; bytes if each operand is moved once, twice where it is updated or added to; scratch, which counts twice"
    print "in what follows, as written and read; operations for each byte; what bounds it on an H100 of " peak_flops / 1e12 " TFLOP/s"
    print "in fp32 and " peak_bytes / 1e12 " TB/s, and the least time by that. Where this is less than a launch takes, some 2 to 5 microseconds,"
    print "launches are what bounds it, which is why a step is captured into one graph. Launches are blocks x threads (+ dynamic"
    print "shared memory), products of cuBLAS rows x columns x depth.\n"
    print "| op | pass | a step | output | FLOP | bytes | scratch | FLOP/byte | bound by | least µs | launches |"
    print "| :-- | :-- | --: | :-- | --: | --: | --: | --: | :-- | --: | :-- |"
    for (i = 0; i < n_ops; i++) {
        if (!n_keys[ops[i], "forward"]) {
            print "cuda_table: " ops[i] " is in none of the models of " grids >"/dev/stderr"
            failed = 1
        }
        print_passes(ops[i], "forward")
        print_passes(ops[i], "backward")
    }
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
}' >"$new/table" || exit 1
cat "$new/table" >results/reference/cuda.md

# make test-gpu and make bench-gpu where they cannot run: one sentence that says why, and 69.
. "$(dirname "$0")/../cli_lib.sh"

build=$(dirname "$(readlink -f "$REFOCUS")")

t 'without nvcc, make says so before it builds anything'
call make -s -C "$here" test-gpu NVCC=no-such-compiler
want_code 2
want_no_out
want_err '^the CUDA part needs nvcc, of the CUDA Toolkit, in PATH'
want_err '^make.*: \*\*\* \[.*\] Error 69$'
call make -s -C "$here" bench-gpu BUILD=asan
want_code 2
want_err '^the CUDA part needs nvcc.*, and BUILD=release or debug$'

if [ -n "$(ldconfig -p 2>/dev/null | grep libcuda.so.1)" ]; then
    t 'without a device'
    skip 'there is a driver'
    exit 0
fi

t 'without a device, the reports say so'
for what in test bench; do
    call "$here/tests/gpu.sh" $what "$build"
    want_code 69
    want_no_out
    want_err "^make $what-gpu cannot run here: there is no CUDA device: "
    want 'one sentence' test "$(wc -l <err)" -eq 1
done

t 'without a device, so does each program'
for program in test-gpu-ops test-gpu-tiles test-gpu-train tests/bench/bench_gpu; do
    call "$build/$program"
    want_code 69
    want_no_out
    want_err '^[a-z_]*: no NVIDIA driver: there is no libcuda.so.1$'
    want 'one sentence' test "$(wc -l <err)" -eq 1
done

# Beside the emulated device's refocus-cuda.so and driver they take that for hardware.
t 'on a device, a report says how near each op came'
if [ "$BUILD" != release ]; then
    skip 'a sanitizer takes the library path'
    exit 0
fi
mkdir bin
cp "$build/test-gpu-ops" "$build/test-gpu-train" "$build/emu/refocus-cuda.so" bin/ && cp -P "$build"/emu/lib*.so.1 . || exit 1
LD_LIBRARY_PATH=$PWD call bin/test-gpu-ops add scale
want_code 0
want_out '^largest deviation: add, [0-9.e-]+ % of what is allowed$'
want_out '^largest deviation: scale, '
want_not_out '^largest deviation: mul'
LD_LIBRARY_PATH=$PWD call bin/test-gpu-train '*: focus.kind=mass'
want_code 0
want_out 'run to run: focus.kind=mass$'
want_err '^\[  PASSED  \] 4 test'
want_out '^largest deviation: losses and norms of ten steps, '

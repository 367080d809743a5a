# --device cuda where something is missing: one sentence that says what, and exit code 69; 64 for what is no device.
. "$(dirname "$0")/../cli_lib.sh"

grid=$here/experiments/quickstart.yaml

t 'no driver'
if [ -n "$(ldconfig -p 2>/dev/null | grep libcuda.so.1)" ]; then
    skip 'there is one'
else
    refocus run "$grid" --device cuda --results results
    want_code 69
    want_err '^refocus: no NVIDIA driver: there is no libcuda.so.1$'
    [ ! -e results ] || wrong 'a folder was made'
fi

t 'a device by a wrong name'
refocus run "$grid" --device cuda:x
want_code 64
want_err "unknown device \"cuda:x\", expected cpu, cuda or cuda:NUMBER"
refocus run "$grid" --device cuda:99999999999999999999
want_code 64

if [ "${BUILD:-release}" != release ] || ! command -v cc >/dev/null; then
    t 'with a driver'
    skip 'a sanitizer takes the library path'
    exit 0
fi

# A driver with one device, and the program without what lies beside it.
cat >driver.c <<'END'
#include <stddef.h>
int cuInit(unsigned flags) { (void)flags; return 0; }
int cuDriverGetVersion(int *out) { *out = 13000; return 0; }
int cuDeviceGetCount(int *out) { *out = 1; return 0; }
int cuDeviceGet(int *out, int ordinal) { *out = ordinal; return 0; }
int cuDeviceGetName(char *out, int len, int device) { out[0] = '\0'; (void)len; (void)device; return 0; }
int cuDeviceTotalMem_v2(size_t *out, int device) { *out = (size_t)1 << 33; (void)device; return 0; }
int cuDeviceGetAttribute(int *out, int attribute, int device) { *out = 9; (void)attribute; (void)device; return 0; }
int cuGetErrorString(int code, const char **out) { (void)code; *out = NULL; return 0; }
END
mkdir bin
cc -shared -fPIC -o libcuda.so.1 driver.c && cp "$(readlink -f "$REFOCUS")" bin/refocus || exit 1
built=$(dirname "$(readlink -f "$REFOCUS")")/refocus-cuda.so
export LD_LIBRARY_PATH=$PWD
REFOCUS=$PWD/bin/refocus

t 'no such device'
refocus run "$grid" --device cuda:3
want_code 69
want_err '^refocus: there is no cuda:3, this machine has 1 CUDA device \(refocus doctor lists them\)$'

t 'a build without CUDA'
refocus run "$grid" --device cuda
want_code 69
want_err '^refocus: this build has no CUDA part: there is no refocus-cuda.so beside the program \(make CUDA=1 needs nvcc'
refocus doctor
want_out '^  cuda kernels +none: this build has no CUDA part'

t 'a CUDA part that does not load'
echo broken >bin/refocus-cuda.so
refocus run "$grid" --device cuda
want_code 69
want_err '^refocus: refocus-cuda.so cannot be loaded: .*bin/refocus-cuda.so: file too short$'

t 'a library that is missing'
cc -shared -fPIC -o libgone.so driver.c && cc -shared -fPIC -o bin/refocus-cuda.so driver.c -Wl,--no-as-needed -L. -lgone ||
    wrong 'cannot build'
rm libgone.so
refocus run "$grid" --device cuda
want_code 69
want_err '^refocus: refocus-cuda.so cannot be loaded: libgone.so: cannot open shared object file'

t 'a CUDA part of other sources'
echo 'const char *cuda_backend_headers(void) { return "other"; } int cuda_backend_open(void) { return 0; }' >other.c
cc -shared -fPIC -o bin/refocus-cuda.so other.c || wrong 'cannot build'
refocus run "$grid" --device cuda
want_code 69
want_err '^refocus: .*bin/refocus-cuda.so is not of the same sources as this program: run make again$'

t 'the CUDA part of this build, beside the program and installed'
if [ -f "$built" ]; then
    cp "$built" bin/refocus-cuda.so
    refocus doctor
    want_code 0
    want_out '^  cuda kernels +refocus-cuda.so, for compute capability 7.5 and newer$'
    mkdir -p lib/refocus && mv bin/refocus-cuda.so lib/refocus/
    refocus doctor
    want_out '^  cuda kernels +refocus-cuda.so'
else
    skip 'not built here'
fi

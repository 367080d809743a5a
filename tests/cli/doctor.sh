# refocus doctor, as text and as JSON.
. "$(dirname "$0")/../cli_lib.sh"

t 'machine, libraries, fonts and devices'
refocus doctor
want_code 0
want_no_err
want_out '^  cpu  '
want_out '^  cores +[1-9][0-9]* of [1-9]'
want_out '^  kernels +[a-z]'
want_out '^  HDF5 +[0-9]+\.[0-9]+'
want_out '^  DejaVu +[1-9][0-9]* faces'
want_out '^  memory +[0-9.]+ GiB.*, [0-9.]+ GiB left by (MemAvailable|memory)'
want_out '^  cuda'

t 'why there is no CUDA device, where there is none'
if grep -q '^  cuda:0' out; then
    skip 'there is one'
else
    want_out '^  cuda +none: .'
fi

t 'JSON that parses and says the same'
refocus doctor --json
want_code 0
cp out doctor.json
want_code 0
want_no_err
if command -v python3 >/dev/null; then
    call python3 -c "
import json
d = json.load(open('doctor.json'))
assert d['machine']['cores'] >= 1 and d['machine']['memory_bytes'] > 0
assert 0 < d['machine']['memory_available_bytes'] <= d['machine']['memory_limit_bytes'] <= d['machine']['memory_bytes']
assert d['machine']['memory_limited_by']
assert all(d['libraries'].values()) and d['fonts']['DejaVu'] > 0
assert d['devices'][0]['device'] == 'cpu'
assert len(d['devices']) > 1 or d['no_cuda_device']
"
    want_code 0
else
    want_out '"libraries": \{'
fi

t 'devices, as a driver names them'
if [ "${BUILD:-release}" = release ] && command -v cc >/dev/null; then
    cat >driver.c <<'END'
/* A driver with two devices; with FAKE_CUDA=none it has none, with FAKE_CUDA=broken it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int is(const char *word) { const char *v = getenv("FAKE_CUDA"); return v != NULL && strcmp(v, word) == 0; }
int cuInit(unsigned flags) { (void)flags; return is("none") ? 100 : is("broken") ? 999 : 0; }
int cuDriverGetVersion(int *out) { *out = 13010; return 0; }
int cuDeviceGetCount(int *out) { *out = 2; return 0; }
int cuDeviceGet(int *out, int ordinal) { *out = ordinal; return 0; }
int cuDeviceGetName(char *out, int len, int device) { snprintf(out, (size_t)len, "Made-up GPU %d", device); return 0; }
int cuDeviceTotalMem_v2(size_t *out, int device) { *out = (size_t)(device + 1) << 33; return 0; }
int cuDeviceGetAttribute(int *out, int attribute, int device) {
    *out = attribute == 75 ? 9 : attribute == 76 ? device : 132;
    return 0;
}
int cuGetErrorString(int code, const char **out) { *out = code == 999 ? "made-up error" : NULL; return 0; }
END
    call cc -shared -fPIC -o libcuda.so.1 driver.c
    want_code 0
    LD_LIBRARY_PATH=$PWD refocus doctor
    want_code 0
    want_out '^  cuda:0 +Made-up GPU 0, 8\.0 GiB, compute capability 9\.0, 132 multiprocessors, driver for CUDA 13\.1$'
    want_out '^  cuda:1 +Made-up GPU 1, 16\.0 GiB, compute capability 9\.1'
    FAKE_CUDA=none LD_LIBRARY_PATH=$PWD refocus doctor
    want_out '^  cuda +none: the NVIDIA driver finds no device$'
    FAKE_CUDA=broken LD_LIBRARY_PATH=$PWD refocus doctor
    want_out '^  cuda +none: the NVIDIA driver refuses cuInit: made-up error \(999\)$'
    echo 'int nothing;' >driver.c
    call cc -shared -fPIC -o libcuda.so.1 driver.c
    LD_LIBRARY_PATH=$PWD refocus doctor
    want_out '^  cuda +none: libcuda.so.1 is not a complete NVIDIA driver$'
else
    skip 'a sanitizer takes the library path'
fi

t 'takes no operands'
refocus doctor now
want_code 64
want_err "doctor takes no operands, not 'now'"

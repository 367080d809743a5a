# refocus doctor, as text and as JSON.
. "$(dirname "$0")/../cli_lib.sh"

t 'machine, libraries, fonts and devices'
refocus doctor
want_code 0
want_no_err
want_out '^  cpu  '
want_out '^  cores +[1-9][0-9]* of [1-9]'
want_out '^  HDF5 +[0-9]+\.[0-9]+'
want_out '^  DejaVu +[1-9][0-9]* faces'
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
assert all(d['libraries'].values()) and d['fonts']['DejaVu'] > 0
assert d['devices'][0]['device'] == 'cpu'
assert len(d['devices']) > 1 or d['no_cuda_device']
"
    want_code 0
else
    want_out '"libraries": \{'
fi

t 'takes no operands'
refocus doctor now
want_code 64
want_err "doctor takes no operands, not 'now'"

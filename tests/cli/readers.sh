# The results file in programs of others: xarray with h5netcdf, silx, HDF5's own tools.
. "$(dirname "$0")/../cli_lib.sh"
python=/usr/bin/python3 # Debian's, which has Debian's packages
r=results/tiny.h5
has() { "$python" -c "import $1" 2>/dev/null; }
# look READER: what tests/check_readers.py sees through it.
look() {
    call "$python" "$here/tests/check_readers.py" "$1" $r pulled@0
    want_code 0
    want_out "^$1: [1-9][0-9]* checks$"
}

t 'a results file to read'
refocus run "$grid" --cells '*@0'
want_code 0

t 'xarray: curves, evaluations and attention are data sets with named dimensions and coordinates'
if has xarray,h5netcdf,h5py; then look xarray; else skip 'python3-xarray or python3-h5netcdf is not installed'; fi

t 'silx: opened by default, a curve of the loss; every group that says NXdata is one'
if has silx.io,h5py; then look silx; else skip 'python3-silx is not installed'; fi

t 'h5dump: curves, settings and attributes as text'
if command -v h5dump >/dev/null; then
    call h5dump -d /cells/pulled@0/curves/loss $r
    want_code 0
    want_out 'H5T_IEEE_F32LE'
    want_out '\([0-9]+\): -?[0-9.]+'
    call h5dump -d /cells/pulled@0/settings $r
    want_code 0
    want_out 'kind: kl'
    call h5dump -a /cells/pulled@0/status $r
    want_out '\(0\): "done"$'
else
    skip 'h5dump is not installed'
fi

# refocus table: what it refuses. Tables themselves are compared byte for byte in tests/test_table.c.
. "$(dirname "$0")/../cli_lib.sh"

t 'no file named: 64'
refocus table
want_code 64
want_no_out

t 'a file that is not there: 66, and what makes one'
refocus table nothing.h5
want_code 66
want_no_out
want_err "^refocus: there is no results file 'nothing.h5'; .refocus run GRID.yaml. makes one$"

t 'a folder: 66'
mkdir folder
refocus table folder
want_code 66
want_err 'is a folder'

t 'not HDF5: 65'
echo 'variant,accuracy' >table.csv
refocus table table.csv
want_code 65
want_no_out
want_err "'table.csv' is not an HDF5 file"

t 'an empty file: 65'
: >empty.h5
refocus table empty.h5
want_code 65
want_err 'is empty'

t 'cut short: 65'
printf '\211HDF\r\n\032\n\002\010\010\000rest' >cut.h5
refocus table cut.h5
want_code 65
want_err "'cut.h5' is damaged or cut short"

t 'an unknown format: 64, the nearest name'
refocus table --format markdow nothing.h5
want_code 64
want_err 'did you mean markdown\?'

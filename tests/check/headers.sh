#!/bin/sh
# Each header compiles by itself, as C11 and as C++17: tests/check/headers.sh BUILD_FOLDER HEADER ...
set -u
CC=${CC:-gcc} CXX=${CXX:-g++}
flags="-I. -I$1 -D_GNU_SOURCE $(pkg-config --cflags yaml-0.1 hdf5 freetype2 fontconfig matio libpng cairo jansson nettle |
    sed 's/-I/-isystem /g')"
shift
status=0
for header in "$@"; do
    source="#include \"$header\"\ntypedef int not_empty;\n"
    printf "$source" | $CC $flags -std=c11 -Wall -Wextra -Wpedantic -Werror -Wno-unused-function -fsyntax-only -x c - &&
        printf "$source" | $CXX $flags -std=c++17 -Wall -Wextra -Werror -Wno-unused-function \
            -Wno-missing-field-initializers -fsyntax-only -x c++ - ||
        { echo "$header: does not compile alone"; status=1; }
done
exit $status

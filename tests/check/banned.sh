#!/bin/sh
# Functions that have no place here: unbounded or without error report, dependent on the locale or on hidden state, or
# memory that mem.c does not count.
set -u
status=0
say() {
    echo "$1: $2" >&2
    status=1
}
unsafe='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|rand|srand|random|drand48|alloca|tmpnam|mktemp|setlocale|localtime|gmtime|asctime|ctime|strerror_l|usleep|vfork|system|popen'
for file in "$@"; do
    found=$(grep -nE "(^|[^a-zA-Z0-9_>.])($unsafe) *\(" "$file" | grep -vE '^[0-9]+: *(\*|/\*|//)')
    [ -z "$found" ] || say "$file" "banned: $found"
    case $file in
    kernels/mem.c | kernels/libmem.c) continue ;;
    esac
    found=$(grep -nE '(^|[^a-zA-Z0-9_>.])(malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|strndup|asprintf) *\(' "$file" |
        grep -vE '^[0-9]+: *(\*|/\*|//)')
    [ -z "$found" ] || say "$file" "memory comes from kernels/mem.h: $found"
done
exit $status

/* The generated table of sources. Weak, so that a test program can link a fixed one in its stead. */
#include "harness/grid/source_table.h"

#include <stddef.h>

const SourceFile source_table[] __attribute__((weak)) = {
#define X(path, sha256, includes) {path, sha256, includes},
#include "gen/source_files.inc"
#undef X
    {NULL, NULL, NULL},
};

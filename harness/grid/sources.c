/* The generated table of sources. Weak, so that a test program can link a fixed one in its stead. */
#include "harness/grid/sources.h"

#include <stddef.h>

const CodeSource code_sources[] __attribute__((weak)) = {
#define X(path, sha256, includes) {path, sha256, includes},
#include "gen/sources.inc"
#undef X
    {NULL, NULL, NULL},
};

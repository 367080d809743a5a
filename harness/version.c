/* The strings of gen/version.inc. */
#include "harness/version.h"

#include "gen/version.inc"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *version_text(void) { return VERSION " (" COMMIT ", " BUILD ")"; }
const char *version_number(void) { return VERSION; }
const char *version_commit(void) { return COMMIT; }
const char *version_build(void) { return BUILD; }
const char *version_compiler(void) { return COMPILER; }
const char *version_flags(void) { return FLAGS; }

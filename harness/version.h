/* What was built: version, commit, compiler and flags, as stamped by the Makefile into gen/version.inc. */
#ifndef HARNESS_VERSION_H
#define HARNESS_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0 (1a2b3c4, release)": for --version. */
const char *version_text(void);

const char *version_number(void);   /* "0.1.0" */
const char *version_commit(void);   /* short hash, with "-dirty" after local changes; "unknown" outside git */
const char *version_build(void);    /* "release", "asan", ... */
const char *version_compiler(void); /* name and version */
const char *version_flags(void);    /* what decides the generated code */

#ifdef __cplusplus
}
#endif
#endif

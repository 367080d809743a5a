/* Where a file that a user names may be put. Depends on kernels only. */
#ifndef HARNESS_DATA_OUTPUT_H
#define HARNESS_DATA_OUTPUT_H

#include <stddef.h>

#include "kernels/err.h"

/* *out = the file that writing to path makes or replaces: links are followed, so that none is replaced. ERR_CREATE if
 * what stands there is no file: a folder, a pipe, a device, which renaming a file over it would destroy. The caller
 * frees. */
Err output_path(char **out, const char *path) MUST_CHECK;

/* A kind of file, known by its first bytes. */
typedef struct OutputKind {
    const char *name, *magic;
    size_t n_magic;
} OutputKind;

extern const OutputKind output_png, output_hdf5;

/* The same for a file of this kind, which never replaces one of another kind: a path that was meant to be read. A file
 * without a byte in it is of any kind. ERR_CREATE says what to do. */
Err output_file(char **out, const char *path, const OutputKind *kind) MUST_CHECK;

#endif

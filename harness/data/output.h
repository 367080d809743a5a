/* Where a file that a user names may be put. Depends on kernels only. */
#ifndef HARNESS_DATA_OUTPUT_H
#define HARNESS_DATA_OUTPUT_H

#include "kernels/err.h"

/* *out = the file that writing to path makes or replaces: links are followed, so that none is replaced. ERR_CREATE if
 * what stands there is no file: a folder, a pipe, a device, which renaming a file over it would destroy. The caller
 * frees. */
Err output_path(char **out, const char *path) MUST_CHECK;

#endif

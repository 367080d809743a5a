/* The few HDF5 calls that a dataset file needs, with our errors and memory: whole columns in and out, plain layout,
 * no times, so that equal contents give equal files. column_quiet switches off that HDF5 prints. Depends on kernels;
 * HDF5. */
#ifndef HARNESS_DATA_COLUMNS_H
#define HARNESS_DATA_COLUMNS_H

#include <stdint.h>

#include <hdf5.h>

#include "kernels/err.h"

/* Stops HDF5 from printing to stderr in this thread. */
void column_quiet(void);

/* *out = a new array (mem_free) with the dataset's elements as `type`; dim[0..rank-1] = its shape. Of dim, those that
 * are >= 0 before the call are required. max: most elements that can be real. ERR_DATA naming the path. */
Err column_read(void *out, hid_t file, const char *path, hid_t type, int rank, int64_t *dim, int64_t max) MUST_CHECK;

/* *out = n strings in one block (mem_free). */
Err column_read_texts(char ***out, hid_t file, const char *path, int64_t n) MUST_CHECK;

/* Attributes of the root. */
Err column_get_text(char **out, hid_t file, const char *name) MUST_CHECK;
Err column_get_int(int64_t *out, hid_t file, const char *name) MUST_CHECK;

/* Writing. unit and long_name go with the dataset, for viewers. data may be NULL: space only. */
Err column_write(hid_t file, const char *path, hid_t type, int rank, const int64_t *dim, const void *data,
                 const char *unit, const char *long_name) MUST_CHECK;
Err column_write_texts(hid_t file, const char *path, int64_t n, const char *const *texts,
                       const char *long_name) MUST_CHECK;
Err column_set_text(hid_t object, const char *name, const char *text) MUST_CHECK;
Err column_set_int(hid_t object, const char *name, int64_t value) MUST_CHECK;

#endif

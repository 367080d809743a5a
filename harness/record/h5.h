/* Small helpers over HDF5: errors as Err, typed arrays, attributes, dimension scales and NeXus plots. They know nothing
 * of cells. Conventions of every file written here: no time stamps, creation order kept, strings variable-length UTF-8,
 * numbers little-endian, only shuffle + deflate, a dimension scale on every axis. */
#ifndef HARNESS_RECORD_H5_H
#define HARNESS_RECORD_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

/* TRY for a call of HDF5 (negative = failure). The message holds the call and HDF5's own innermost reason. */
#define H5_TRY(call)                                                                                                   \
    do {                                                                                                               \
        if ((call) < 0) {                                                                                              \
            err = h5_fail(ERR_IO, #call);                                                                              \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* err_set with the innermost message of HDF5's error stack. */
Err h5_fail(Err code, const char *what) MUST_CHECK;

/* HDF5's innermost message into buf: "truncated file: eof = 8192, ...". Returns buf. */
char *h5_reason(char *buf, size_t len);

/* Silences HDF5's printing and its work at exit. Every entry point calls it; cheap. */
void h5_begin(void);

/* Releases an id of any kind; accepts negative ones. Files that were written are closed with h5_finish instead. */
void h5_close(hid_t id);

/* Closes a written file and reports what could not be written. *file becomes invalid in any case. */
Err h5_finish(hid_t *file) MUST_CHECK;

typedef enum H5Kind { H5_F32, H5_F64, H5_I64, H5_U8, H5_TEXT } H5Kind;

enum { H5_MAX_RANK = 6 };

typedef struct H5Array {
    const char *name;
    H5Kind kind;
    int rank; /* 0 = a scalar */
    hsize_t dim[H5_MAX_RANK];
    const void *data;      /* TEXT: array of const char * */
    const char *unit;      /* NULL = no attribute */
    const char *long_name; /* NULL = no attribute */
    bool raw;              /* never compressed: noise, or of fixed size on purpose */
} H5Array;

/* Opens a file with H5F_ACC_RDONLY or H5F_ACC_RDWR; negative where it cannot be, and h5_reason says why. */
hid_t h5_open(const char *path, unsigned flags);

/* Creates `path`, which must not exist. */
Err h5_create(hid_t *out, const char *path) MUST_CHECK;

/* Group with @NX_class (NULL = none). The caller closes it. */
Err h5_group(hid_t *out, hid_t parent, const char *name, const char *nx_class) MUST_CHECK;

Err h5_write(hid_t group, const H5Array *array) MUST_CHECK;
Err h5_write_text(hid_t group, const char *name, const char *text) MUST_CHECK; /* scalar */
Err h5_write_int(hid_t group, const char *name, int64_t value, const char *unit, const char *long_name) MUST_CHECK;
Err h5_write_real(hid_t group, const char *name, double value, const char *unit, const char *long_name) MUST_CHECK;

/* Attributes of an object; an existing one is replaced. text NULL writes nothing; n = 0 writes nothing. */
Err h5_attr_text(hid_t object, const char *name, const char *text) MUST_CHECK;
Err h5_attr_texts(hid_t object, const char *name, size_t n, const char *const *text) MUST_CHECK;
Err h5_attr_int(hid_t object, const char *name, int64_t value) MUST_CHECK;
Err h5_attr_real(hid_t object, const char *name, double value) MUST_CHECK;
Err h5_attr_ints(hid_t object, const char *name, size_t n, const int64_t *value) MUST_CHECK;

/* Writes a dataset of one axis that gives the places along it. */
Err h5_scale(hid_t group, const H5Array *array) MUST_CHECK;

/* Ties a dataset's axes to scales of its group, scales[i] for axis i. */
Err h5_axes(hid_t group, const char *dataset, int rank, const char *const *scales) MUST_CHECK;

/* An axis without values, as netCDF-4 writes it: a scale that only names a length. Nothing if it exists already. */
Err h5_bare_axis(hid_t group, const char *name, hsize_t n) MUST_CHECK;

/* Labels a dataset's axes: "T,N,L" for three of them, one letter or word each. */
Err h5_label_axes(hid_t dataset, const char *labels) MUST_CHECK;

/* Attributes of an NXdata group's default plot. */
Err h5_plot(hid_t group, const char *signal, int rank, const char *const *axes) MUST_CHECK;

/* ---- reading; every function answers ERR_DATA for an object that has another shape or type than asked ---- */
bool h5_has(hid_t group, const char *name);
bool h5_has_attr(hid_t object, const char *name);

/* Refuses elements (of size bytes in memory) that an object of the file says it has, if the bytes that it has stored
 * cannot hold as many, or if they need more memory than isolate.h gives to a file of that size. */
Err h5_check_extent(hid_t object, const char *name, double elements, size_t size, hsize_t stored) MUST_CHECK;

/* Rank and dimensions of a dataset, whose extent has passed that check. */
Err h5_dims(hid_t group, const char *name, int *rank, hsize_t dim[H5_MAX_RANK]) MUST_CHECK;

/* Reads all of a dataset of count elements into data, converted to kind (not TEXT). */
Err h5_read(hid_t group, const char *name, H5Kind kind, size_t count, void *data) MUST_CHECK;

/* Calls take(context, i, text) for each string of a dataset or attribute of count strings. */
typedef Err (*H5TakeText)(void *context, size_t i, const char *text);
Err h5_read_texts(hid_t group, const char *name, size_t count, H5TakeText take, void *context) MUST_CHECK;
Err h5_get_texts(hid_t object, const char *name, size_t *count, H5TakeText take, void *context) MUST_CHECK;

Err h5_get_int(hid_t object, const char *name, int64_t *value) MUST_CHECK;
Err h5_get_real(hid_t object, const char *name, double *value) MUST_CHECK;

/* Memory type of a kind. TEXT needs h5_text_type. */
hid_t h5_memory_type(H5Kind kind);

/* Variable-length UTF-8; the caller closes it. */
Err h5_text_type(hid_t *out) MUST_CHECK;

#endif

/* Arrays and text of an HDF5 file into storage that a record owns. For results.c and results_read.c. */
#ifndef HARNESS_RECORD_RESULTS_LOAD_H
#define HARNESS_RECORD_RESULTS_LOAD_H

#include "harness/record/h5.h"
#include "harness/record/record.h"

/* *out = a dataset of exactly `count` elements (not TEXT). */
Err load_numbers(CellRecord *into, hid_t group, const char *name, H5Kind kind, size_t count, void *out) MUST_CHECK;

/* *out = a dataset of `count` strings. */
Err load_texts(CellRecord *into, hid_t group, const char *name, size_t count, const char ***out) MUST_CHECK;

/* *out = a scalar string dataset. */
Err load_text(CellRecord *into, hid_t group, const char *name, const char **out) MUST_CHECK;

/* *out = a text attribute, or `otherwise` where the object has none. */
Err load_attr(CellRecord *into, hid_t object, const char *name, const char *otherwise, const char **out) MUST_CHECK;

/* *out = an attribute of strings; none = 0. */
Err load_attrs(CellRecord *into, hid_t object, const char *name, size_t *count, const char *const **out) MUST_CHECK;

/* *out = the name of an object, as it may be shown. */
Err load_name(CellRecord *into, const char **out, const char *name) MUST_CHECK;

/* *count = length of a one-dimensional dataset. */
Err load_count(hid_t group, const char *name, size_t *count) MUST_CHECK;

/* All text attributes of a group as pairs but for NX_class and code_digest, in order of creation. */
Err load_pairs(CellRecord *into, hid_t group) MUST_CHECK;

/* Fills the labels and facts of a cell's group. */
Err load_facts(CellRecord *into, hid_t cell, const char *id) MUST_CHECK;

#endif

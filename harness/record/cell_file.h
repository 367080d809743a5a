/* One cell as a group of an HDF5 file, written. results.c reads it back. */
#ifndef HARNESS_RECORD_CELL_FILE_H
#define HARNESS_RECORD_CELL_FILE_H

#include <hdf5.h>

#include "harness/record/cell_digest.h"
#include "harness/record/record.h"

/* *out = the name of a cell's group: name with '_' for '/', and with "~2", "~3" ... behind it while cells has a group
 * of that name. The caller owns it. ERR_ARG for an empty name. */
Err cell_id(char **out, hid_t cells, const char *name) MUST_CHECK;

/* Root attributes, /cells and nothing in it. *cells is closed by the caller. */
Err file_head_write(hid_t file, hid_t *cells) MUST_CHECK;

/* Writes the group `id` below cells, with its digest, which is also copied out. */
Err cell_write(hid_t cells, const char *id, const CellRecord *record, char digest[DIGEST_HEX]) MUST_CHECK;

/* The two ends of cell_write: the group with labels and facts (*cell is closed by the caller); and, when its parts are
 * there, which of them is plotted first, and the digest. */
Err cell_head_write(hid_t cells, const char *id, const CellRecord *record, hid_t *cell) MUST_CHECK;
Err cell_finish(hid_t cell, char digest[DIGEST_HEX]) MUST_CHECK;

/* One set of evaluation/. */
Err evaluation_write(hid_t sets, const RecordEvaluation *evaluation) MUST_CHECK;

/* @name, @variant, @axes of a cell's group. */
Err labels_write(hid_t cell, const char *name, const char *variant, size_t n_axes, const char *const *axes) MUST_CHECK;

/* A group `provenance` of attributes. */
Err provenance_write(hid_t parent, size_t n, const RecordPair *pair, const char *code_digest) MUST_CHECK;

#endif

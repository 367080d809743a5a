/* SHA-256 of what a cell holds. Depends on data/digest. */
#ifndef HARNESS_RECORD_CELL_DIGEST_H
#define HARNESS_RECORD_CELL_DIGEST_H

#include <hdf5.h>

#include "harness/data/digest.h"
#include "kernels/err.h"

/* Digest over (path, type, shape, bytes, attributes) of everything in a cell's group, in the order of names, but for
 * volatile/ and provenance/, the cell's labels (@name, @variant, @axes), @digest itself, and the references by which
 * HDF5 ties dimension scales, which hold addresses. Two cells with equal digests hold the same results, bit for bit.
 * Storage (chunks, compression) has no part in it. */
Err digest_cell(char out[DIGEST_HEX], hid_t cell) MUST_CHECK;

#endif

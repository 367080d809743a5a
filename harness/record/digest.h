/* SHA-256 of what a cell holds. */
#ifndef HARNESS_RECORD_DIGEST_H
#define HARNESS_RECORD_DIGEST_H

#include <hdf5.h>

#include "kernels/err.h"

enum { DIGEST_TEXT = 65 }; /* 64 hexadecimal digits and a NUL */

/* Digest over (path, type, shape, bytes, attributes) of everything in a cell's group, in the order of names, but for
 * volatile/ and provenance/, the cell's labels (@name, @variant, @axes), @digest itself, and the references by which
 * HDF5 ties dimension scales, which hold addresses. Two cells with equal digests hold the same results, bit for bit.
 * Storage (chunks, compression) has no part in it. */
Err digest_cell(char out[DIGEST_TEXT], hid_t cell) MUST_CHECK;

#endif

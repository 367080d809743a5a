/* Files that targets hand to readers: in a folder of this process, in memory where there is /dev/shm, removed at its
 * end. */
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed. */
const char *scratch_folder(void);

/* The path of a file of that name in it, which now holds these bytes; borrowed, until the eighth call from now. */
const char *scratch_file(const char *name, const void *bytes, size_t n);
const char *scratch_path(const char *name);

/* Writes a file of a folder: for seeds. */
void scratch_put(const char *folder, const char *name, const void *bytes, size_t n);
/* All bytes of a file; the caller frees (free). */
uint8_t *scratch_get(const char *path, size_t *n);

/* How many of a file's bytes come before the line with its digest: all of them if it has none. */
size_t scratch_unstamped(const uint8_t *bytes, size_t n);

/* The input as a text: a copy with a zero behind it; the caller frees (free). */
char *scratch_text(const uint8_t *data, size_t n);

/* Sums that a reader checks before it looks at anything, made right: a forger can compute them as well. */
uint64_t scratch_fnv(const uint8_t *bytes, size_t n);
void scratch_mend_png(uint8_t *bytes, size_t n);  /* the CRC of every chunk */
void scratch_mend_hdf5(uint8_t *bytes, size_t n); /* the checksums of object headers and indices of the newer format */

#endif

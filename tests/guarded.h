/* A block of memory between two canaries. Under AddressSanitizer the canaries cannot even be read. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stddef.h>

#include "kernels/backend.h"

typedef struct Guarded {
    char *block; /* owned; NULL = not allocated */
    void *data;
    size_t bytes, block_bytes;
    char *device; /* owned; its double on a device, canaries and all, between guarded_push and guarded_pull */
} Guarded;

/* bytes of storage, `offset` (a multiple of 4) bytes off a 64-byte boundary, every byte 0xff: NaN as float and double,
 * -1 as an integer. The caller frees with guarded_clear. */
Err guarded_init(Guarded *g, size_t bytes, size_t offset) MUST_CHECK;
void guarded_clear(Guarded *g);

/* A copy of the whole block on a device, where a kernel works on it, and back again. Not allocated: nothing is done. */
Err guarded_push(Guarded *g, const Backend *backend) MUST_CHECK;
Err guarded_pull(Guarded *g, const Backend *backend) MUST_CHECK;

/* Where the double of data is. */
void *guarded_on_device(const Guarded *g);

/* Are both canaries as they were? True for one that is not allocated. */
bool guarded_intact(const Guarded *g);

#endif

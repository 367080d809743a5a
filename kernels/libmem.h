/* What libraries allocate for themselves. malloc and its kin, and mmap where a library calls it by name, are defined in
 * this program and pass on to the C library; between a mark and a stop they count. mem.c's blocks go past the counters:
 * it counts its own; a mapping of ours (an arena) made after the mark would count. Threads may allocate at any time.
 * Absent under AddressSanitizer and ThreadSanitizer, which define malloc themselves; then nothing is counted. */
#ifndef KERNELS_LIBMEM_H
#define KERNELS_LIBMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Since the mark. Sizes are what the allocator handed out, which is what was asked for, rounded up. */
typedef struct LibMem {
    int64_t live_bytes;    /* allocated less freed: negative when blocks from before the mark were freed */
    int64_t peak_bytes;    /* the most that live_bytes has been, at least 0 */
    uint64_t total_bytes;  /* all that was allocated */
    uint64_t n_calls;      /* that allocated or mapped something */
    uint64_t mapped_bytes; /* of total_bytes, through mmap: a JIT's code, large files */
} LibMem;

/* False where nothing can be counted. */
bool libmem_available(void);

/* Sets the counters to zero and counts from now on, in the whole process. A mark within a mark starts anew. */
void libmem_mark(void);

/* The counters; libmem_stop also ends the counting, which then costs one load per allocation. */
LibMem libmem_read(void);
LibMem libmem_stop(void);

/* For mem.c: aligned storage that is not counted, NULL when memory is short. align divides bytes. */
void *libmem_own_alloc(size_t align, size_t bytes);
void libmem_own_free(void *block);

#ifdef __cplusplus
}
#endif
#endif

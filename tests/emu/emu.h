/* How tests steer the emulated device (tests/emu/cuda_runtime.h) and what they can ask it. One thread only. */
#ifndef TESTS_EMU_EMU_H
#define TESTS_EMU_EMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The order of a block's threads, and that of blocks: 0 = as they are numbered, else drawn from this seed, anew for
 * each launch; with an odd seed warps run as far ahead of each other as barriers allow. What a kernel computes must not
 * depend on it. */
void emu_order(uint64_t seed);

/* n devices of memory_bytes each; 1 of 1 GiB at first. With 0 every call finds no device. */
void emu_devices(int n, size_t memory_bytes);

/* What a context takes of each device's memory; 0 at first. */
void emu_context(size_t bytes);

/* Capability of all devices: 75 for 7.5, at first. */
void emu_capability(int major_minor);

/* The k-th cudaMalloc from now on finds no memory, whatever is free; 0 = none. */
void emu_fail_malloc_at(uint64_t k);

/* The k-th call of the runtime or of cuBLAS from now on fails with this code (of its own kind), once; 0 = none does. */
void emu_fail_at(uint64_t k, int code);

/* A launch of a kernel, or a product of cuBLAS. */
typedef struct EmuLaunch {
    const char *kernel; /* its symbol, static storage; NULL for a product */
    unsigned grid[3], block[3];
    size_t dynamic_bytes; /* of shared memory */
    int64_t m, n, k, count;
} EmuLaunch;

/* seen is called for each that is submitted, also where a capture does no more than note it down; NULL: nobody is. */
void emu_watch(void (*seen)(void *ctx, const EmuLaunch *launch), void *ctx);

typedef struct EmuStats {
    uint64_t n_launches, n_gemms, n_replays; /* since the start */
    uint64_t n_live;                         /* allocations, streams, graphs and handles that were not freed */
    size_t live_bytes, peak_bytes;           /* device memory */
    size_t shared_bytes;                     /* shared memory of one block of the last launch */
    uint64_t n_hidden;                       /* products without a workspace of the caller's: cuBLAS would allocate */
} EmuStats;
EmuStats emu_stats(void);

#ifdef __cplusplus
}
#endif
#endif

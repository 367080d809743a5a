#include "tests/guarded.h"

#include <string.h>

#include "kernels/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

/* As float or double the canary is near the largest number there is: a kernel that reads it cannot be right. */
enum { CANARY_BYTES = 128, CANARY = 0x7F };

static size_t front_bytes(const Guarded *g) { return (size_t)((char *)g->data - g->block); }
static size_t back_bytes(const Guarded *g) { return g->block_bytes - front_bytes(g) - g->bytes; }

static void lock(const Guarded *g) {
    ASAN_POISON_MEMORY_REGION(g->block, front_bytes(g));
    ASAN_POISON_MEMORY_REGION((char *)g->data + g->bytes, back_bytes(g));
}

static void unlock(const Guarded *g) { ASAN_UNPOISON_MEMORY_REGION(g->block, g->block_bytes); }

Err guarded_init(Guarded *g, size_t bytes, size_t offset) {
    *g = (Guarded){.bytes = bytes, .block_bytes = bytes + offset + (size_t)2 * CANARY_BYTES};
    Err err = mem_alloc(&g->block, g->block_bytes, 1);
    if (err != ERR_OK) return err;
    g->data = g->block + CANARY_BYTES + offset;
    memset(g->block, CANARY, g->block_bytes);
    memset(g->data, 0xff, bytes);
    lock(g);
    return ERR_OK;
}

void guarded_clear(Guarded *g) {
    if (g->block != NULL) unlock(g);
    mem_free(g->block);
    *g = (Guarded){0};
}

static bool all_canary(const char *at, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)at[i] != CANARY) return false;
    return true;
}

bool guarded_intact(const Guarded *g) {
    if (g->block == NULL) return true;
    unlock(g);
    bool intact = all_canary(g->block, front_bytes(g)) && all_canary((char *)g->data + g->bytes, back_bytes(g));
    lock(g);
    return intact;
}

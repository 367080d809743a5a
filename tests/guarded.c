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
enum { CANARY_BYTES = 128, CANARY = 0x7F, ALIGN = 64 };

static size_t front_bytes(const Guarded *g) { return (size_t)((char *)g->data - g->block); }
static size_t back_bytes(const Guarded *g) { return g->block_bytes - front_bytes(g) - g->bytes; }

/* The canaries of the block, or of its double: a sanitizer means that the device is emulated in memory. */
static void lock(const Guarded *g, char *block) {
    ASAN_POISON_MEMORY_REGION(block, front_bytes(g));
    ASAN_POISON_MEMORY_REGION(block + front_bytes(g) + g->bytes, back_bytes(g));
}

static void unlock(const Guarded *g, char *block) { ASAN_UNPOISON_MEMORY_REGION(block, g->block_bytes); }

Err guarded_init(Guarded *g, size_t bytes, size_t offset) {
    *g = (Guarded){.bytes = bytes, .block_bytes = bytes + offset + (size_t)2 * CANARY_BYTES};
    g->block_bytes = (g->block_bytes + ALIGN - 1) / ALIGN * ALIGN;
    Err err = mem_alloc(&g->block, g->block_bytes, 1);
    if (err != ERR_OK) return err;
    g->data = g->block + CANARY_BYTES + offset;
    memset(g->block, CANARY, g->block_bytes);
    memset(g->data, 0xff, bytes);
    lock(g, g->block);
    return ERR_OK;
}

void guarded_clear(Guarded *g) {
    if (g->block != NULL) unlock(g, g->block);
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
    unlock(g, g->block);
    bool intact = all_canary(g->block, front_bytes(g)) && all_canary((char *)g->data + g->bytes, back_bytes(g));
    lock(g, g->block);
    return intact;
}

Err guarded_push(Guarded *g, const Backend *backend) {
    Err err = ERR_OK;
    void *device = NULL;
    if (g->block == NULL) return ERR_OK;
    TRY(backend->alloc(backend, &device, g->block_bytes));
    g->device = device;
    unlock(g, g->block);
    err = backend->upload(backend, device, g->block, (int64_t)(g->block_bytes / sizeof(int32_t)), DT_INT);
    lock(g, g->block);
    lock(g, g->device);
done:
    return err;
}

Err guarded_pull(Guarded *g, const Backend *backend) {
    if (g->device == NULL) return ERR_OK;
    unlock(g, g->device);
    unlock(g, g->block);
    Err err = backend->download(backend, g->block, g->device, (int64_t)(g->block_bytes / sizeof(int32_t)), DT_INT);
    lock(g, g->block);
    backend->free(backend, g->device, g->block_bytes);
    g->device = NULL;
    return err;
}

void *guarded_on_device(const Guarded *g) { return g->device + front_bytes(g); }

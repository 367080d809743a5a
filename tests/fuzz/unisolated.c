/* In the place of harness/data/isolate.c: nothing gets a process of its own, so that libFuzzer sees what it does. */
#include <string.h>
#include <sys/mman.h>

#include "harness/data/isolate.h"
#include "kernels/mem.h"

Err isolate_run(Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) {
    (void)bytes;
    (void)library;
    return fn(arg);
}

Err isolate_rest(bool *has_ended, int *code, int64_t bytes) {
    (void)bytes;
    *has_ended = false;
    *code = -1;
    return ERR_OK;
}

int64_t isolate_file_bytes(const char *path) {
    (void)path;
    return 0;
}

struct Isolate {
    Err (*fn)(void *arg);
    void *arg;
};

Err isolate_open(Isolate **out, Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) {
    (void)bytes;
    (void)library;
    Err err = mem_alloc(out, 1, sizeof **out);
    if (err == ERR_OK) **out = (Isolate){fn, arg};
    return err;
}

Err isolate_ask(Isolate *isolate) { return isolate->fn(isolate->arg); }

void isolate_close(Isolate *isolate) { mem_free(isolate); }

Err isolate_share(void *out, size_t bytes) {
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED) return err_set(ERR_NOMEM, "cannot share memory");
    memcpy(out, &shared, sizeof shared);
    return ERR_OK;
}

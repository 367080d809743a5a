/* A lock file, as it is and with the digest of its last line made right. */
#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/report/lock.h"
#include "kernels/mem.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"
#include "tests/lock_fixture.h"

static void parse(const char *text, size_t n) {
    Lock lock = {0};
    Err err = lock_parse(&lock, "small.lock", text, n);
    (void)err;
    lock_clear(&lock);
}

static void run(const uint8_t *data, size_t n) {
    Digest digest;
    char hex[DIGEST_HEX], *text = scratch_text(data, n), *sealed = NULL;
    size_t end = n > 0 ? n - 1 : 0;
    parse(text, n);
    while (end > 0 && text[end - 1] != '\n') end--;
    digest_start(&digest);
    digest_bytes(&digest, text, end);
    text[end] = '\0';
    if (mem_printf(&sealed, "%send %s\n", text, digest_hex(&digest, hex)) == ERR_OK) parse(sealed, strlen(sealed));
    mem_free(sealed);
    free(text);
}

static void seed(const char *folder) {
    Small small;
    char *text = NULL;
    small_make(&small);
    if (lock_text(&text, &small.lock) != ERR_OK) exit(2);
    scratch_put(folder, "seed.lock", text, strlen(text));
    mem_free(text);
}

const FuzzTarget fuzz_lock = {.name = "lock", .run = run, .seed = seed};

/* A charset's file, and a text encoded and decoded by what it holds. */
#include <stdlib.h>

#include "harness/data/charset.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    enum { MOST = 64 };
    Charset *set = NULL;
    int32_t label[MOST], n_labels = 0;
    uint32_t foreign = 0;
    char buf[4 * MOST + 1], *text = scratch_text(data, n);
    Err err = charset_open(&set, scratch_file("charset.txt", data, n));
    if (err == ERR_OK) {
        (void)charset_encode(set, text, label, MOST, &n_labels, &foreign);
        (void)charset_decode(set, label, n_labels, buf, sizeof buf);
    }
    charset_free(set);
    free(text);
}

const FuzzTarget fuzz_charset = {.name = "charset", .run = run};

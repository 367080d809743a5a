/* A target as a program of libFuzzer, compiled once for each: TARGET is its descriptor. FUZZ_SEED=FOLDER writes the
 * target's own seeds before anything is read. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mem.h"
#include "tests/fuzz/target.h"

extern const FuzzTarget TARGET;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *folder = getenv("FUZZ_SEED");
    (void)argc;
    (void)argv;
    if (folder != NULL && TARGET.seed != NULL) TARGET.seed(folder);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static int started;
    const uint64_t before = mem_stats().live_blocks;
    TARGET.run(data, n);
    if (started && mem_stats().live_blocks != before) {
        fprintf(stderr, "ERROR: refocus keeps memory of this input\n");
        abort();
    }
    started = 1; /* what a target keeps, it has from its first input on */
    return 0;
}

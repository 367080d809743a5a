/* The fuzzing targets without a fuzzer: each reads the inputs of tests/fuzz/corpus and tests/fuzz/found, what its own
 * seed() makes, and damaged copies of these. What was found once is here for ever; compiled by any compiler, and under
 * the sanitizers by `make asan`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/data/isolate.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"
#include "tests/sample_record.h"

enum { CUTS = 8, FLIPS = 24, FLIPPED_MOST = 1 << 16 };

static size_t n_inputs, n_deaths; /* of the target; deaths in a library */

typedef struct Input {
    const FuzzTarget *target;
    const uint8_t *bytes;
    size_t n;
} Input;

/* What a target keeps, it has from its first input on. */
static Err run(void *arg) {
    const Input *input = arg;
    const uint64_t before = mem_stats().live_blocks;
    input->target->run(input->bytes, input->n);
    const uint64_t after = mem_stats().live_blocks;
    if (n_inputs == 0 || after == before) return ERR_OK;
    return err_set(ERR_NOMEM, "%d blocks of memory are kept", (int)(int64_t)(after - before));
}

static void give(const FuzzTarget *target, const uint8_t *bytes, size_t n, const char *path) {
    Input input = {target, bytes, n};
    Err err = target->library == NULL ? run(&input) : isolate_run(run, &input, (int64_t)n, target->library);
    n_inputs++;
    if (err == ERR_DATA)
        n_deaths++;
    else if (err != ERR_OK)
        fail_msg("%s: %s", path, err_message());
}

static void give_damaged(const FuzzTarget *target, const uint8_t *bytes, size_t n, const char *path) {
    uint8_t *copy = malloc(n + 1);
    assert_non_null(copy);
    for (size_t i = 0; i < CUTS; i++) give(target, bytes, n * i / CUTS, path);
    Rng rng = rng_at(rng_stream(1, path), 0, 0);
    for (int i = 0; i < FLIPS && n > 0 && n <= FLIPPED_MOST; i++) {
        memcpy(copy, bytes, n);
        for (uint32_t k = 0; k <= rng_below(&rng, 4); k++)
            copy[rng_below(&rng, (uint32_t)n)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        give(target, copy, n, path);
    }
    free(copy);
}

/* A folder that is not there has no inputs. */
static void give_folder(const FuzzTarget *target, const char *folder, bool damaged) {
    struct dirent **entry = NULL;
    const int n = scandir(folder, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        size_t len = 0;
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        free(entry[i]);
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        uint8_t *bytes = scratch_get(path, &len);
        give(target, bytes, len, path);
        if (damaged) give_damaged(target, bytes, len, path);
        free(bytes);
    }
    free(entry);
}

static void test_target(void **state) {
    const FuzzTarget *target = *state;
    char folder[PATH_MAX];
    n_inputs = n_deaths = 0;
    (void)snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", target->name);
    give_folder(target, folder, true);
    if (target->seed != NULL) {
        folder_make(folder, sizeof folder);
        target->seed(folder);
        give_folder(target, folder, true);
        folder_remove(folder);
    }
    assert_true(n_inputs > 0);
    (void)snprintf(folder, sizeof folder, "tests/fuzz/found/%s", target->name);
    give_folder(target, folder, false);
    (void)print_message("%s: %zu inputs, %zu deaths in a library\n", target->name, n_inputs, n_deaths);
}

#define X(name) extern const FuzzTarget fuzz_##name;
#include "gen/fuzz_targets.inc"
#undef X

int main(void) {
    const struct CMUnitTest tests[] = {
#define X(name) {#name, test_target, NULL, NULL, (void *)(uintptr_t)&fuzz_##name},
#include "gen/fuzz_targets.inc"
#undef X
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The fuzzing targets without a fuzzer: each reads the inputs of tests/fuzz/corpus and tests/fuzz/found, what its own
 * seed() makes, and damaged copies of these. What was found once is here for ever; compiled by any compiler, and under
 * the sanitizers by `make asan`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <limits.h>
#include <signal.h>
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

enum { OURS = 99, CUTS = 8, FLIPS = 24, FLIPPED_MOST = 1 << 16 };

static size_t n_inputs, n_deaths; /* of the target; deaths in a library */

typedef struct Input {
    const FuzzTarget *target;
    const uint8_t *bytes;
    size_t n;
} Input;

/* Whose code is it? */
static const char *object_of(void *at) {
    Dl_info info;
    return dladdr(at, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "";
}

/* Under a sanitizer a report is a death as well. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "abort_on_error=1:allocator_may_return_null=1"; }

static bool is_in_between(void *at) {
    static const char *const between[] = {"/libc.so", "/libasan.so", "/libubsan.so"};
    for (size_t i = 0; i < sizeof between / sizeof *between; i++)
        if (strstr(object_of(at), between[i]) != NULL) return true;
    return false;
}

/* A death is a library's if the first frame is in one, from the signal's on and beyond libc and sanitizers; else the
 * copy ends with an exit code of its own. */
static void die(int number) {
    void *frame[64];
    const char *own = object_of((void *)(uintptr_t)&die);
    const int n = backtrace(frame, 64);
    int i = 0;
    while (i < n && strstr(object_of(frame[i]), "/libc.so") == NULL) i++;
    while (i < n && is_in_between(frame[i])) i++;
    if (i >= n || strcmp(object_of(frame[i]), own) == 0) _exit(OURS);
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_deaths(void) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct sigaction action = {.sa_handler = die, .sa_flags = SA_NODEFER};
    void *frame[1];
    (void)backtrace(frame, 1); /* loads what it needs before anything is broken */
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) (void)sigaction(deadly[i], &action, NULL);
}

/* What a target keeps, it has from its first input on. */
static Err run(void *arg) {
    const Input *input = arg;
    if (input->target->library != NULL) watch_deaths();
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
    const char *name = strrchr(path, '/'); /* the same each time, wherever the folder is */
    Rng rng = rng_at(rng_stream(1, name == NULL ? path : name), 0, 0);
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

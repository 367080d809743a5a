/* One reader of files, given bytes that anybody may have made. Each tests/fuzz/fuzz_<name>.c defines
 * `const FuzzTarget fuzz_<name>`. libFuzzer runs it with what it invents (`make fuzz`); tests/test_fuzz.c with the
 * inputs of tests/fuzz/corpus/<name> and tests/fuzz/found/<name>, what the target's own seed() makes, and damaged
 * copies of them. A target never fails by itself: a crash, a leak, a sanitizer's report, a hang and want of memory are
 * the findings. */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

typedef struct FuzzTarget {
    const char *name;
    void (*run)(const uint8_t *data, size_t n);
    /* Writes inputs made by our own writers into a folder: NULL where they are texts in the corpus. */
    void (*seed)(const char *folder);
    /* The library that may die over it, where the program meets that a step above what the target calls: as a command
     * in a copy of its process. NULL = the program, and so the target, never dies. */
    const char *library;
} FuzzTarget;

#endif

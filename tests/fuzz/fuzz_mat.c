/* A MAT file of an import from IIIT5K. */
#include <stdlib.h>

#include "harness/data/mat_words.h"
#include "tests/dataset_fixture.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    MatWords words = {0};
    Err err = mat_words_read(&words, scratch_file("words.mat", data, n), "trainCharBound");
    (void)err;
    mat_words_clear(&words);
}

static void seed(const char *folder) {
    static const double box[] = {1, 1, 10, 20, 11, 2, 9, 18};
    static const FixtureWord words[] = {{"train/7_1.png", "Yo", 2, box}, {"train/8_1.png", "e", 1, box}};
    for (int compressed = 0; compressed < 2; compressed++) {
        size_t n = 0;
        const char *path = scratch_path("seed.mat");
        fixture_write_mat_as(path, "trainCharBound", words, 2, compressed != 0);
        uint8_t *bytes = scratch_get(path, &n);
        scratch_put(folder, compressed ? "compressed.mat" : "plain.mat", bytes, n);
        free(bytes);
    }
}

const FuzzTarget fuzz_mat = {.name = "mat", .run = run, .seed = seed};

/* Small folders of pictures for tests of the importers: made here, so that no data set needs to be there. */
#ifndef TESTS_DATASET_FIXTURE_H
#define TESTS_DATASET_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

/* A word of a MAT file; box is [n_boxes,4] x, y, width, height counted from 1. */
typedef struct FixtureWord {
    const char *file, *text;
    int n_boxes;
    const double *box;
} FixtureWord;

/* Writes `path`, a MAT file (version 5, compressed) with the struct array `variable` as IIIT5K has it. */
void fixture_write_mat(const char *path, const char *variable, const FixtureWord *words, int n);
void fixture_write_mat_as(const char *path, const char *variable, const FixtureWord *words, int n, bool compressed);

/* Writes a PNG whose pixel (x, y) is (x + seed, y, 7 x y) mod 256. */
void fixture_write_png(const char *path, int32_t height, int32_t width, int seed);

/* A smooth picture, narrower than 60 pixels, of 1, 3 or 4 channels; and its value at row y, column x. */
void fixture_write_jpeg(const char *path, int32_t height, int32_t width, int channels);
static inline uint8_t fixture_jpeg_value(int32_t y, int32_t x, int channel) {
    return (uint8_t)(channel == 0 ? 4 * x : channel == 1 ? 5 * y : 200 - 2 * x - y);
}

/* An official folder: `train` with 5 words of 3 photographs and 12 boxes, `test` with 2 words. Returns its path. */
const char *fixture_iiit5k(bool with_test);

#endif

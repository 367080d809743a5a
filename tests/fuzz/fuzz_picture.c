/* A picture; of a PNG, the sums of its chunks are made right. */
#include <stdlib.h>

#include "harness/data/picture.h"
#include "tests/dataset_fixture.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    Picture picture = {0};
    char *bytes = scratch_text(data, n);
    scratch_mend_png((uint8_t *)bytes, n);
    Err err = picture_read(&picture, scratch_file("picture.png", bytes, n));
    (void)err;
    picture_clear(&picture);
    free(bytes);
}

static void seed(const char *folder) {
    static const char *const names[] = {"seed.png", "grey.jpg", "colour.jpg"};
    fixture_write_png(scratch_path(names[0]), 5, 7, 3);
    fixture_write_jpeg(scratch_path(names[1]), 5, 7, 1);
    fixture_write_jpeg(scratch_path(names[2]), 9, 17, 3);
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        uint8_t *bytes = scratch_get(scratch_path(names[i]), &n);
        scratch_put(folder, names[i], bytes, n);
        free(bytes);
    }
}

const FuzzTarget fuzz_picture = {.name = "picture", .run = run, .seed = seed};

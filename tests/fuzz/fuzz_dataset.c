/* A dataset file, opened, looked through and compared with its digest. */
#include <stdlib.h>

#include "harness/data/dataset.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    Dataset *dataset = NULL;
    DatasetFacts facts;
    Err err = dataset_open(&dataset, scratch_file("dataset.h5", data, n));
    if (err == ERR_OK) err = dataset_verify(dataset);
    if (dataset != NULL) err = dataset_facts(&facts, dataset);
    (void)err;
    dataset_close(dataset);
}

static void seed(const char *folder) {
    DatasetWriter *writer = NULL;
    uint8_t pixels[2 * 3 * 3] = {1, 2, 3};
    static const float box[] = {0, 0, 1, 2, 1, 0, 3, 2};
    const DatasetItem items[] = {{2, 3, pixels, "ab", 2, box, "p1", "1.png", SPLIT_TRAIN},
                                 {3, 2, pixels, "c", 0, NULL, "p2", "2.png", SPLIT_TEST}};
    const char *path = scratch_path("seed.h5");
    Err err = dataset_writer_open(&writer, path, "folder", "here");
    for (int i = 0; i < 2 && err == ERR_OK; i++) err = dataset_writer_add(writer, &items[i]);
    if (err == ERR_OK) err = dataset_writer_finish(writer);
    dataset_writer_close(writer);
    if (err != ERR_OK) exit(2);
    size_t n = 0;
    uint8_t *bytes = scratch_get(path, &n);
    scratch_put(folder, "seed.h5", bytes, n);
    free(bytes);
}

const FuzzTarget fuzz_dataset = {.name = "dataset", .run = run, .seed = seed};

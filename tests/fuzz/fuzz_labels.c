/* The table of an import from a folder, which has one picture. */
#include <unistd.h>

#include "harness/data/import.h"
#include "tests/dataset_fixture.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    DatasetWriter *writer = NULL;
    ImportCount count;
    const char *table = scratch_file("labels.tsv", data, n), *picture = scratch_path("a.png");
    if (access(picture, F_OK) != 0) fixture_write_png(picture, 4, 6, 1);
    const ImportSpec spec = {.from = scratch_folder(), .table = table, .valid = 0.2, .test = 0.2};
    Err err = dataset_writer_open(&writer, scratch_path("out.h5"), "folder", "here");
    if (err == ERR_OK) err = import_folder(writer, &spec, &count);
    (void)err;
    dataset_writer_close(writer);
}

const FuzzTarget fuzz_labels = {.name = "labels", .run = run};

/* refocus data import: a dataset file from photographs on the disk. */
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/data/import.h"
#include "harness/data/utf8.h"

static const CommandOption options[] = {
    {.name = "output", .letter = 'o', .arg = "FILE.h5", .help = "the dataset to write (required)"},
    {.name = "valid", .arg = "SHARE", .help = "share of the photographs for the split valid (0.1)"},
    {.name = "test", .arg = "SHARE", .help = "share of the photographs for the split test (0.2)"},
    {.name = "seed", .arg = "N", .help = "of the draw that sends photographs to splits (0)"},
    {.name = "table", .arg = "FILE", .help = "folder: the table of labels (DIR/labels.tsv)"},
    {.name = "quiet", .letter = 'q', .help = "do not list the samples that are left out"},
    COMMAND_OPTION_END};

typedef Err (*Importer)(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count);

static void print_reject(void *context, const char *file, const char *reason) {
    (void)context;
    char shown[2048]; /* both may quote files */
    fprintf(stderr, "left out: %s", utf8_tame(shown, sizeof shown, file));
    fprintf(stderr, ": %s\n", utf8_tame(shown, sizeof shown, reason));
}

static void print_count(const char *path, const ImportCount *count) {
    printf("%s: %lld images, %lld boxes\n", path, (long long)count->n_taken, (long long)count->n_boxes);
    printf("splits: train %lld, valid %lld, test %lld\n", (long long)count->n_split[SPLIT_TRAIN],
           (long long)count->n_split[SPLIT_VALID], (long long)count->n_split[SPLIT_TEST]);
    printf("left out: %lld\n", (long long)count->n_rejected);
    if (count->n_shared_photos > 0)
        printf("note: %lld photographs are in both official halves, train and test\n",
               (long long)count->n_shared_photos);
}

static Err read_spec(ImportSpec *spec, const CommandLine *line) {
    Err err = ERR_OK;
    int64_t seed = 0;
    TRY(command_real(&spec->valid, line, "valid", 0.1, 0, 1));
    TRY(command_real(&spec->test, line, "test", 0.2, 0, 1));
    TRY(command_int(&seed, line, "seed", 0, 0, INT64_MAX));
    FAIL_IF(spec->valid + spec->test > 1, ERR_ARG, "--valid %g and --test %g are more than 1 together", spec->valid,
            spec->test);
    spec->seed = (uint64_t)seed;
    spec->from = command_operand(line, 1);
    spec->table = command_value(line, "table");
    spec->reject = command_has(line, "quiet") ? NULL : print_reject;

done:
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    DatasetWriter *writer = NULL;
    ImportSpec spec = {0};
    ImportCount count = {0};
    const char *kind = command_operand(line, 0), *path = command_value(line, "output");
    Importer import = strcmp(kind, "iiit5k") == 0 ? import_iiit5k : strcmp(kind, "folder") == 0 ? import_folder : NULL;
    FAIL_IF(import == NULL, ERR_ARG, "unknown kind of data '%s', expected iiit5k or folder", kind);
    FAIL_IF(path == NULL, ERR_ARG, "where to write is missing: add -o FILE.h5");
    FAIL_IF(command_has(line, "table") && import != import_folder, ERR_ARG, "--table is for folder only");
    TRY(read_spec(&spec, line));
    TRY(dataset_writer_open(&writer, path, kind, spec.from));
    TRY(picture_reader_open(&spec.pictures));
    TRY(import(writer, &spec, &count));
    TRY(dataset_writer_finish(writer));
    print_count(path, &count);

done:
    picture_reader_close(spec.pictures);
    dataset_writer_close(writer);
    return err;
}

const Command cmd_data_import = {
    .name = "data import",
    .summary = "make a dataset file from photographs with text and character boxes",
    .usage = "iiit5k|folder DIR",
    .about =
        "iiit5k  the official folder of IIIT5K-Words: trainCharBound.mat with train/, testCharBound.mat with test/,\n"
        "        or either. With both, the test half is the split test, and --test does not apply.\n"
        "folder  PNG or JPEG images and DIR/labels.tsv: file, text, boxes and photo, separated by tabs. Boxes are\n"
        "        written x,y,w,h;x,y,w,h;... in pixels, one for each character; boxes and photo may be empty.\n"
        "        A JPEG whose EXIF data say that it is to be turned is left out: boxes may have been drawn either "
        "way.\n"
        "Photographs, never single words, are divided into splits. What cannot be used is listed with its reason.",
    .example =
        "refocus data import iiit5k IIIT5K -o iiit5k.h5\nrefocus data import folder photos -o photos.h5 --valid 0.1",
    .options = options,
    .n_operands_min = 2,
    .n_operands_max = 2,
    .run = run};

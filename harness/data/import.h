/* Making a dataset from what is found on the disk: one function per kind of source. A sample that cannot be used is
 * reported with its reason and left out; the import fails only when nothing is left, or the table of labels itself
 * cannot be read. Depends on dataset, picture. */
#ifndef HARNESS_DATA_IMPORT_H
#define HARNESS_DATA_IMPORT_H

#include <stdint.h>

#include "harness/data/dataset.h"
#include "harness/data/picture.h"
#include "kernels/err.h"

typedef struct ImportSpec {
    const char *from;   /* folder */
    const char *table;  /* folder: the TSV; NULL = labels.tsv in it */
    double valid, test; /* shares of the photographs, 0 .. 1; the rest trains */
    uint64_t seed;      /* of the draw that sends photographs to splits */
    /* Called for every sample that is left out. */
    void (*reject)(void *context, const char *file, const char *reason);
    void *context;
    PictureReader *pictures; /* NULL = a process for each picture, which takes milliseconds; borrowed */
} ImportSpec;

typedef struct ImportCount {
    int64_t n_taken, n_boxes, n_rejected;
    int64_t n_split[SPLIT_COUNT];
    int64_t n_shared_photos; /* iiit5k: photographs that are in both official halves */
} ImportCount;

/* The official IIIT5K folder: trainCharBound.mat with train/, testCharBound.mat with test/, or either.
 * The photograph is the number before the underscore. Both halves: the test half is the split `test`, the train half
 * is divided into train and valid (spec->test does not apply). One half: divided into all three. */
Err import_iiit5k(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count) MUST_CHECK;

/* Images and a table of tab-separated lines: file, text, boxes ("x,y,w,h;..." in pixels from 0, one for each
 * character; may be empty), photo (may be empty: the file itself). A first line whose first field is "file" names the
 * columns, in any order; then `split` (train, valid, test) may be one of them. */
Err import_folder(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count) MUST_CHECK;

/* ---- shared by the importers ---- */

/* The split of a photograph: depends on its name and the seed alone, not on what else is imported. */
Split import_split(const char *photo, double valid, double test, uint64_t seed);

/* One sample as an importer knows it. boxes: [n_boxes,4] x0, y0, x1, y1; clipped to the image. */
typedef struct ImportItem {
    const char *file; /* below spec->from */
    const char *text, *photo;
    const float *box;
    int64_t n_boxes;
    Split split;
} ImportItem;

/* Reads the picture and adds the sample, or reports it. Fails only for ERR_NOMEM, ERR_IO, ERR_CREATE. */
Err import_add(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count, const ImportItem *item) MUST_CHECK;

/* Reports a sample that is left out. */
void import_reject(const ImportSpec *spec, ImportCount *count, const char *file, const char *reason);

#endif

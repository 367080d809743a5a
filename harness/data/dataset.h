/* Photographs with text and character boxes in one HDF5 file, made by `refocus data import` and read by a source.
 *
 *   /                 @format "refocus-dataset", @version 1, @sha256 of the contents, @importer, @origin,
 *                     @characters (all that occur, sorted), @longest (characters of the longest text)
 *   /images/bytes     uint8 [B]      sRGB pixels [height,width,3] of all images, one after the other, uncompressed and
 *                                    in one piece, so that it can be mapped instead of read
 *   /images/first     int64 [n+1]    where each image begins in bytes
 *   /images/height    int32 [n]      /images/width  int32 [n]
 *   /text             string [n]     UTF-8, one word or line
 *   /boxes/xyxy       float32 [M,4]  x0, y0, x1, y1 in pixels of the image, half-open, edges of pixels at whole numbers
 *   /boxes/first      int64 [n+1]    where each image's boxes begin: one for each character of its text, or none
 *   /photo            string [n]     photograph that the image was cut from; splits never cut through one
 *   /file             string [n]     where it came from, for messages
 *   /split            uint8 [n]      0 train, 1 valid, 2 test
 *
 * The sha256 is over everything but /file and the attributes: equal contents give equal digests on any machine.
 * Depends on digest, utf8; HDF5. */
#ifndef HARNESS_DATA_DATASET_H
#define HARNESS_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "harness/data/digest.h"
#include "kernels/err.h"

enum { DATASET_VERSION = 1, DATASET_SIDE_MAX = 65535 /* pixels */ };

typedef enum Split { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLIT_COUNT } Split;

/* "train", "valid", "test". */
const char *split_name(Split split);

/* One image of a dataset; all borrowed. */
typedef struct DatasetItem {
    int32_t height, width;
    const uint8_t *pixels; /* [height,width,3] */
    const char *text;      /* UTF-8 */
    int64_t n_boxes;       /* characters of text, or 0 */
    const float *box;      /* [n_boxes,4] */
    const char *photo, *file;
    Split split;
} DatasetItem;

/* ---- reading ---- */
typedef struct Dataset Dataset;

/* Reads everything but the pixels, which are mapped, and checks that it fits together. ERR_MISSING if there is no such
 * file; ERR_DATA if it is not a dataset, of a later version, damaged or cut off. The caller closes. */
Err dataset_open(Dataset **out, const char *path) MUST_CHECK;
void dataset_close(Dataset *dataset);

int64_t dataset_count(const Dataset *dataset);
DatasetItem dataset_item(const Dataset *dataset, int64_t i); /* borrowed from the dataset; 0 <= i < count */
int32_t dataset_longest(const Dataset *dataset);             /* characters */
int64_t dataset_n_boxes(const Dataset *dataset);
const char *dataset_path(const Dataset *dataset);
const char *dataset_importer(const Dataset *dataset); /* and origin: from where it was imported */
const char *dataset_origin(const Dataset *dataset);
const char *dataset_characters(const Dataset *dataset); /* UTF-8, sorted by code point */
const char *dataset_sha256(const Dataset *dataset);     /* as stored in the file */

/* Computes the digest over the contents. ERR_DATA if it is not the stored one. Reads all pixels. */
Err dataset_verify(const Dataset *dataset) MUST_CHECK;

/* What is in it, by split. */
typedef struct SplitFacts {
    int64_t n_images, n_boxed, n_boxes; /* n_boxed: images that have boxes */
    int64_t n_photos;                   /* different photographs */
} SplitFacts;
typedef struct DatasetFacts {
    SplitFacts split[SPLIT_COUNT];
    int64_t n_photos; /* in all */
    int32_t min_width, max_width, min_height, max_height;
} DatasetFacts;
Err dataset_facts(DatasetFacts *out, const Dataset *dataset) MUST_CHECK;

/* ---- writing ---- */
typedef struct DatasetWriter DatasetWriter;

/* Begins a file at path, which appears only in dataset_writer_finish. importer: "iiit5k". origin: for people.
 * ERR_CREATE if the folder cannot be written. Pixels wait in a nameless temporary file beside it. */
Err dataset_writer_open(DatasetWriter **out, const char *path, const char *importer, const char *origin) MUST_CHECK;

/* Appends a copy. ERR_ARG for an item that breaks the rules above. */
Err dataset_writer_add(DatasetWriter *writer, const DatasetItem *item) MUST_CHECK;

/* Writes the file beside its place, syncs and renames it. ERR_DATA without any item; ERR_IO. */
Err dataset_writer_finish(DatasetWriter *writer) MUST_CHECK;

/* Accepts NULL. What was not finished leaves no trace. */
void dataset_writer_close(DatasetWriter *writer);

/* ---- shared by both ---- */

/* NULL if the item may stand in a dataset, else what is wrong with it. */
const char *dataset_item_fault(const DatasetItem *item);
void dataset_item_digest(Digest *digest, const DatasetItem *item);

#endif

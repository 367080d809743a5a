/* A photograph scaled to the size of a cell's images, with its character boxes. Linear interpolation whose kernel
 * widens when the picture shrinks (a triangle over the source pixels), so that small text does not alias.
 * Depends on dataset, sample. */
#ifndef HARNESS_DATA_RESIZE_H
#define HARNESS_DATA_RESIZE_H

#include <stdint.h>

#include "harness/data/dataset.h"
#include "harness/data/sample.h"
#include "kernels/err.h"

typedef enum Fit {
    FIT_STRETCH, /* to all of H x W */
    FIT_PAD      /* keeps the aspect ratio; at the left, in the middle of the height, grey around it */
} Fit;

typedef struct Resizer Resizer;

/* Working storage for images of at most max_height x max_width, one per thread. The caller frees. */
Err resizer_new(Resizer **out, Fit fit, int32_t max_height, int32_t max_width, const Sample *target) MUST_CHECK;
void resizer_free(Resizer *resizer);

/* Sets image, box, has_boxes and owner of out (a box's interior is its mask) from item; the labels are the caller's.
 * Boxes are clipped to the image; one that vanishes becomes all zero. Allocates nothing. */
void resizer_run(Resizer *resizer, const DatasetItem *item, Sample *out);

#endif

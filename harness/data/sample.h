/* One line of text as every source hands it out: picture, characters, boxes, and which character each pixel belongs
 * to. All of a cell's samples have the cell's size H x W, so that a sample's storage is made once and used again.
 * Depends on kernels only. */
#ifndef HARNESS_DATA_SAMPLE_H
#define HARNESS_DATA_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/err.h"

enum { OWNER_NONE = -1 }; /* a pixel of the background */

typedef struct Sample {
    int32_t height, width; /* H, W */
    int32_t max_chars;     /* room in label and box */
    uint8_t *image;        /* [H,W,3] sRGB */
    int16_t *owner;        /* [H,W] position in the text of the character that the pixel belongs to, or OWNER_NONE */
    int32_t n_chars;
    int32_t *label; /* [n_chars] class of the charset */
    float *box;     /* [n_chars,4] x0, y0, x1, y1 in pixels, half-open; all zero = this character has none */
    bool has_boxes; /* false: box is all zero and owner all OWNER_NONE */
} Sample;

/* Storage for one sample of H x W with at most max_chars characters. */
Err sample_init(Sample *out, int32_t height, int32_t width, int32_t max_chars) MUST_CHECK;
void sample_clear(Sample *sample);

/* Sets owner from the boxes: a pixel whose centre lies in a box belongs to it; where boxes overlap, to the later. */
void sample_own_boxes(Sample *sample);

#endif

/* A contact sheet: pictures of text lines with their boxes and masks drawn on them, under headings, in one PNG.
 * Knows no datasets and no settings. Depends on picture, lettering; cairo. */
#ifndef HARNESS_DATA_SHEET_H
#define HARNESS_DATA_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "harness/data/picture.h"
#include "kernels/err.h"

/* One line of text, borrowed. */
typedef struct SheetTile {
    int32_t height, width;
    const uint8_t *pixels;    /* [height,width,3] */
    int32_t n_chars;          /* 0 = no boxes are known */
    const float *box;         /* [n_chars,4] x0, y0, x1, y1 in pixels; all zero = none */
    const char *const *label; /* [n_chars] what is written over each box */
    const int16_t *owner;     /* [height,width] character of each pixel, -1 = none; NULL = no mask is drawn */
    const char *caption;
} SheetTile;

typedef struct Sheet Sheet;

/* families: fonts for characters that DejaVu lacks, as lettering_open takes them. */
Err sheet_new(Sheet **out, const char *title, const char *const *families, size_t n_families) MUST_CHECK;
void sheet_free(Sheet *sheet);

/* Begins a part of the sheet. */
Err sheet_heading(Sheet *sheet, const char *text) MUST_CHECK;

/* Draws the tile: the picture, enlarged if it is small, with its boxes; below it the mask, if there is one. */
Err sheet_tile(Sheet *sheet, const SheetTile *tile) MUST_CHECK;

/* All that was added, as a picture that the caller clears. */
Err sheet_draw(Picture *out, const Sheet *sheet) MUST_CHECK;

#endif

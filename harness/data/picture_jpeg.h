/* JPEG for picture.c. */
#ifndef HARNESS_DATA_PICTURE_JPEG_H
#define HARNESS_DATA_PICTURE_JPEG_H

#include "harness/data/picture.h"

/* Any JPEG of grey or colour, as its pixels are stored: an orientation that a camera noted is not applied, as boxes are
 * in pixels. Errors as picture_read's. */
Err picture_read_jpeg(Picture *out, const char *path) MUST_CHECK;

#endif

/* An image file in memory: PNG through libpng, JPEG through libjpeg. Depends on kernels. */
#ifndef HARNESS_DATA_PICTURE_H
#define HARNESS_DATA_PICTURE_H

#include <stdint.h>

#include "kernels/err.h"

typedef struct Picture {
    int32_t height, width;
    uint8_t *pixels; /* [height,width,3] sRGB; the caller frees it with picture_clear */
} Picture;

/* Any PNG (palette and grey become RGB, 16 bits become 8, transparency lies on white), any JPEG of grey or colour, told
 * by their first bytes. ERR_MISSING, ERR_DATA (another kind of file: the message says what to do; damaged;
 * picture_check_size). Messages name no path. */
Err picture_read(Picture *out, const char *path) MUST_CHECK;
void picture_clear(Picture *picture);

/* ERR_DATA over 65535 pixels a side or 256 MiB. */
Err picture_check_size(uint64_t width, uint64_t height) MUST_CHECK;

/* Empty picture of that size, white. */
Err picture_init(Picture *out, int32_t height, int32_t width) MUST_CHECK;

/* Writes a PNG beside path and renames it. ERR_CREATE, ERR_IO. */
Err picture_write(const Picture *picture, const char *path) MUST_CHECK;

#endif

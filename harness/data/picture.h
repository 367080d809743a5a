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
 * picture_check_size; a library died over it). Messages name no path. Libraries decode in a copy of this process. */
Err picture_read(Picture *out, const char *path) MUST_CHECK;
void picture_clear(Picture *picture);

/* The same for many: one copy of this process (isolate.h) for all of them. */
typedef struct PictureReader PictureReader;
Err picture_reader_open(PictureReader **out) MUST_CHECK;
Err picture_reader_read(PictureReader *reader, Picture *out, const char *path) MUST_CHECK;
void picture_reader_close(PictureReader *reader); /* accepts NULL */

/* What the copy does. */
Err picture_decode(Picture *out, const char *path) MUST_CHECK;

enum { PICTURE_BYTES_MAX = 256 << 20 };

/* ERR_DATA over 65535 pixels a side or PICTURE_BYTES_MAX. */
Err picture_check_size(uint64_t width, uint64_t height) MUST_CHECK;

/* Empty picture of that size, white. */
Err picture_init(Picture *out, int32_t height, int32_t width) MUST_CHECK;

/* Writes a PNG beside path and renames it. ERR_CREATE, ERR_IO. */
Err picture_write(const Picture *picture, const char *path) MUST_CHECK;

#endif

/* libjpeg leaves a failed call by longjmp: this file is where that ends. */
#include "harness/data/picture_jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

typedef struct Reading {
    struct jpeg_error_mgr failure; /* first: libjpeg hands out a pointer to it */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    struct jpeg_decompress_struct jpeg;
    FILE *file;
    Picture picture;
} Reading;

static void fail(j_common_ptr info) {
    Reading *r = (Reading *)(void *)info->err;
    info->err->format_message(info, r->text);
    longjmp(r->back, 1);
}

/* A warning (level < 0) is data that is missing or wrong, which libjpeg fills with grey; but for bytes between markers,
 * with which some cameras fill up. */
static void warn(j_common_ptr info, int level) {
    if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) fail(info);
}

/* Of a field of EXIF: APP1 = "Exif", two zeros, a TIFF of either order of bytes. */
static unsigned exif_number(const uint8_t *tiff, size_t at, size_t n, bool big) {
    unsigned value = 0;
    for (size_t i = 0; i < n; i++) value = value << 8 | tiff[at + (big ? i : n - 1 - i)];
    return value;
}

/* How a picture is to be turned, 1 to 8 as in EXIF; 1 = as it lies, also where nothing is said. */
static unsigned orientation(const struct jpeg_decompress_struct *jpeg) {
    enum { HEAD = 6, ENTRY = 12, ORIENTATION = 0x112 };
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m != NULL; m = m->next) {
        if (m->data_length < HEAD + 10 || memcmp(m->data, "Exif\0", HEAD) != 0) continue;
        const uint8_t *tiff = m->data + HEAD;
        const size_t len = m->data_length - HEAD;
        const bool big = tiff[0] == 'M';
        const size_t first = exif_number(tiff, 4, 4, big);
        if (first > len - 2) continue;
        const size_t n = exif_number(tiff, first, 2, big);
        for (size_t i = 0, at = first + 2; i < n && at + ENTRY <= len; i++, at += ENTRY)
            if (exif_number(tiff, at, 2, big) == ORIENTATION) return exif_number(tiff, at + 8, 2, big);
    }
    return 1;
}

static Err read_pixels(Reading *r) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    if (setjmp(r->back) != 0) return err_set(ERR_DATA, "a damaged JPEG: %s", r->text);
    jpeg_create_decompress(jpeg);
    jpeg_stdio_src(jpeg, r->file);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        return err_set(ERR_DATA, "a JPEG of %d components, expected grey or RGB", jpeg->num_components);
    const unsigned turned = orientation(jpeg);
    if (turned > 1) /* boxes were drawn on it as it is shown, or as it lies: who knows */
        return err_set(ERR_DATA, "a JPEG that EXIF says to turn (orientation %u): save it upright, without that mark",
                       turned);
    Err err = picture_check_size(jpeg->image_width, jpeg->image_height);
    if (err != ERR_OK) return err;
    jpeg->out_color_space = JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(jpeg);
    err = picture_init(&r->picture, (int32_t)jpeg->output_height, (int32_t)jpeg->output_width);
    while (err == ERR_OK && jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = r->picture.pixels + (size_t)jpeg->output_scanline * jpeg->output_width * 3;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    if (err == ERR_OK) (void)jpeg_finish_decompress(jpeg);
    return err;
}

Err picture_read_jpeg(Picture *out, const char *path) {
    Reading r = {.file = fopen(path, "rb")};
    *out = (Picture){0};
    if (r.file == NULL) return err_set(ERR_MISSING, "cannot open the image: %s", strerror(errno));
    r.jpeg.err = jpeg_std_error(&r.failure);
    r.failure.error_exit = fail;
    r.failure.emit_message = warn;
    Err err = read_pixels(&r);
    jpeg_destroy_decompress(&r.jpeg);
    (void)fclose(r.file);
    if (err == ERR_OK)
        *out = r.picture;
    else
        picture_clear(&r.picture);
    return err;
}

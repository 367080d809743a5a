/* libjpeg leaves a failed call by longjmp: this file is where that ends. */
#include "harness/data/picture_jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

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

/* A warning (level < 0) is data that is missing or wrong, which libjpeg fills with grey. */
static void warn(j_common_ptr info, int level) {
    if (level < 0) fail(info);
}

static Err read_pixels(Reading *r) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    if (setjmp(r->back) != 0) return err_set(ERR_DATA, "a damaged JPEG: %s", r->text);
    jpeg_create_decompress(jpeg);
    jpeg_stdio_src(jpeg, r->file);
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        return err_set(ERR_DATA, "a JPEG of %d components, expected grey or RGB", jpeg->num_components);
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

#include "harness/data/picture.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/data/outfile.h"
#include "harness/data/picture_jpeg.h"
#include "kernels/mem.h"

enum { SIDE_MAX = 65535, MAGIC = 12 };

static Err look_at_magic(const char *path, bool *is_jpeg) {
    unsigned char head[MAGIC] = {0};
    struct stat info;
    *is_jpeg = false;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) return err_set(ERR_MISSING, "the image is not a file");
    FILE *file = fopen(path, "rb");
    if (file == NULL) return err_set(ERR_MISSING, "cannot open the image: %s", strerror(errno));
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    *is_jpeg = n >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0;
    if (*is_jpeg || (n >= 8 && png_sig_cmp(head, 0, 8) == 0)) return ERR_OK;
    const char *kind = NULL;
    if (n >= 4 && memcmp(head, "GIF8", 4) == 0) kind = "GIF";
    if (n >= 2 && memcmp(head, "BM", 2) == 0) kind = "BMP";
    if (n >= 12 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0) kind = "WebP";
    if (n >= 4 && (memcmp(head, "II*", 4) == 0 || memcmp(head, "MM\0*", 4) == 0)) kind = "TIFF";
    if (kind == NULL) return err_set(ERR_DATA, "neither a PNG nor a JPEG image");
    return err_set(ERR_DATA,
                   "a %s image: only PNG and JPEG are read, convert it first (ImageMagick: mogrify -format png FILE)",
                   kind);
}

Err picture_check_size(uint64_t width, uint64_t height) {
    if (width <= SIDE_MAX && height <= SIDE_MAX && width * height * 3 <= PICTURE_BYTES_MAX) return ERR_OK;
    return err_set(ERR_DATA, "the image has %llu x %llu pixels, expected at most %d a side and 256 MiB in all",
                   (unsigned long long)width, (unsigned long long)height, SIDE_MAX);
}

Err picture_init(Picture *out, int32_t height, int32_t width) {
    size_t bytes = 0;
    *out = (Picture){0};
    Err err = size_mul3(&bytes, (size_t)height, (size_t)width, 3);
    if (err == ERR_OK) err = mem_alloc(&out->pixels, bytes, 1);
    if (err != ERR_OK) return err;
    memset(out->pixels, 0xff, bytes);
    out->height = height;
    out->width = width;
    return ERR_OK;
}

static Err read_png(Picture *out, const char *path) {
    Err err = ERR_OK;
    Picture picture = {0};
    png_image png = {.version = PNG_IMAGE_VERSION};
    png_color white = {0xff, 0xff, 0xff};
    FAIL_IF(!png_image_begin_read_from_file(&png, path), ERR_DATA, "a damaged PNG: %s", png.message);
    TRY(picture_check_size(png.width, png.height));
    png.format = PNG_FORMAT_RGB;
    TRY(picture_init(&picture, (int32_t)png.height, (int32_t)png.width));
    FAIL_IF(!png_image_finish_read(&png, &white, picture.pixels, 0, NULL), ERR_DATA, "a damaged PNG: %s", png.message);
    *out = picture;
    picture = (Picture){0};

done:
    png_image_free(&png);
    picture_clear(&picture);
    return err;
}

Err picture_decode(Picture *out, const char *path) {
    bool is_jpeg = false;
    *out = (Picture){0};
    Err err = look_at_magic(path, &is_jpeg);
    if (err != ERR_OK) return err;
    return is_jpeg ? picture_read_jpeg(out, path) : read_png(out, path);
}

void picture_clear(Picture *picture) {
    mem_free(picture->pixels);
    *picture = (Picture){0};
}

Err picture_write(const Picture *picture, const char *path) {
    Err err = ERR_OK;
    Outfile out = {0};
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .height = (png_uint_32)picture->height,
                     .width = (png_uint_32)picture->width,
                     .format = PNG_FORMAT_RGB};
    TRY(outfile_open(&out, path, &output_png));
    FAIL_IF(!png_image_write_to_stdio(&png, out.file, 0, picture->pixels, 0, NULL), ERR_IO, "cannot write %s: %s", path,
            png.message);
    TRY(outfile_finish(&out));
done:
    outfile_discard(&out);
    return err;
}

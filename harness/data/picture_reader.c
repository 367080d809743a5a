/* Pictures decoded in a copy of the process, into memory that both share. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/data/isolate.h"
#include "harness/data/picture.h"
#include "kernels/mem.h"

/* What is asked, and room for the answer. */
typedef struct Decoding {
    char path[PATH_MAX];
    int32_t height, width;
    uint8_t pixels[]; /* [height,width,3], PICTURE_BYTES_MAX at most */
} Decoding;

struct PictureReader {
    Decoding *decoding;
    Isolate *isolate;
};

enum {
    SHARED_BYTES = sizeof(Decoding) + PICTURE_BYTES_MAX,
    FILE_BYTES = 32 << 20 /* the limits of such a file are enough for any picture */
};

static Err decode(void *arg) {
    Err err = ERR_OK;
    Decoding *d = arg;
    Picture picture = {0};
    TRY(picture_decode(&picture, d->path));
    TRY(picture_check_size((uint64_t)picture.width, (uint64_t)picture.height));
    d->height = picture.height;
    d->width = picture.width;
    memcpy(d->pixels, picture.pixels, (size_t)picture.height * (size_t)picture.width * 3);
done:
    picture_clear(&picture);
    return err;
}

Err picture_reader_open(PictureReader **out) {
    Err err = ERR_OK;
    PictureReader *reader = NULL;
    *out = NULL;
    TRY(mem_alloc(&reader, 1, sizeof *reader));
    TRY(isolate_share(&reader->decoding, SHARED_BYTES));
    TRY(isolate_open(&reader->isolate, decode, reader->decoding, FILE_BYTES, "libpng or libjpeg"));
    *out = reader;
    reader = NULL;
done:
    picture_reader_close(reader);
    return err;
}

void picture_reader_close(PictureReader *reader) {
    if (reader == NULL) return;
    isolate_close(reader->isolate);
    if (reader->decoding != NULL) munmap(reader->decoding, SHARED_BYTES);
    mem_free(reader);
}

Err picture_reader_read(PictureReader *reader, Picture *out, const char *path) {
    Err err = ERR_OK;
    Picture picture = {0};
    Decoding *d = reader->decoding;
    *out = picture;
    FAIL_IF((size_t)snprintf(d->path, sizeof d->path, "%s", path) >= sizeof d->path, ERR_MISSING,
            "the path of the image is too long");
    TRY(isolate_ask(reader->isolate));
    const int32_t height = d->height, width = d->width; /* once: what wrote them may have gone wrong */
    FAIL_IF(height < 1 || width < 1, ERR_DATA, "the image has no pixels");
    TRY(picture_check_size((uint64_t)width, (uint64_t)height));
    TRY(picture_init(&picture, height, width));
    memcpy(picture.pixels, d->pixels, (size_t)height * (size_t)width * 3);
    *out = picture;
    picture = (Picture){0};
done:
    picture_clear(&picture);
    return err;
}

Err picture_read(Picture *out, const char *path) {
    Err err = ERR_OK;
    PictureReader *reader = NULL;
    *out = (Picture){0};
    TRY(picture_reader_open(&reader));
    TRY(picture_reader_read(reader, out, path));
done:
    picture_reader_close(reader);
    return err;
}

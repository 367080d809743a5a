/* The writer. Tables grow in memory; pixels, which may be many, go to a temporary file that has no name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/columns.h"
#include "harness/data/dataset.h"
#include "harness/data/output.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { COPY_BYTES = 1 << 22, N_CODE_POINTS = 0x110000 };

struct DatasetWriter {
    char *path, *temp, *importer, *origin;
    FILE *pixels;
    Digest digest;
    uint8_t *seen; /* [N_CODE_POINTS] */
    int64_t n, room, n_boxes, box_room, longest;
    int64_t *first_byte, *first_box;
    int32_t *height, *width;
    float *box;
    uint8_t *split;
    char **text, **photo, **file;
};

/* "x" -> "x.<pid>.<suffix>": beside it, so that renaming is atomic. */
static Err beside(char **out, const char *path, const char *suffix) {
    return mem_printf(out, "%s.%ld.%s", path, (long)getpid(), suffix);
}

static Err open_scratch(DatasetWriter *writer) {
    Err err = ERR_OK;
    char *name = NULL;
    TRY(beside(&name, writer->path, "pixels.tmp"));
    writer->pixels = fopen(name, "wb+");
    FAIL_IF(writer->pixels == NULL, ERR_CREATE, "cannot create a file beside %s: %s", writer->path, strerror(errno));
    unlink(name);

done:
    mem_free(name);
    return err;
}

Err dataset_writer_open(DatasetWriter **out, const char *path, const char *importer, const char *origin) {
    Err err = ERR_OK;
    DatasetWriter *writer = NULL;
    *out = NULL;
    TRY(mem_alloc(&writer, 1, sizeof *writer));
    TRY(output_file(&writer->path, path, &output_hdf5));
    TRY(beside(&writer->temp, writer->path, "tmp"));
    TRY(mem_strdup(&writer->importer, importer));
    TRY(mem_strdup(&writer->origin, origin));
    TRY(mem_alloc(&writer->seen, N_CODE_POINTS, 1));
    TRY(mem_alloc(&writer->first_byte, 1, sizeof *writer->first_byte));
    TRY(mem_alloc(&writer->first_box, 1, sizeof *writer->first_box));
    TRY(open_scratch(writer));
    digest_start(&writer->digest);
    *out = writer;
    writer = NULL;

done:
    dataset_writer_close(writer);
    return err;
}

/* Room for one item more, and n_boxes boxes. */
static Err reserve(DatasetWriter *w, int64_t n_boxes) {
    Err err = ERR_OK;
    if (w->n == w->room) {
        size_t old = (size_t)w->room, room = old == 0 ? 256 : 2 * old;
        TRY(mem_grow(&w->first_byte, old + 1, room + 1, sizeof *w->first_byte));
        TRY(mem_grow(&w->first_box, old + 1, room + 1, sizeof *w->first_box));
        TRY(mem_grow(&w->height, old, room, sizeof *w->height));
        TRY(mem_grow(&w->width, old, room, sizeof *w->width));
        TRY(mem_grow(&w->split, old, room, sizeof *w->split));
        TRY(mem_grow(&w->text, old, room, sizeof *w->text));
        TRY(mem_grow(&w->photo, old, room, sizeof *w->photo));
        TRY(mem_grow(&w->file, old, room, sizeof *w->file));
        w->room = (int64_t)room;
    }
    if (w->n_boxes + n_boxes > w->box_room) {
        size_t old = (size_t)w->box_room, room = 2 * old + (size_t)n_boxes + 256;
        TRY(mem_grow(&w->box, old, room, 4 * sizeof *w->box));
        w->box_room = (int64_t)room;
    }

done:
    return err;
}

static void note_characters(DatasetWriter *writer, const char *text) {
    size_t len = strlen(text);
    int64_t n = 0;
    for (size_t at = 0; at < len; n++) {
        uint32_t c = 0;
        at += (size_t)utf8_decode(text + at, len - at, &c);
        writer->seen[c] = 1;
    }
    if (n > writer->longest) writer->longest = n;
}

Err dataset_writer_add(DatasetWriter *writer, const DatasetItem *item) {
    Err err = ERR_OK;
    int64_t i = writer->n, bytes = (int64_t)item->height * item->width * 3;
    const char *fault = dataset_item_fault(item);
    FAIL_IF(fault != NULL, ERR_ARG, "%s: %s", item->file, fault);
    TRY(reserve(writer, item->n_boxes));
    TRY(mem_strdup(&writer->text[i], item->text));
    TRY(mem_strdup(&writer->photo[i], item->photo));
    TRY(mem_strdup(&writer->file[i], item->file));
    FAIL_IF(fwrite(item->pixels, 1, (size_t)bytes, writer->pixels) != (size_t)bytes, ERR_IO,
            "cannot write beside %s: %s", writer->path, strerror(errno));
    writer->height[i] = item->height;
    writer->width[i] = item->width;
    writer->split[i] = (uint8_t)item->split;
    writer->first_byte[i + 1] = writer->first_byte[i] + bytes;
    writer->first_box[i + 1] = writer->first_box[i] + item->n_boxes;
    if (item->n_boxes > 0)
        memcpy(writer->box + 4 * writer->n_boxes, item->box, (size_t)item->n_boxes * 4 * sizeof *item->box);
    writer->n_boxes += item->n_boxes;
    writer->n++;
    note_characters(writer, item->text);
    dataset_item_digest(&writer->digest, item);

done:
    if (err != ERR_OK && writer->n == i && i < writer->room) {
        mem_free(writer->text[i]);
        mem_free(writer->photo[i]);
        mem_free(writer->file[i]);
        writer->text[i] = writer->photo[i] = writer->file[i] = NULL;
    }
    return err;
}

/* ---- the file ---- */

static Err write_attributes(DatasetWriter *writer, hid_t file) {
    Err err = ERR_OK;
    char *characters = NULL, hex[DIGEST_HEX];
    size_t len = 0, n_seen = 0;
    for (uint32_t c = 0; c < N_CODE_POINTS; c++) n_seen += writer->seen[c];
    TRY(mem_alloc(&characters, n_seen * UTF8_MAX + 1, 1));
    for (uint32_t c = 0; c < N_CODE_POINTS; c++)
        if (writer->seen[c]) len += (size_t)utf8_encode(c, characters + len);
    TRY(column_set_text(file, "format", "refocus-dataset"));
    TRY(column_set_int(file, "version", DATASET_VERSION));
    TRY(column_set_text(file, "sha256", digest_hex(&writer->digest, hex)));
    TRY(column_set_text(file, "importer", writer->importer));
    TRY(column_set_text(file, "origin", writer->origin));
    TRY(column_set_text(file, "characters", characters));
    TRY(column_set_int(file, "longest", writer->longest));

done:
    mem_free(characters);
    return err;
}

static Err write_tables(DatasetWriter *w, hid_t file) {
    Err err = ERR_OK;
    int64_t n = w->n, n_first = w->n + 1, boxes[2] = {w->n_boxes, 4};
    TRY(column_write(file, "images/first", H5T_STD_I64LE, 1, &n_first, w->first_byte, "byte",
                     "first byte of each image"));
    TRY(column_write(file, "images/height", H5T_STD_I32LE, 1, &n, w->height, "pixel", "height"));
    TRY(column_write(file, "images/width", H5T_STD_I32LE, 1, &n, w->width, "pixel", "width"));
    TRY(column_write(file, "boxes/first", H5T_STD_I64LE, 1, &n_first, w->first_box, "1", "first box of each image"));
    TRY(column_write(file, "boxes/xyxy", H5T_IEEE_F32LE, 2, boxes, w->box, "pixel",
                     "x0, y0, x1, y1 of each character"));
    TRY(column_write(file, "split", H5T_STD_U8LE, 1, &n, w->split, "1", "0 train, 1 valid, 2 test"));
    TRY(column_write_texts(file, "text", n, (const char *const *)w->text, "text"));
    TRY(column_write_texts(file, "photo", n, (const char *const *)w->photo, "photograph"));
    TRY(column_write_texts(file, "file", n, (const char *const *)w->file, "imported from"));

done:
    return err;
}

/* One piece of the pixels, from the scratch file to its place in the dataset. */
static Err copy_piece(DatasetWriter *writer, hid_t set, uint8_t *buffer, hsize_t at, hsize_t count) {
    if (fread(buffer, 1, (size_t)count, writer->pixels) != (size_t)count)
        return err_set(ERR_IO, "cannot read back the pixels of %s", writer->path);
    hid_t to = H5Dget_space(set), from = H5Screate_simple(1, &count, NULL);
    H5Sselect_hyperslab(to, H5S_SELECT_SET, &at, NULL, &count, NULL);
    herr_t status = H5Dwrite(set, H5T_STD_U8LE, from, to, H5P_DEFAULT, buffer);
    H5Sclose(from);
    H5Sclose(to);
    return status >= 0 ? ERR_OK : err_set(ERR_IO, "cannot write %s: is the disk full?", writer->path);
}

static Err write_pixels(DatasetWriter *writer, hid_t file) {
    Err err = ERR_OK;
    uint8_t *buffer = NULL;
    hid_t set = -1;
    int64_t total = writer->first_byte[writer->n];
    TRY(column_write(file, "images/bytes", H5T_STD_U8LE, 1, &total, NULL, "1", "pixels, height x width x 3, sRGB"));
    TRY(mem_alloc(&buffer, COPY_BYTES, 1));
    set = H5Dopen2(file, "images/bytes", H5P_DEFAULT);
    FAIL_IF(set < 0 || fflush(writer->pixels) != 0 || fseek(writer->pixels, 0, SEEK_SET) != 0, ERR_IO,
            "cannot read back the pixels of %s", writer->path);
    for (int64_t at = 0; at < total; at += COPY_BYTES) {
        int64_t count = total - at < COPY_BYTES ? total - at : COPY_BYTES;
        TRY(copy_piece(writer, set, buffer, (hsize_t)at, (hsize_t)count));
    }

done:
    if (set >= 0) H5Dclose(set);
    mem_free(buffer);
    return err;
}

static Err sync_path(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return err_set(ERR_IO, "cannot open %s: %s", path, strerror(errno));
    int status = fsync(fd);
    int cause = errno;
    close(fd);
    /* some file systems cannot sync a folder: that is theirs to know */
    bool good = status == 0 || ((flags & O_DIRECTORY) != 0 && cause == EINVAL);
    return good ? ERR_OK : err_set(ERR_IO, "cannot write %s: %s", path, strerror(cause));
}

static Err publish(const DatasetWriter *writer) {
    Err err = ERR_OK;
    char *folder = NULL;
    TRY(mem_strdup(&folder, writer->path));
    char *slash = strrchr(folder, '/');
    if (slash != NULL) slash[slash == folder ? 1 : 0] = '\0';
    TRY(sync_path(writer->temp, O_RDWR));
    FAIL_IF(rename(writer->temp, writer->path) != 0, ERR_CREATE, "cannot create %s: %s", writer->path, strerror(errno));
    TRY(sync_path(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY));

done:
    mem_free(folder);
    return err;
}

Err dataset_writer_finish(DatasetWriter *writer) {
    Err err = ERR_OK;
    hid_t file = -1;
    FAIL_IF(writer->n == 0, ERR_DATA, "no image was taken: %s is not written", writer->path);
    column_quiet();
    file = H5Fcreate(writer->temp, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    FAIL_IF(file < 0, ERR_CREATE, "cannot create %s", writer->temp);
    TRY(write_attributes(writer, file));
    TRY(write_tables(writer, file));
    TRY(write_pixels(writer, file));
    herr_t closed = H5Fclose(file);
    file = -1;
    FAIL_IF(closed < 0, ERR_IO, "cannot write %s: is the disk full?", writer->temp);
    TRY(publish(writer));

done:
    if (file >= 0) H5Fclose(file);
    return err;
}

void dataset_writer_close(DatasetWriter *writer) {
    if (writer == NULL) return;
    if (writer->pixels != NULL) fclose(writer->pixels);
    if (writer->temp != NULL) unlink(writer->temp);
    for (int64_t i = 0; i < writer->n; i++) {
        mem_free(writer->text[i]);
        mem_free(writer->photo[i]);
        mem_free(writer->file[i]);
    }
    void *blocks[] = {writer->path,      writer->temp,   writer->importer, writer->origin, writer->seen,
                      writer->first_box, writer->height, writer->width,    writer->box,    writer->first_byte,
                      writer->split,     writer->text,   writer->photo,    writer->file};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) mem_free(blocks[i]);
    mem_free(writer);
}

#include "harness/data/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/data/columns.h"
#include "harness/data/isolate.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

struct Dataset {
    char *path, *importer, *origin, *characters, *sha256;
    int64_t n, longest;
    int64_t file_bytes;
    void *map;     /* of the whole file, or NULL */
    uint8_t *copy; /* of the pixels where they cannot be mapped, or NULL */
    const uint8_t *bytes;
    int64_t n_bytes, n_boxes;
    int64_t *first_byte, *first_box; /* [n+1] */
    int32_t *height, *width;         /* [n] */
    float *box;                      /* [n_boxes,4] */
    uint8_t *split;                  /* [n] */
    char **text, **photo, **file;    /* [n] */
};

const char *split_name(Split split) {
    static const char *const names[SPLIT_COUNT] = {"train", "valid", "test"};
    ASSERT(split < SPLIT_COUNT);
    return names[split];
}

/* ---- rules of an item ---- */

static const char *box_fault(const float *box) {
    for (int k = 0; k < 4; k++)
        if (!isfinite(box[k])) return "a box is not a number";
    if (box[2] < box[0] || box[3] < box[1]) return "a box ends before it begins";
    return NULL;
}

const char *dataset_item_fault(const DatasetItem *item) {
    bool sized =
        item->height >= 1 && item->width >= 1 && item->height <= DATASET_SIDE_MAX && item->width <= DATASET_SIDE_MAX;
    if (!sized) return "the image has no size, or a side of more than 65535 pixels";
    int64_t n_chars = utf8_length(item->text, strlen(item->text));
    if (n_chars < 0) return "the text is not UTF-8";
    if (n_chars == 0) return "the text is empty";
    if (item->n_boxes != 0 && item->n_boxes != n_chars) return "the number of boxes is not the number of characters";
    for (int64_t i = 0; i < item->n_boxes; i++) {
        const char *fault = box_fault(item->box + 4 * i);
        if (fault != NULL) return fault;
    }
    if ((int)item->split < 0 || item->split >= SPLIT_COUNT) return "the split is not train, valid or test";
    return NULL;
}

void dataset_item_digest(Digest *digest, const DatasetItem *item) {
    digest_number(digest, item->height);
    digest_number(digest, item->width);
    digest_bytes(digest, item->pixels, (size_t)item->height * (size_t)item->width * 3);
    digest_text(digest, item->text);
    digest_text(digest, item->photo);
    digest_number(digest, (int64_t)item->split);
    digest_number(digest, item->n_boxes);
    for (int64_t i = 0; i < 4 * item->n_boxes; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &item->box[i], sizeof bits);
        digest_number(digest, bits);
    }
}

/* ---- opening ---- */

/* An attribute that is shown to people. */
static Err read_words(char **out, hid_t file, const char *name) {
    Err err = ERR_OK;
    char *raw = NULL;
    TRY(column_get_text(&raw, file, name));
    TRY(mem_alloc(out, 3 * strlen(raw) + 1, 1));
    (void)utf8_tame(*out, 3 * strlen(raw) + 1, raw);
done:
    mem_free(raw);
    return err;
}

static Err read_attributes(Dataset *dataset, hid_t file) {
    Err err = ERR_OK;
    char *format = NULL;
    int64_t version = 0;
    err = column_get_text(&format, file, "format");
    if (err == ERR_NOMEM) goto done;
    FAIL_IF(err != ERR_OK || strcmp(format, "refocus-dataset") != 0, ERR_DATA,
            "it is not a dataset: make one with 'refocus data import'");
    TRY(column_get_int(&version, file, "version"));
    FAIL_IF(version != DATASET_VERSION, ERR_DATA, "the dataset has format version %lld, this program reads version %d",
            (long long)version, DATASET_VERSION);
    TRY(read_words(&dataset->sha256, file, "sha256"));
    TRY(read_words(&dataset->importer, file, "importer"));
    TRY(read_words(&dataset->origin, file, "origin"));
    TRY(read_words(&dataset->characters, file, "characters"));

done:
    mem_free(format);
    return err;
}

static Err read_tables(Dataset *dataset, hid_t file) {
    Err err = ERR_OK;
    int64_t max = dataset->file_bytes; /* each number of the file takes a byte at least */
    int64_t n[1] = {-1}, n_boxes[2] = {-1, 4};
    TRY(column_read(&dataset->height, file, "images/height", H5T_NATIVE_INT32, 1, n, max));
    dataset->n = n[0];
    FAIL_IF(dataset->n == 0, ERR_DATA, "the dataset is empty");
    TRY(column_read(&dataset->width, file, "images/width", H5T_NATIVE_INT32, 1, n, max));
    TRY(column_read(&dataset->split, file, "split", H5T_NATIVE_UINT8, 1, n, max));
    n[0] = dataset->n + 1;
    TRY(column_read(&dataset->first_byte, file, "images/first", H5T_NATIVE_INT64, 1, n, max));
    TRY(column_read(&dataset->first_box, file, "boxes/first", H5T_NATIVE_INT64, 1, n, max));
    TRY(column_read(&dataset->box, file, "boxes/xyxy", H5T_NATIVE_FLOAT, 2, n_boxes, max));
    dataset->n_boxes = n_boxes[0];
    TRY(column_read_texts(&dataset->text, file, "text", dataset->n));
    TRY(column_read_texts(&dataset->photo, file, "photo", dataset->n));
    TRY(column_read_texts(&dataset->file, file, "file", dataset->n));

done:
    return err;
}

/* Where the pixels lie in the file, or -1 if they are not in one plain piece. */
static int64_t pixels_at(hid_t file, int64_t *n_bytes) {
    int64_t at = -1;
    hid_t set = H5Dopen2(file, "images/bytes", H5P_DEFAULT);
    if (set < 0) return -1;
    hid_t type = H5Dget_type(set), space = H5Dget_space(set), layout = H5Dget_create_plist(set);
    bool plain = H5Tequal(type, H5T_STD_U8LE) > 0 && H5Pget_layout(layout) == H5D_CONTIGUOUS &&
                 H5Pget_external_count(layout) == 0 && H5Sget_simple_extent_ndims(space) == 1;
    haddr_t offset = plain ? H5Dget_offset(set) : HADDR_UNDEF;
    if (offset != HADDR_UNDEF && offset <= INT64_MAX) at = (int64_t)offset;
    *n_bytes = (int64_t)H5Sget_simple_extent_npoints(space);
    H5Pclose(layout);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return at;
}

static Err map_pixels(Dataset *dataset, hid_t file) {
    Err err = ERR_OK;
    int fd = -1;
    int64_t n[1] = {-1}, at = pixels_at(file, &dataset->n_bytes);
    if (at < 0) {
        /* rewritten by another tool, in chunks or compressed: read it instead */
        TRY(column_read(&dataset->copy, file, "images/bytes", H5T_NATIVE_UINT8, 1, n,
                        ISOLATE_MEMORY(dataset->file_bytes) / 2));
        dataset->bytes = dataset->copy;
        dataset->n_bytes = n[0];
        return ERR_OK;
    }
    FAIL_IF(dataset->n_bytes < 0 || at > dataset->file_bytes || dataset->n_bytes > dataset->file_bytes - at, ERR_DATA,
            "images/bytes: the file is cut off");
    fd = open(dataset->path, O_RDONLY | O_CLOEXEC);
    FAIL_IF(fd < 0, ERR_MISSING, "cannot open it: %s", strerror(errno));
    void *map = mmap(NULL, (size_t)dataset->file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    FAIL_IF(map == MAP_FAILED, ERR_NOMEM, "cannot map it into memory: %s", strerror(errno));
    dataset->map = map;
    dataset->bytes = (const uint8_t *)map + at;

done:
    if (fd >= 0) close(fd);
    return err;
}

/* True if first[0..n] rises from 0 to total. */
static bool rises(const int64_t *first, int64_t n, int64_t total) {
    if (first[0] != 0 || first[n] != total) return false;
    for (int64_t i = 0; i < n; i++)
        if (first[i] > first[i + 1]) return false;
    return true;
}

static Err check_items(Dataset *dataset) {
    if (!rises(dataset->first_byte, dataset->n, dataset->n_bytes))
        return err_set(ERR_DATA, "images/first does not divide images/bytes");
    if (!rises(dataset->first_box, dataset->n, dataset->n_boxes))
        return err_set(ERR_DATA, "boxes/first does not divide boxes/xyxy");
    for (int64_t i = 0; i < dataset->n; i++) {
        DatasetItem item = dataset_item(dataset, i);
        const char *fault = dataset_item_fault(&item);
        int64_t bytes = dataset->first_byte[i + 1] - dataset->first_byte[i];
        if (fault == NULL && bytes != (int64_t)item.height * item.width * 3)
            fault = "the image has not height x width pixels";
        if (fault != NULL) return err_set(ERR_DATA, "image %lld: %s", (long long)i, fault);
        int64_t n_chars = utf8_length(item.text, strlen(item.text));
        if (n_chars > dataset->longest) dataset->longest = n_chars;
    }
    return dataset->longest <= INT32_MAX ? ERR_OK : err_set(ERR_DATA, "a text is too long");
}

static Err open_file(hid_t *out, Dataset *dataset) {
    struct stat info;
    *out = -1;
    if (stat(dataset->path, &info) != 0) return err_set(ERR_MISSING, "cannot open it: %s", strerror(errno));
    if (!S_ISREG(info.st_mode)) return err_set(ERR_MISSING, "it is not a file");
    if (access(dataset->path, R_OK) != 0) return err_set(ERR_MISSING, "cannot open it: %s", strerror(errno));
    dataset->file_bytes = (int64_t)info.st_size;
    column_quiet();
    if (H5Fis_hdf5(dataset->path) > 0) *out = H5Fopen(dataset->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return *out >= 0 ? ERR_OK : err_set(ERR_DATA, "it is not an HDF5 file, or damaged");
}

static Err read_file(Dataset *dataset) {
    Err err = ERR_OK;
    hid_t file = -1;
    TRY(open_file(&file, dataset));
    TRY(read_attributes(dataset, file));
    TRY(read_tables(dataset, file));
    TRY(map_pixels(dataset, file));
    TRY(check_items(dataset));

done:
    if (file >= 0) H5Fclose(file);
    return err;
}

static void clear(Dataset *dataset) {
    if (dataset->map != NULL) munmap(dataset->map, (size_t)dataset->file_bytes);
    void *blocks[] = {dataset->path,       dataset->importer,  dataset->origin, dataset->characters, dataset->sha256,
                      dataset->copy,       dataset->first_box, dataset->height, dataset->width,      dataset->box,
                      dataset->first_byte, dataset->split,     dataset->text,   dataset->photo,      dataset->file};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) mem_free(blocks[i]);
}

/* For a copy of this process: HDF5 crashes on some damaged files. */
static Err try_file(void *arg) {
    Err err = ERR_OK;
    Dataset trial = {0};
    TRY(mem_strdup(&trial.path, ((const Dataset *)arg)->path));
    TRY(read_file(&trial));
done:
    clear(&trial);
    return err;
}

Err dataset_open(Dataset **out, const char *path) {
    Err err = ERR_OK;
    Dataset *dataset = NULL;
    *out = NULL;
    TRY(mem_alloc(&dataset, 1, sizeof *dataset));
    TRY(mem_strdup(&dataset->path, path));
    TRY(isolate_run(try_file, dataset, isolate_file_bytes(path), "HDF5"));
    TRY(read_file(dataset));
    *out = dataset;
    dataset = NULL;

done:
    if (err != ERR_OK && err != ERR_NOMEM) err = err_context(err, "dataset %s", path);
    dataset_close(dataset);
    return err;
}

void dataset_close(Dataset *dataset) {
    if (dataset == NULL) return;
    clear(dataset);
    mem_free(dataset);
}

int64_t dataset_count(const Dataset *dataset) { return dataset->n; }
int32_t dataset_longest(const Dataset *dataset) { return (int32_t)dataset->longest; }
int64_t dataset_n_boxes(const Dataset *dataset) { return dataset->n_boxes; }
const char *dataset_path(const Dataset *dataset) { return dataset->path; }
const char *dataset_importer(const Dataset *dataset) { return dataset->importer; }
const char *dataset_origin(const Dataset *dataset) { return dataset->origin; }
const char *dataset_characters(const Dataset *dataset) { return dataset->characters; }
const char *dataset_sha256(const Dataset *dataset) { return dataset->sha256; }

DatasetItem dataset_item(const Dataset *dataset, int64_t i) {
    ASSERT(i >= 0 && i < dataset->n);
    return (DatasetItem){.height = dataset->height[i],
                         .width = dataset->width[i],
                         .pixels = dataset->bytes + dataset->first_byte[i],
                         .text = dataset->text[i],
                         .n_boxes = dataset->first_box[i + 1] - dataset->first_box[i],
                         .box = dataset->box + 4 * dataset->first_box[i],
                         .photo = dataset->photo[i],
                         .file = dataset->file[i],
                         .split = (Split)dataset->split[i]};
}

Err dataset_verify(const Dataset *dataset) {
    Digest digest;
    char hex[DIGEST_HEX];
    digest_start(&digest);
    for (int64_t i = 0; i < dataset->n; i++) {
        DatasetItem item = dataset_item(dataset, i);
        dataset_item_digest(&digest, &item);
    }
    if (strcmp(digest_hex(&digest, hex), dataset->sha256) == 0) return ERR_OK;
    return err_set(ERR_DATA,
                   "dataset %s: its contents have the digest %.12s..., the file says %.12s...: import it again",
                   dataset->path, hex, dataset->sha256);
}

/* Dataset files: what is written is read, damage is noticed, and photographs come to the model's size with their
 * boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/dataset.h"
#include "harness/data/loader.h"
#include "harness/data/preview.h"
#include "harness/data/resize.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "tests/data_settings.h"

enum { N_ITEMS = 5, PIXELS_MAX = 40 * 90 * 3 };

typedef struct Made {
    DatasetItem item;
    uint8_t pixels[PIXELS_MAX];
    float box[8 * 4];
} Made;
static Made made[N_ITEMS];

static void make_items(void) {
    static const struct {
        const char *text, *photo;
        int32_t height, width;
        bool boxed;
        Split split;
    } rows[N_ITEMS] = {{"Cat", "p1", 20, 60, true, SPLIT_TRAIN},
                       {"d-g", "p1", 31, 90, true, SPLIT_TRAIN},
                       {"\xe3\x81\x82x", "p2", 12, 17, false, SPLIT_TRAIN},
                       {"mouse", "p3", 40, 33, true, SPLIT_TEST},
                       {"ox", "p4", 1, 1, false, SPLIT_TRAIN}};
    static const int n_chars[N_ITEMS] = {3, 3, 2, 5, 2};
    for (int i = 0; i < N_ITEMS; i++) {
        Made *m = &made[i];
        for (int32_t k = 0; k < rows[i].height * rows[i].width * 3; k++) m->pixels[k] = (uint8_t)(k * 7 + i);
        for (int k = 0; rows[i].boxed && k < n_chars[i]; k++) {
            float width = (float)rows[i].width / (float)n_chars[i];
            float box[4] = {(float)k * width, 1.5f, (float)(k + 1) * width, (float)rows[i].height - 2};
            memcpy(m->box + 4 * k, box, sizeof box);
        }
        m->item = (DatasetItem){.height = rows[i].height,
                                .width = rows[i].width,
                                .pixels = m->pixels,
                                .text = rows[i].text,
                                .n_boxes = rows[i].boxed ? n_chars[i] : 0,
                                .box = m->box,
                                .photo = rows[i].photo,
                                .file = "from/here.png",
                                .split = rows[i].split};
    }
}

static const char *write_dataset(const char *name) {
    DatasetWriter *writer = NULL;
    const char *path = test_path(name);
    make_items();
    assert_int_equal(dataset_writer_open(&writer, path, "test", "a test"), ERR_OK);
    for (int i = 0; i < N_ITEMS; i++) assert_int_equal(dataset_writer_add(writer, &made[i].item), ERR_OK);
    if (dataset_writer_finish(writer) != ERR_OK) fail_msg("%s", err_message());
    dataset_writer_close(writer);
    return path;
}

static Dataset *open_dataset(const char *path) {
    Dataset *dataset = NULL;
    if (dataset_open(&dataset, path) != ERR_OK) fail_msg("%s", err_message());
    return dataset;
}

static void test_what_is_written_is_read(void **state) {
    (void)state;
    Dataset *dataset = open_dataset(write_dataset("a.h5"));
    assert_int_equal(dataset_count(dataset), N_ITEMS);
    assert_int_equal(dataset_longest(dataset), 5);
    assert_int_equal(dataset_n_boxes(dataset), 11);
    assert_string_equal(dataset_importer(dataset), "test");
    assert_string_equal(dataset_origin(dataset), "a test");
    assert_string_equal(dataset_characters(dataset), "-Cadegmostux\xe3\x81\x82");
    assert_int_equal(dataset_verify(dataset), ERR_OK);
    for (int i = 0; i < N_ITEMS; i++) {
        DatasetItem got = dataset_item(dataset, i), want = made[i].item;
        assert_int_equal(got.height, want.height);
        assert_int_equal(got.width, want.width);
        assert_memory_equal(got.pixels, want.pixels, (size_t)want.height * (size_t)want.width * 3);
        assert_string_equal(got.text, want.text);
        assert_string_equal(got.photo, want.photo);
        assert_string_equal(got.file, want.file);
        assert_int_equal(got.split, want.split);
        assert_int_equal(got.n_boxes, want.n_boxes);
        if (want.n_boxes > 0) assert_memory_equal(got.box, want.box, (size_t)want.n_boxes * 4 * sizeof(float));
    }
    dataset_close(dataset);
}

static void test_equal_contents_give_equal_files(void **state) {
    (void)state;
    size_t n_a = 0, n_b = 0;
    unsigned char *a = read_test_file(write_dataset("a.h5"), &n_a), *b = read_test_file(write_dataset("b.h5"), &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
}

static void test_nothing_is_left_behind(void **state) {
    (void)state;
    DatasetWriter *writer = NULL;
    int n_entries = 0;
    write_dataset("a.h5");
    assert_int_equal(dataset_writer_open(&writer, test_path("b.h5"), "test", ""), ERR_OK);
    assert_int_equal(dataset_writer_add(writer, &made[0].item), ERR_OK);
    dataset_writer_close(writer);
    assert_int_equal(dataset_writer_open(&writer, test_path("b.h5"), "test", ""), ERR_OK);
    assert_int_equal(dataset_writer_finish(writer), ERR_DATA);
    dataset_writer_close(writer);
    assert_int_equal(dataset_writer_open(&writer, "/nonexistent/b.h5", "test", ""), ERR_CREATE);
    DIR *dir = opendir(test_folder());
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        n_entries += strstr(entry->d_name, "tmp") != NULL;
    closedir(dir);
    assert_int_equal(n_entries, 0);
}

static void test_items_that_break_the_rules(void **state) {
    (void)state;
    DatasetWriter *writer = NULL;
    make_items();
    DatasetItem good = made[0].item;
    float bad_box[12] = {0, 0, 5, 5, 6, 5, 5, 6, 0, 0, 1, NAN};
    assert_null(dataset_item_fault(&good));
    DatasetItem bad[] = {good, good, good, good, good, good};
    bad[0].height = 0;
    bad[1].width = 70000;
    bad[2].text = "\xff";
    bad[3].text = "";
    bad[4].n_boxes = 2;
    bad[5].box = bad_box;
    assert_int_equal(dataset_writer_open(&writer, test_path("b.h5"), "test", ""), ERR_OK);
    for (int i = 0; i < 6; i++) assert_int_equal(dataset_writer_add(writer, &bad[i]), ERR_ARG);
    dataset_writer_close(writer);
}

/* ---- damage ---- */

static void expect_refused(const char *path, Err code, const char *part) {
    Dataset *dataset = NULL;
    assert_int_equal(dataset_open(&dataset, path), code);
    assert_null(dataset);
    if (strstr(err_message(), part) == NULL) fail_msg("'%s' does not contain '%s'", err_message(), part);
}

static void test_files_that_are_no_dataset(void **state) {
    (void)state;
    expect_refused("/nonexistent.h5", ERR_MISSING, "dataset /nonexistent.h5: cannot open it");
    expect_refused("/tmp", ERR_MISSING, "it is not a file");
    expect_refused(write_test_file("text.h5", "hello", 5), ERR_DATA, "it is not an HDF5 file, or damaged");
    hid_t file = H5Fcreate(test_path("empty.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(test_path("empty.h5"), ERR_DATA, "it is not a dataset");
}

/* Deletes a link, or replaces it by an array of n numbers. */
static void replace(const char *path, const char *name, hid_t type, hsize_t n) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    if (n > 0) {
        hid_t space = H5Screate_simple(1, &n, NULL);
        hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(set >= 0);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Fclose(file);
}

static void test_parts_that_do_not_fit(void **state) {
    (void)state;
    static const char *const names[] = {"images/bytes", "images/first", "images/height", "images/width", "text",
                                        "boxes/xyxy",   "boxes/first",  "photo",         "file",         "split"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        replace(write_dataset("part.h5"), names[i], -1, 0);
        expect_refused(test_path("part.h5"), ERR_DATA, names[i]);
        replace(write_dataset("part.h5"), names[i], H5T_STD_I32LE, 3);
        expect_refused(test_path("part.h5"), ERR_DATA, "dataset ");
        replace(write_dataset("part.h5"), names[i], H5T_IEEE_F64LE, (hsize_t)1 << 40);
        expect_refused(test_path("part.h5"), ERR_DATA, "dataset ");
    }
}

static void test_a_later_version_is_refused(void **state) {
    (void)state;
    int64_t version = DATASET_VERSION + 1;
    hid_t file = H5Fopen(write_dataset("later.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t attribute = H5Aopen(file, "version", H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, &version);
    H5Aclose(attribute);
    H5Fclose(file);
    expect_refused(test_path("later.h5"), ERR_DATA, "format version 2, this program reads version 1");
}

static void test_a_changed_pixel_is_noticed(void **state) {
    (void)state;
    size_t len = 0;
    unsigned char *bytes = read_test_file(write_dataset("a.h5"), &len);
    uint8_t *at = memmem(bytes, len, made[0].pixels, 60);
    assert_non_null(at);
    at[30] ^= 1;
    Dataset *dataset = open_dataset(write_test_file("flip.h5", bytes, len));
    assert_int_equal(dataset_verify(dataset), ERR_DATA);
    assert_non_null(strstr(err_message(), "import it again"));
    dataset_close(dataset);
    free(bytes);
}

static void test_damaged_files_do_no_harm(void **state) {
    (void)state;
    size_t len = 0;
    int n_opened = 0;
    unsigned char *bytes = read_test_file(write_dataset("a.h5"), &len);
    RngStream stream = rng_stream(1, "damage");
    for (uint64_t round = 0; round < 150; round++) {
        Rng rng = rng_at(stream, round, 0);
        unsigned char kept[3];
        size_t at[3], size = round % 4 == 0 ? rng_below(&rng, (uint32_t)len) : len;
        for (int k = 0; k < 3; k++) {
            at[k] = rng_below(&rng, (uint32_t)len);
            kept[k] = bytes[at[k]];
            bytes[at[k]] = (unsigned char)rng_u32(&rng);
        }
        Dataset *dataset = NULL;
        Err err = dataset_open(&dataset, write_test_file("damaged.h5", bytes, size));
        assert_true(err == ERR_OK || err == ERR_DATA || err == ERR_NOMEM);
        if (err == ERR_OK) {
            n_opened++;
            err = dataset_verify(dataset); /* touches every byte */
            assert_true(err == ERR_OK || err == ERR_DATA);
        }
        dataset_close(dataset);
        for (int k = 2; k >= 0; k--) bytes[at[k]] = kept[k];
    }
    assert_true(n_opened > 5 && n_opened < 145);
    free(bytes);
}

/* As h5repack leaves it: chunked and compressed. */
static void test_compressed_pixels_are_read(void **state) {
    (void)state;
    hsize_t n = 0, chunk = 1000;
    hid_t file = H5Fopen(write_dataset("packed.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "images/bytes", H5P_DEFAULT), space = H5Dget_space(set);
    H5Sget_simple_extent_dims(space, &n, NULL);
    uint8_t *pixels = malloc(n);
    assert_non_null(pixels);
    assert_true(H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) >= 0);
    H5Dclose(set);
    H5Ldelete(file, "images/bytes", H5P_DEFAULT);
    hid_t layout = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(layout, 1, &chunk);
    H5Pset_deflate(layout, 6);
    set = H5Dcreate2(file, "images/bytes", H5T_STD_U8LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) >= 0);
    H5Pclose(layout);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
    free(pixels);
    Dataset *dataset = open_dataset(test_path("packed.h5"));
    assert_int_equal(dataset_verify(dataset), ERR_OK);
    dataset_close(dataset);
}

static void test_failing_allocations(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", write_dataset("a.h5"));
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK && k < 1000; k++) {
        Dataset *dataset = NULL;
        mem_fail_at(k);
        err = dataset_open(&dataset, path);
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        dataset_close(dataset);
        assert_int_equal(mem_stats().live_blocks, live);
    }
    err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK && k < 1000; k++) {
        DatasetWriter *writer = NULL;
        snprintf(path, sizeof path, "%s", test_path("b.h5"));
        mem_fail_at(k);
        err = dataset_writer_open(&writer, path, "test", "");
        for (int i = 0; err == ERR_OK && i < N_ITEMS; i++) err = dataset_writer_add(writer, &made[i].item);
        if (err == ERR_OK) err = dataset_writer_finish(writer);
        mem_fail_at(0);
        dataset_writer_close(writer);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_int_equal(mem_stats().live_blocks, live);
    }
    assert_int_equal(err, ERR_OK);
}

/* ---- resizing ---- */

static void resize(Fit fit, const DatasetItem *item, Sample *out) {
    Resizer *resizer = NULL;
    assert_int_equal(resizer_new(&resizer, fit, item->height, item->width, out), ERR_OK);
    out->n_chars = (int32_t)item->n_boxes;
    resizer_run(resizer, item, out);
    resizer_free(resizer);
}

static void test_stretching(void **state) {
    (void)state;
    uint8_t ramp[4 * 256 * 3];
    float boxes[] = {0, 0, 128, 4, 128, 1, 300, 3};
    Sample out;
    assert_int_equal(sample_init(&out, 8, 64, 4), ERR_OK);
    for (int k = 0; k < 4 * 256 * 3; k++) ramp[k] = (uint8_t)(k / 3 % 256);
    DatasetItem item = {.height = 4, .width = 256, .pixels = ramp, .n_boxes = 2, .box = boxes};
    resize(FIT_STRETCH, &item, &out);
    for (int y = 0; y < 8; y++)
        for (int x = 2; x < 62; x++) { /* pixel x covers 4x .. 4x+3: mean 4x + 1.5 */
            double got = out.image[3 * (y * 64 + x)];
            assert_true(fabs(got - (4 * x + 1.5)) <= 0.6);
        }
    const float expected[] = {0, 0, 32, 8, 32, 2, 64, 6};
    assert_memory_equal(out.box, expected, sizeof expected);
    assert_int_equal(out.owner[0], 0);
    assert_int_equal(out.owner[31], 0);
    assert_int_equal(out.owner[32], OWNER_NONE);
    assert_int_equal(out.owner[2 * 64 + 32], 1);
    assert_int_equal(out.owner[5 * 64 + 63], 1);
    assert_int_equal(out.owner[6 * 64 + 63], OWNER_NONE);
    sample_clear(&out);
}

static void test_constant_pictures_stay_constant(void **state) {
    (void)state;
    static uint8_t flat[300 * 300 * 3];
    static const int32_t sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {7, 11}, {32, 128}, {300, 300}};
    memset(flat, 255, sizeof flat);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Sample out;
        assert_int_equal(sample_init(&out, 32, 128, 4), ERR_OK);
        DatasetItem item = {.height = sizes[i][0], .width = sizes[i][1], .pixels = flat};
        resize(FIT_STRETCH, &item, &out);
        for (int k = 0; k < 32 * 128 * 3; k++) assert_int_equal(out.image[k], 255);
        assert_false(out.has_boxes);
        resize(FIT_PAD, &item, &out);
        for (int k = 0; k < 32 * 128 * 3; k++) assert_true(out.image[k] == 255 || out.image[k] == 128);
        sample_clear(&out);
    }
}

static void test_padding_keeps_the_aspect_ratio(void **state) {
    (void)state;
    static uint8_t flat[64 * 64 * 3];
    float box[] = {0, 0, 64, 64};
    Sample out;
    assert_int_equal(sample_init(&out, 32, 128, 4), ERR_OK);
    DatasetItem item = {.height = 64, .width = 64, .pixels = flat, .n_boxes = 1, .box = box};
    resize(FIT_PAD, &item, &out);
    const float square[] = {0, 0, 32, 32};
    assert_memory_equal(out.box, square, sizeof square);
    assert_int_equal(out.image[3 * 31], 0);
    assert_int_equal(out.image[3 * 32], 128);
    item.height = 8; /* wide: limited by the width, in the middle of the height */
    float wide_box[] = {0, 0, 64, 8};
    item.box = wide_box;
    Sample tall;
    assert_int_equal(sample_init(&tall, 32, 32, 4), ERR_OK);
    resize(FIT_PAD, &item, &tall);
    const float strip[] = {0, 14, 32, 18};
    assert_memory_equal(tall.box, strip, sizeof strip);
    assert_int_equal(tall.image[3 * 13 * 32], 128);
    assert_int_equal(tall.image[3 * 14 * 32], 0);
    sample_clear(&out);
    sample_clear(&tall);
}

/* ---- as a source ---- */

static Settings *source_settings(const char *path, const char *more) {
    char lines[1500];
    snprintf(lines, sizeof lines,
             "data.train.photos.source=dataset\ndata.train.photos.file=%s\ntrain.batch=4\nfocus.kind=kl\n"
             "model.max_length=10\n%s",
             path, more);
    return data_settings(lines);
}

static void test_a_split_as_a_source(void **state) {
    (void)state;
    Loader *loader = NULL;
    LoaderBatch *batch = NULL;
    const char *reasons = NULL;
    char text[32];
    int n_inputs = 0;
    Settings *settings = source_settings(write_dataset("a.h5"), "data.train.photos.unusable=skip\n");
    if (loader_open(&loader, settings, "train", 0, NULL) != ERR_OK) fail_msg("%s", err_message());
    Source *source = loader_source(loader, 0);
    assert_int_equal(source_count(source), 2); /* Cat and ox */
    assert_int_equal(source_n_rejected(source, &reasons), 2);
    assert_string_equal(reasons, "2 with characters outside data.charset latin36, such as '-' (U+002D)");
    assert_string_equal(source_origin(source, 0), "from/here.png");
    const DataInput *inputs = source_inputs(source, &n_inputs);
    assert_int_equal(n_inputs, 1);
    assert_string_equal(inputs[0].kind, "dataset");
    assert_int_equal(loader_facts(loader)->n_steps, 4);
    assert_int_equal(loader_batch_new(&batch, loader), ERR_OK);
    loader_fill(loader, 0, batch);
    for (int32_t i = 0; i < 4; i++) {
        bool cat = batch->index[i] == 0;
        assert_string_equal(loader_text(loader, batch->label, i, text, sizeof text), cat ? "cat" : "ox");
        assert_true((batch->mask[i * 32 * 128] == -1) == !cat);
        assert_true((batch->labelled[i] > 0) == cat);
        if (!cat) continue;
        const float *box = batch->box + 4 * (4 + i); /* of the second character: 20..40 of 60 columns */
        assert_true(fabsf(box[0] - 128.0f / 3) < 1e-4f && fabsf(box[2] - 256.0f / 3) < 1e-4f);
        assert_true(fabsf(box[1] - 1.5f * 32 / 20) < 1e-4f && fabsf(box[3] - 18.0f * 32 / 20) < 1e-4f);
        assert_int_equal(batch->mask[(i * 32 + 16) * 128 + 64], 10); /* 'a' */
    }
    loader_batch_free(batch);
    loader_close(loader);
    settings_free(settings);
}

static void test_sources_that_have_nothing(void **state) {
    (void)state;
    static const struct {
        const char *more, *part;
    } bad[] = {{"data.charset=digits\n", "can be used: 4 with characters outside data.charset digits, such as 'C'"},
               {"data.train.photos.split=valid\n", "has no image in the split 'valid'"},
               {"model.max_length=1\ndata.train.photos.unusable=skip\n",
                "can be used: 4 longer than model.max_length 1 (up to"},
               {"", "2 of 4 images of dataset "},
               {"", "cannot be used: 2 with characters outside data.charset latin36, such as '-' (U+002D); expected a "
                    "data.charset and a model.max_length that take them, or data.train.photos.unusable: skip"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Loader *loader = NULL;
        Settings *settings = source_settings(write_dataset("a.h5"), bad[i].more);
        assert_int_equal(loader_open(&loader, settings, "train", 0, NULL), ERR_DATA);
        if (strstr(err_message(), bad[i].part) == NULL) fail_msg("'%s' lacks '%s'", err_message(), bad[i].part);
        settings_free(settings);
    }
    Settings *settings =
        source_settings(write_dataset("a.h5"), "data.train.photos.split=all\ndata.train.photos.count=2\n"
                                               "data.train.photos.unusable=skip\n");
    Loader *loader = NULL;
    assert_int_equal(loader_open(&loader, settings, "train", 0, NULL), ERR_OK);
    assert_int_equal(loader_count(loader), 2);
    loader_close(loader);
    settings_free(settings);
    /* a damaged pixel stops the training before it begins */
    size_t len = 0;
    unsigned char *bytes = read_test_file(test_path("a.h5"), &len);
    uint8_t *at = memmem(bytes, len, made[0].pixels, 60);
    assert_non_null(at);
    at[7] ^= 1;
    Picture none;
    settings = source_settings(write_test_file("flip.h5", bytes, len), "data.train.photos.unusable=skip\n");
    assert_int_equal(loader_open(&loader, settings, "train", 0, NULL), ERR_DATA);
    assert_non_null(strstr(err_message(), "digest"));
    assert_int_equal(preview_dataset(&none, test_path("flip.h5"), 3), ERR_DATA);
    settings_free(settings);
    free(bytes);
}

static void test_previews(void **state) {
    (void)state;
    Picture picture, again;
    assert_int_equal(preview_dataset(&picture, write_dataset("a.h5"), 3), ERR_OK);
    assert_true(picture.width > 500 && picture.height > 200);
    assert_int_equal(picture_write(&picture, test_path("sheet.png")), ERR_OK);
    assert_int_equal(picture_read(&again, test_path("sheet.png")), ERR_OK);
    assert_memory_equal(picture.pixels, again.pixels, (size_t)picture.height * (size_t)picture.width * 3);
    picture_clear(&picture);
    picture_clear(&again);
    Settings *settings = source_settings(test_path("a.h5"), "data.train.photos.unusable=skip\n"
                                                            "data.valid.lines.source=synthetic\n"
                                                            "data.valid.lines.fonts=[DejaVu Sans]\n");
    assert_int_equal(preview_settings(&picture, "title", settings, 0, 5), ERR_OK);
    /* each sample's own colours are on the sheet: the heading's blue, and the first character's */
    int n_blue = 0;
    for (int32_t k = 0; k < picture.height * picture.width; k++)
        n_blue += memcmp(picture.pixels + 3 * k, "\x8c\xc7\xff", 3) == 0;
    assert_true(n_blue > 100);
    picture_clear(&picture);
    settings_free(settings);
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_equal_contents_give_equal_files),
        cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_items_that_break_the_rules),
        cmocka_unit_test(test_files_that_are_no_dataset),
        cmocka_unit_test(test_parts_that_do_not_fit),
        cmocka_unit_test(test_a_later_version_is_refused),
        cmocka_unit_test(test_a_changed_pixel_is_noticed),
        cmocka_unit_test(test_damaged_files_do_no_harm),
        cmocka_unit_test(test_compressed_pixels_are_read),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_stretching),
        cmocka_unit_test(test_constant_pictures_stay_constant),
        cmocka_unit_test(test_padding_keeps_the_aspect_ratio),
        cmocka_unit_test(test_a_split_as_a_source),
        cmocka_unit_test(test_sources_that_have_nothing),
        cmocka_unit_test(test_previews),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}

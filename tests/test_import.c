/* Importers: what they take, what they leave out and why, and files that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/data/import.h"
#include "harness/data/picture.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "tests/data_settings.h"
#include "tests/dataset_fixture.h"

/* Reasons of an import, one a line. */
static char rejected[8192];

static void note(void *context, const char *file, const char *reason) {
    (void)context;
    size_t len = strlen(rejected);
    snprintf(rejected + len, sizeof rejected - len, "%s: %s\n", file, reason);
}

typedef Err (*Importer)(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count);

/* Imports into test_path(name); *count is filled. */
static Err import_to(const char *name, Importer importer, ImportSpec spec, ImportCount *count) {
    DatasetWriter *writer = NULL;
    rejected[0] = '\0';
    spec.reject = note;
    Err err = dataset_writer_open(&writer, test_path(name), "test", "here");
    if (err == ERR_OK) err = importer(writer, &spec, count);
    if (err == ERR_OK) err = dataset_writer_finish(writer);
    dataset_writer_close(writer);
    return err;
}

static Dataset *open_result(const char *name) {
    Dataset *dataset = NULL;
    if (dataset_open(&dataset, test_path(name)) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(dataset_verify(dataset), ERR_OK);
    return dataset;
}

static void expect_reject(const char *part) {
    if (strstr(rejected, part) == NULL) fail_msg("'%s' is not among the reasons:\n%s", part, rejected);
}

/* ---- IIIT5K ---- */

static void test_one_half(void **state) {
    (void)state;
    ImportCount count;
    ImportSpec spec = {.from = fixture_iiit5k(false), .valid = 0.3, .test = 0.3};
    if (import_to("half.h5", import_iiit5k, spec, &count) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(count.n_taken, 5);
    assert_int_equal(count.n_boxes, 12);
    assert_int_equal(count.n_rejected, 0);
    Dataset *dataset = open_result("half.h5");
    assert_int_equal(dataset_count(dataset), 5);
    assert_string_equal(dataset_characters(dataset), "9EHQYZaboux");
    DatasetItem item = dataset_item(dataset, 0);
    static const float expected[] = {0, 0, 10, 20, 10, 1, 19, 19, 19, 0, 30, 20};
    assert_string_equal(item.text, "You");
    assert_string_equal(item.photo, "7");
    assert_string_equal(item.file, "train/7_1.png");
    assert_int_equal(item.n_boxes, 3);
    assert_memory_equal(item.box, expected, sizeof expected);
    assert_int_equal(item.height, 20);
    assert_int_equal(item.width, 30);
    assert_int_equal(item.pixels[3 * (2 * 30 + 5)], 5);
    assert_int_equal(item.pixels[3 * (2 * 30 + 5) + 2], 70);
    /* words of one photograph stay together */
    assert_int_equal(dataset_item(dataset, 0).split, dataset_item(dataset, 1).split);
    assert_int_equal(dataset_item(dataset, 3).split, dataset_item(dataset, 4).split);
    dataset_close(dataset);
}

static void test_both_halves(void **state) {
    (void)state;
    ImportCount count;
    ImportSpec spec = {.from = fixture_iiit5k(true), .valid = 0.5, .test = 0.9};
    if (import_to("both.h5", import_iiit5k, spec, &count) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(count.n_taken, 7);
    assert_int_equal(count.n_split[SPLIT_TEST], 2);
    assert_int_equal(count.n_shared_photos, 1);
    Dataset *dataset = open_result("both.h5");
    for (int64_t i = 0; i < 7; i++) assert_true((dataset_item(dataset, i).split == SPLIT_TEST) == (i >= 5));
    dataset_close(dataset);
}

static void test_words_that_cannot_be_used(void **state) {
    (void)state;
    static const double boxes[] = {1, 1, 10, 20, 50, 2, 9, 18};
    static const FixtureWord words[] = {{"train/1_1.png", "ab", 1, boxes},   {"train/1_2.png", "ab", 2, boxes},
                                        {"train/none.png", "a", 1, boxes},   {"train/jpeg.png", "a", 1, boxes},
                                        {"train/cut.png", "a", 1, boxes},    {"", "a", 1, boxes},
                                        {"train/1_3.png", "fine", 0, boxes}, {"train/1_4.png", "", 0, boxes}};
    ImportCount count;
    char folder[400], path[600];
    size_t len = 0;
    snprintf(folder, sizeof folder, "%s/bad", test_folder());
    mkdir(folder, 0700);
    mkdir(test_path("bad/train"), 0700);
    fixture_write_mat(test_path("bad/trainCharBound.mat"), "trainCharBound", words, 8);
    for (int i = 1; i <= 4; i++) {
        snprintf(path, sizeof path, "%s/train/1_%d.png", folder, i);
        fixture_write_png(path, 20, 30, i);
    }
    write_test_file("bad/train/jpeg.png", "\xff\xd8\xff\xe0 something else", 18);
    unsigned char *bytes = read_test_file(test_path("bad/train/1_1.png"), &len);
    write_test_file("bad/train/cut.png", bytes, len / 2);
    free(bytes);
    if (import_to("bad.h5", import_iiit5k, (ImportSpec){.from = folder}, &count) != ERR_OK)
        fail_msg("%s", err_message());
    assert_int_equal(count.n_taken, 1);
    assert_int_equal(count.n_rejected, 7);
    expect_reject("train/1_1.png: 1 boxes for the 2 characters of 'ab'");
    expect_reject("train/1_2.png: box 2 (49,1 to 58,19) has nothing of the image (30 x 20 pixels)");
    expect_reject("train/none.png: cannot open the image");
    expect_reject("train/jpeg.png: a damaged JPEG: ");
    expect_reject("train/cut.png: a damaged PNG");
    expect_reject("trainCharBound(6): it has no image name");
    expect_reject("train/1_4.png: the text is empty");
}

/* ---- JPEG ---- */

static void expect_picture(const char *name, int channels) {
    Picture picture;
    if (picture_read(&picture, test_path(name)) != ERR_OK) fail_msg("%s: %s", name, err_message());
    assert_int_equal(picture.height, 20);
    assert_int_equal(picture.width, 31);
    for (int32_t y = 0; y < 20; y++)
        for (int32_t x = 0; x < 31; x++)
            for (int c = 0; c < 3; c++) {
                int got = picture.pixels[3 * (y * 31 + x) + c];
                int want = fixture_jpeg_value(y, x, channels == 1 ? 0 : c);
                if (abs(got - want) > 12) fail_msg("%s (%d,%d) %d: %d, expected %d", name, y, x, c, got, want);
            }
    picture_clear(&picture);
}

static void expect_no_picture(const char *name, const char *part) {
    Picture picture;
    assert_int_equal(picture_read(&picture, test_path(name)), ERR_DATA);
    assert_null(picture.pixels);
    if (strstr(err_message(), part) == NULL) fail_msg("%s: '%s' does not contain '%s'", name, err_message(), part);
}

/* photos/colour.jpg with `n` bytes more behind its first marker, as photos/NAME. */
static void write_longer_jpeg(const char *name, const void *more, size_t n) {
    size_t len = 0;
    unsigned char *bytes = read_test_file(test_path("photos/colour.jpg"), &len);
    unsigned char *longer = malloc(len + n);
    assert_non_null(longer);
    memcpy(longer, bytes, 2);
    memcpy(longer + 2, more, n);
    memcpy(longer + 2 + n, bytes + 2, len - 2);
    write_test_file(name, longer, len + n);
    free(longer);
    free(bytes);
}

/* A camera that lies on its side says so instead of turning the picture; of either order of bytes. */
static void test_jpeg_orientation(void **state) {
    (void)state;
    unsigned char big[] = "\xff\xe1\0\x22"
                          "Exif\0\0"
                          "MM\0*\0\0\0\x08"
                          "\0\x01"
                          "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
                          "\0\0\0\0";
    unsigned char little[] = "\xff\xe1\0\x22"
                             "Exif\0\0"
                             "II*\0\x08\0\0\0"
                             "\x01\0"
                             "\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"
                             "\0\0\0\0";
    enum { VALUE_BIG = 29, VALUE_LITTLE = 28, N = sizeof big - 1 };
    mkdir(test_path("photos"), 0700);
    fixture_write_jpeg(test_path("photos/colour.jpg"), 20, 31, 3);
    write_longer_jpeg("photos/turned.jpg", big, N);
    expect_no_picture("photos/turned.jpg", "a JPEG that EXIF says to turn (orientation 6): save it upright");
    write_longer_jpeg("photos/turned.jpg", little, N);
    expect_no_picture("photos/turned.jpg", "(orientation 8)");
    big[VALUE_BIG] = little[VALUE_LITTLE] = 1;
    write_longer_jpeg("photos/upright.jpg", big, N);
    expect_picture("photos/upright.jpg", 3);
    write_longer_jpeg("photos/upright.jpg", little, N);
    expect_picture("photos/upright.jpg", 3);
    for (size_t cut = 4; cut < N; cut++) { /* never beyond its end */
        big[3] = (unsigned char)(cut - 2);
        write_longer_jpeg("photos/cut.jpg", big, cut);
        expect_picture("photos/cut.jpg", 3);
    }
    write_longer_jpeg("photos/filled.jpg", "\xff\xfe\0\2camera", 10); /* a comment, and bytes before the next marker */
    expect_picture("photos/filled.jpg", 3);
}

static void test_jpeg(void **state) {
    (void)state;
    size_t len = 0;
    mkdir(test_path("photos"), 0700);
    fixture_write_jpeg(test_path("photos/colour.jpg"), 20, 31, 3);
    fixture_write_jpeg(test_path("photos/grey.jpg"), 20, 31, 1);
    fixture_write_jpeg(test_path("photos/cmyk.jpg"), 20, 31, 4);
    expect_picture("photos/colour.jpg", 3);
    expect_picture("photos/grey.jpg", 1);
    expect_no_picture("photos/cmyk.jpg", "a JPEG of 4 components, expected grey or RGB");
    unsigned char *bytes = read_test_file(test_path("photos/colour.jpg"), &len);
    for (size_t cut = 3; cut < len; cut += 1 + len / 40) { /* wherever it ends */
        write_test_file("photos/cut.jpg", bytes, cut);
        expect_no_picture("photos/cut.jpg", "a damaged JPEG: ");
    }
    free(bytes);
    write_test_file("photos/a.gif", "GIF89a and so on", 16);
    expect_no_picture("photos/a.gif", "a GIF image: only PNG and JPEG are read");
    write_test_file("photos/a.txt", "nothing of an image", 19);
    expect_no_picture("photos/a.txt", "neither a PNG nor a JPEG image");
}

static void expect_error(Importer importer, ImportSpec spec, Err code, const char *part) {
    ImportCount count;
    assert_int_equal(import_to("never.h5", importer, spec, &count), code);
    if (strstr(err_message(), part) == NULL) fail_msg("'%s' does not contain '%s'", err_message(), part);
    assert_int_equal(access(test_path("never.h5"), F_OK), -1);
}

static void test_folders_that_are_not_iiit5k(void **state) {
    (void)state;
    char folder[400];
    static const double boxes[] = {1, 1, 10, 20};
    static const FixtureWord word = {"train/none.png", "a", 1, boxes};
    snprintf(folder, sizeof folder, "%s/other", test_folder());
    ImportSpec spec = {.from = folder};
    mkdir(folder, 0700);
    expect_error(import_iiit5k, spec, ERR_MISSING, "has neither trainCharBound.mat nor testCharBound.mat");
    write_test_file("other/trainCharBound.mat", "MATLAB", 6);
    expect_error(import_iiit5k, spec, ERR_DATA, "trainCharBound.mat: it is not a MAT file");
    fixture_write_mat(test_path("other/trainCharBound.mat"), "somethingElse", &word, 1);
    expect_error(import_iiit5k, spec, ERR_DATA, "has no variable trainCharBound");
    fixture_write_mat(test_path("other/trainCharBound.mat"), "trainCharBound", &word, 1);
    expect_error(import_iiit5k, spec, ERR_DATA, "no image was taken");
}

/* ---- folders ---- */

static void write_table(const char *text) { write_test_file("photos/labels.tsv", text, strlen(text)); }

static void make_photos(void) {
    mkdir(test_path("photos"), 0700);
    fixture_write_png(test_path("photos/a.png"), 10, 40, 1);
    fixture_write_png(test_path("photos/b.png"), 12, 20, 2);
    fixture_write_png(test_path("photos/c.png"), 14, 20, 3);
}

static void test_table(void **state) {
    (void)state;
    ImportCount count;
    make_photos();
    write_table("\xef\xbb\xbf"
                "a.png\t\xe3\x81\x82\xe3\x81\x84\t0,0,20,10;20,0.5,25,9\tshop\r\n\nb.png\thello\nc.png\tx\t\tshop");
    if (import_to("photos.h5", import_folder, (ImportSpec){.from = test_path("photos"), .valid = 0.5}, &count) !=
        ERR_OK)
        fail_msg("%s", err_message());
    assert_int_equal(count.n_taken, 3);
    assert_int_equal(count.n_boxes, 2);
    Dataset *dataset = open_result("photos.h5");
    static const float expected[] = {0, 0, 20, 10, 20, 0.5f, 40, 9.5f}; /* clipped to 40 columns */
    DatasetItem a = dataset_item(dataset, 0), b = dataset_item(dataset, 1), c = dataset_item(dataset, 2);
    assert_string_equal(a.text, "\xe3\x81\x82\xe3\x81\x84");
    assert_memory_equal(a.box, expected, sizeof expected);
    assert_string_equal(b.photo, "b.png");
    assert_int_equal(b.n_boxes, 0);
    assert_string_equal(c.photo, "shop");
    assert_int_equal(a.split, c.split);
    assert_int_equal(dataset_longest(dataset), 5);
    DatasetFacts facts;
    assert_int_equal(dataset_facts(&facts, dataset), ERR_OK);
    assert_int_equal(facts.n_photos, 2);
    assert_int_equal(facts.max_width, 40);
    assert_int_equal(facts.min_height, 10);
    dataset_close(dataset);
}

static void test_header_names_the_columns(void **state) {
    (void)state;
    ImportCount count;
    make_photos();
    write_table("file\tsplit\ttext\na.png\ttest\tone\nb.png\tvalid\ttwo\nc.png\tother\tthree\n");
    ImportSpec spec = {.from = test_path("photos")};
    if (import_to("photos.h5", import_folder, spec, &count) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(count.n_split[SPLIT_TEST], 1);
    assert_int_equal(count.n_split[SPLIT_VALID], 1);
    expect_reject("c.png: its split is not train, valid or test");
    write_table("file\ttext\tfile\n");
    expect_error(import_folder, spec, ERR_DATA, "labels.tsv:1: column 'file'");
    write_table("file\tboxes\n");
    expect_error(import_folder, spec, ERR_DATA, "labels.tsv:1: expected the columns file, text");
}

static void test_lines_that_cannot_be_used(void **state) {
    (void)state;
    ImportCount count;
    make_photos();
    write_table("a.png\tab\t1,2,3;4,5,6,7\n"
                "a.png\tab\t1,2,3,4\n"
                "a.png\tab\t1,2,3,4;5,6,7,nan\n"
                "a.png\tab\t1,2,3,4;5,6,-7,2\n"
                "a.png\n"
                "\tx\n"
                "a.png\tx\t\t\t\textra\n"
                "labels.tsv\tx\n"
                "b.png\tgood\n");
    ImportSpec spec = {.from = test_path("photos")};
    if (import_to("photos.h5", import_folder, spec, &count) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(count.n_taken, 1);
    assert_int_equal(count.n_rejected, 8);
    expect_reject("a.png: its boxes are not written x,y,w,h");
    expect_reject("a.png: 1 boxes for the 2 characters");
    expect_reject("a.png: box 2 (5,6 to -2,8) has nothing of the image");
    expect_reject("a.png: the text is empty");
    expect_reject("line 6: it names no file");
    expect_reject("line 7: it has too many columns");
    expect_reject("labels.tsv: neither a PNG nor a JPEG image");
    write_table("a.png\t\xff\n");
    expect_error(import_folder, spec, ERR_DATA, "labels.tsv:1: the table of labels is not UTF-8");
    write_table("");
    expect_error(import_folder, spec, ERR_DATA, "is empty, expected lines of file, text, boxes");
    unlink(test_path("photos/labels.tsv"));
    expect_error(import_folder, spec, ERR_MISSING, "cannot open the table of labels");
}

/* ---- splits ---- */

static void test_splits_follow_the_shares(void **state) {
    (void)state;
    int n[SPLIT_COUNT] = {0}, n_other = 0;
    for (int i = 0; i < 4000; i++) {
        char photo[16];
        snprintf(photo, sizeof photo, "%d", i);
        Split split = import_split(photo, 0.1, 0.2, 5);
        assert_int_equal(split, import_split(photo, 0.1, 0.2, 5));
        n[split]++;
        n_other += split != import_split(photo, 0.1, 0.2, 6);
        /* a larger test share only moves photographs into it */
        if (split == SPLIT_TEST) assert_int_equal(import_split(photo, 0.1, 0.5, 5), SPLIT_TEST);
    }
    assert_in_range(n[SPLIT_VALID], 320, 480); /* 400 +- 4.2 standard deviations */
    assert_in_range(n[SPLIT_TEST], 690, 910);  /* 800 +- 4.3 */
    assert_true(n_other > 1000);
}

/* ---- hostile files ---- */

static void test_damaged_mat_files_do_no_harm(void **state) {
    (void)state;
    char folder[400];
    size_t len = 0;
    snprintf(folder, sizeof folder, "%s", fixture_iiit5k(false));
    unsigned char *bytes = read_test_file(test_path("half/trainCharBound.mat"), &len);
    RngStream stream = rng_stream(1, "damage");
    for (uint64_t round = 0; round < 60; round++) {
        Rng rng = rng_at(stream, round, 0);
        unsigned char kept[4];
        size_t at[4];
        for (int k = 0; k < 4; k++) {
            at[k] = 124 + rng_below(&rng, (uint32_t)len - 124);
            kept[k] = bytes[at[k]];
            bytes[at[k]] ^= (unsigned char)(1u << rng_below(&rng, 8));
        }
        ImportCount count;
        write_test_file("half/trainCharBound.mat", bytes, round % 3 == 0 ? len - 1 - round : len);
        Err err = import_to("damaged.h5", import_iiit5k, (ImportSpec){.from = folder}, &count);
        assert_true(err == ERR_OK || err == ERR_DATA);
        for (int k = 3; k >= 0; k--) bytes[at[k]] = kept[k];
    }
    free(bytes);
}

static void test_damaged_pictures_do_no_harm(void **state) {
    (void)state;
    size_t len = 0;
    fixture_write_png(test_path("whole.png"), 9, 13, 4);
    unsigned char *bytes = read_test_file(test_path("whole.png"), &len);
    for (size_t k = 0; k < len; k++) {
        Picture picture;
        bytes[k] ^= 0x15;
        Err err = picture_read(&picture, write_test_file("flipped.png", bytes, len));
        assert_true(err == ERR_OK || err == ERR_DATA);
        picture_clear(&picture);
        bytes[k] ^= 0x15;
        err = picture_read(&picture, write_test_file("flipped.png", bytes, k));
        assert_true(err == ERR_DATA || (err == ERR_OK && k > len - 16));
        picture_clear(&picture);
    }
    free(bytes);
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_half),
        cmocka_unit_test(test_both_halves),
        cmocka_unit_test(test_words_that_cannot_be_used),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_orientation),
        cmocka_unit_test(test_folders_that_are_not_iiit5k),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_header_names_the_columns),
        cmocka_unit_test(test_lines_that_cannot_be_used),
        cmocka_unit_test(test_splits_follow_the_shares),
        cmocka_unit_test(test_damaged_mat_files_do_no_harm),
        cmocka_unit_test(test_damaged_pictures_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}

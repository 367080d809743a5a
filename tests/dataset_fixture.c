#include "tests/dataset_fixture.h"

#include <matio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "harness/data/picture.h"
#include "tests/data_settings.h"

void fixture_write_png(const char *path, int32_t height, int32_t width, int seed) {
    Picture picture;
    assert_int_equal(picture_init(&picture, height, width), ERR_OK);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            uint8_t *p = picture.pixels + 3 * (y * width + x);
            p[0] = (uint8_t)(x + seed);
            p[1] = (uint8_t)y;
            p[2] = (uint8_t)(7 * x * y);
        }
    assert_int_equal(picture_write(&picture, path), ERR_OK);
    picture_clear(&picture);
}

void fixture_write_jpeg(const char *path, int32_t height, int32_t width, int channels) {
    struct jpeg_error_mgr failure; /* an error ends the test program */
    struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&failure)};
    JSAMPLE line[3 * 256];
    JSAMPROW row = line;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++) line[x * channels + c] = fixture_jpeg_value(y, x, c);
        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(file), 0);
}

static matvar_t *char_array(const char *text) {
    size_t dims[2] = {1, strlen(text)};
    return Mat_VarCreate("x", MAT_C_CHAR, MAT_T_UTF8, 2, dims, (void *)text, 0); /* copied */
}

/* Columns first, in single precision, as the official files are. */
static matvar_t *box_array(const FixtureWord *word) {
    float column[4 * 64];
    size_t dims[2] = {(size_t)word->n_boxes, 4};
    for (int i = 0; i < word->n_boxes; i++)
        for (int k = 0; k < 4; k++) column[k * word->n_boxes + i] = (float)word->box[4 * i + k];
    return Mat_VarCreate("x", MAT_C_SINGLE, MAT_T_SINGLE, 2, dims, column, 0);
}

void fixture_write_mat_as(const char *path, const char *variable, const FixtureWord *words, int n, bool compressed) {
    static const char *fields[] = {"ImgName", "chars", "charBB"};
    size_t dims[2] = {1, (size_t)n};
    unlink(path);
    mat_t *mat = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    assert_non_null(mat);
    matvar_t *array = Mat_VarCreateStruct(variable, 2, dims, fields, 3);
    assert_non_null(array);
    for (int i = 0; i < n; i++) {
        Mat_VarSetStructFieldByName(array, "ImgName", (size_t)i, char_array(words[i].file));
        Mat_VarSetStructFieldByName(array, "chars", (size_t)i, char_array(words[i].text));
        Mat_VarSetStructFieldByName(array, "charBB", (size_t)i, box_array(&words[i]));
    }
    assert_int_equal(Mat_VarWrite(mat, array, compressed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(array);
    Mat_Close(mat);
}

void fixture_write_mat(const char *path, const char *variable, const FixtureWord *words, int n) {
    fixture_write_mat_as(path, variable, words, n, true);
}

const char *fixture_iiit5k(bool with_test) {
    static char folder[512];
    static const double boxes[] = {1, 1, 10, 20, 11, 2, 9, 18, 20, 1, 11, 20};
    static const FixtureWord train[] = {{"train/7_1.png", "You", 3, boxes},
                                        {"train/7_2.png", "ab", 2, boxes},
                                        {"train/12_1.png", "Z", 1, boxes},
                                        {"train/30_1.png", "x9Q", 3, boxes},
                                        {"train/30_2.png", "HEY", 3, boxes}};
    static const FixtureWord test[] = {{"test/7_3.png", "one", 3, boxes}, {"test/8_1.png", "on", 2, boxes}};
    char path[600];
    snprintf(folder, sizeof folder, "%s/%s", test_folder(), with_test ? "both" : "half");
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/trainCharBound.mat", folder);
    fixture_write_mat(path, "trainCharBound", train, 5);
    snprintf(path, sizeof path, "%s/train", folder);
    mkdir(path, 0700);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, train[i].file);
        fixture_write_png(path, 20 + i, 30 + i, i);
    }
    if (!with_test) return folder;
    snprintf(path, sizeof path, "%s/testCharBound.mat", folder);
    fixture_write_mat(path, "testCharBound", test, 2);
    snprintf(path, sizeof path, "%s/test", folder);
    mkdir(path, 0700);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, test[i].file);
        fixture_write_png(path, 20, 30, 50 + i);
    }
    return folder;
}

/* IIIT5K-Words (Mishra, Alahari, Jawahar, BMVC 2012). <half>CharBound.mat holds a struct array <half>CharBound with the
 * fields ImgName "train/1009_2.png", chars "YOU", charBB [n,4] = x, y, width, height of each character, x and y
 * counted from 1: the box of columns x .. x+w-1 is [x-1, x-1+w) here. */
#include "harness/data/import.h"

#include <matio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { MAX_CHARS = 1000 };

/* One half: its file and the struct array in it. */
typedef struct Half {
    const char *name; /* "train" */
    char *path;
    mat_t *mat;
    matvar_t *words;
    size_t n;
} Half;

static void half_clear(Half *half) {
    Mat_VarFree(half->words);
    if (half->mat != NULL) Mat_Close(half->mat);
    mem_free(half->path);
    memset(half, 0, sizeof *half);
}

/* Leaves half->mat NULL if the file is not there. */
static Err half_open(Half *half, const char *folder, const char *name) {
    Err err = ERR_OK;
    char variable[32];
    half->name = name;
    snprintf(variable, sizeof variable, "%.10sCharBound", name);
    TRY(mem_printf(&half->path, "%s/%s.mat", folder, variable));
    if (access(half->path, F_OK) != 0) return ERR_OK;
    half->mat = Mat_Open(half->path, MAT_ACC_RDONLY);
    FAIL_IF(half->mat == NULL, ERR_DATA, "%s is not a MAT file, or damaged", half->path);
    half->words = Mat_VarRead(half->mat, variable);
    FAIL_IF(half->words == NULL, ERR_DATA, "%s has no variable %s, or is damaged", half->path, variable);
    bool fields = half->words->class_type == MAT_C_STRUCT && half->words->rank == 2 && half->words->data != NULL;
    static const char *const names[] = {"ImgName", "chars", "charBB"};
    for (int i = 0; fields && i < 3; i++) fields = Mat_VarGetStructFieldByName(half->words, names[i], 0) != NULL;
    FAIL_IF(!fields, ERR_DATA, "%s: %s is not a struct array with the fields ImgName, chars, charBB", half->path,
            variable);
    half->n = half->words->dims[0] * half->words->dims[1];

done:
    return err;
}

/* Number i of a numeric array, as matio left it. */
static double number_at(const matvar_t *array, size_t i) {
    const void *data = array->data;
    switch (array->class_type) {
    case MAT_C_DOUBLE: return ((const double *)data)[i];
    case MAT_C_SINGLE: return (double)((const float *)data)[i];
    case MAT_C_INT8: return ((const int8_t *)data)[i];
    case MAT_C_UINT8: return ((const uint8_t *)data)[i];
    case MAT_C_INT16: return ((const int16_t *)data)[i];
    case MAT_C_UINT16: return ((const uint16_t *)data)[i];
    case MAT_C_INT32: return ((const int32_t *)data)[i];
    case MAT_C_UINT32: return ((const uint32_t *)data)[i];
    default: return -1;
    }
}

static size_t number_size(enum matio_classes class) {
    switch (class) {
    case MAT_C_DOUBLE: return 8;
    case MAT_C_SINGLE:
    case MAT_C_INT32:
    case MAT_C_UINT32: return 4;
    case MAT_C_INT16:
    case MAT_C_UINT16: return 2;
    case MAT_C_INT8:
    case MAT_C_UINT8: return 1;
    default: return 0;
    }
}

/* A char array as UTF-8 into buf; false if it is none or too long. matio keeps one element per code unit. */
static bool text_of(const matvar_t *array, char *buf, size_t len) {
    if (array == NULL || array->class_type != MAT_C_CHAR || array->rank != 2) return false;
    size_t n = array->dims[0] * array->dims[1], at = 0;
    size_t unit = array->data_type == MAT_T_UINT16 || array->data_type == MAT_T_UTF16 ? 2 : 1;
    if (array->data == NULL || array->nbytes < n * unit) return n == 0 && len > 0 && (buf[0] = '\0', true);
    for (size_t i = 0; i < n; i++) {
        uint32_t c = unit == 2 ? ((const uint16_t *)array->data)[i] : ((const uint8_t *)array->data)[i];
        if (at + UTF8_MAX + 1 > len || c == 0) return false;
        if (unit == 2)
            at += (size_t)utf8_encode(c, buf + at);
        else
            buf[at++] = (char)(unsigned char)c;
    }
    buf[at] = '\0';
    return true;
}

/* Boxes into box [MAX_CHARS,4]; their number, or -1 if the array is not one of boxes. Columns first, as MATLAB does. */
static int64_t boxes_of(const matvar_t *array, float *box) {
    if (array == NULL || array->rank != 2) return -1;
    size_t n = array->dims[0], size = number_size(array->class_type);
    if (n == 0) return 0;
    if (array->dims[1] != 4 || n > MAX_CHARS || size == 0 || array->isComplex || array->data == NULL) return -1;
    if (array->nbytes < n * 4 * size) return -1;
    for (size_t i = 0; i < n; i++) {
        double x = number_at(array, i) - 1, y = number_at(array, n + i) - 1;
        box[4 * i] = (float)x;
        box[4 * i + 1] = (float)y;
        box[4 * i + 2] = (float)(x + number_at(array, 2 * n + i));
        box[4 * i + 3] = (float)(y + number_at(array, 3 * n + i));
    }
    return (int64_t)n;
}

/* "train/1009_2.png" -> "1009". */
static void photo_of(const char *file, char *photo, size_t len) {
    const char *slash = strrchr(file, '/');
    snprintf(photo, len, "%s", slash == NULL ? file : slash + 1);
    photo[strcspn(photo, "_")] = '\0';
}

static Err add_word(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count, const Half *half, size_t i,
                    bool divided, float *box) {
    char file[512] = "", text[MAX_CHARS], photo[512], fallback[64];
    snprintf(fallback, sizeof fallback, "%.10sCharBound(%zu)", half->name, i + 1);
    if (!text_of(Mat_VarGetStructFieldByName(half->words, "ImgName", i), file, sizeof file) || file[0] == '\0') {
        import_reject(spec, count, fallback, "it has no image name");
        return ERR_OK;
    }
    if (!text_of(Mat_VarGetStructFieldByName(half->words, "chars", i), text, sizeof text)) {
        import_reject(spec, count, file, "its text cannot be read");
        return ERR_OK;
    }
    int64_t n_boxes = boxes_of(Mat_VarGetStructFieldByName(half->words, "charBB", i), box);
    if (n_boxes < 0) {
        import_reject(spec, count, file, "its boxes are not an array of n x 4 numbers");
        return ERR_OK;
    }
    photo_of(file, photo, sizeof photo);
    bool is_test = strcmp(half->name, "test") == 0;
    Split split = divided   ? import_split(photo, spec->valid, spec->test, spec->seed)
                  : is_test ? SPLIT_TEST
                            : import_split(photo, spec->valid, 0, spec->seed);
    ImportItem item = {.file = file, .text = text, .photo = photo, .box = box, .n_boxes = n_boxes, .split = split};
    return import_add(writer, spec, count, &item);
}

static bool has_photo(const Half *half, const char *photo) {
    char file[512], own[512];
    for (size_t i = 0; i < half->n; i++) {
        if (!text_of(Mat_VarGetStructFieldByName(half->words, "ImgName", i), file, sizeof file)) continue;
        photo_of(file, own, sizeof own);
        if (strcmp(own, photo) == 0) return true;
    }
    return false;
}

/* Photographs of the train half that are in the test half too, each counted once (its words stand together). */
static int64_t count_shared(const Half *train, const Half *test) {
    char file[512], photo[512], previous[512] = "";
    int64_t n = 0;
    for (size_t i = 0; i < train->n; i++) {
        if (!text_of(Mat_VarGetStructFieldByName(train->words, "ImgName", i), file, sizeof file)) continue;
        photo_of(file, photo, sizeof photo);
        if (strcmp(photo, previous) == 0) continue;
        n += has_photo(test, photo);
        snprintf(previous, sizeof previous, "%s", photo);
    }
    return n;
}

Err import_iiit5k(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count) {
    Err err = ERR_OK;
    Half half[2] = {{0}, {0}};
    float *box = NULL;
    memset(count, 0, sizeof *count);
    TRY(mem_alloc(&box, MAX_CHARS, 4 * sizeof *box));
    TRY(half_open(&half[0], spec->from, "train"));
    TRY(half_open(&half[1], spec->from, "test"));
    FAIL_IF(half[0].mat == NULL && half[1].mat == NULL, ERR_MISSING,
            "%s has neither trainCharBound.mat nor testCharBound.mat: is it the IIIT5K folder?", spec->from);
    bool divided = half[0].mat == NULL || half[1].mat == NULL;
    for (int h = 0; h < 2; h++)
        for (size_t i = 0; i < half[h].n; i++) TRY(add_word(writer, spec, count, &half[h], i, divided, box));
    if (!divided) count->n_shared_photos = count_shared(&half[0], &half[1]);

done:
    half_clear(&half[0]);
    half_clear(&half[1]);
    mem_free(box);
    return err;
}

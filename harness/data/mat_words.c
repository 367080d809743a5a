/* The copy of the process writes its words to a nameless temporary file; what is read back from it is checked. */
#include "harness/data/mat_words.h"

#include <errno.h>
#include <matio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/isolate.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

static const char *const fields[3] = {"ImgName", "chars", "charBB"};

/* ---- in the copy of the process ---- */

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
    buf[0] = '\0';
    if (array == NULL || array->class_type != MAT_C_CHAR || array->rank != 2 || array->dims == NULL) return false;
    size_t n = array->dims[0] * array->dims[1], at = 0;
    size_t unit = array->data_type == MAT_T_UINT16 || array->data_type == MAT_T_UTF16 ? 2 : 1;
    if (n == 0) return true;
    if (n >= len || array->data == NULL || array->nbytes < n * unit) return false;
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

/* Boxes from columns x, y, width, height counted from 1; their number, or -1 if the array is not one of boxes. */
static int32_t boxes_of(const matvar_t *array, float *box) {
    if (array == NULL || array->rank != 2 || array->dims == NULL) return -1;
    size_t n = array->dims[0], size = number_size(array->class_type);
    if (n == 0) return 0;
    if (array->dims[1] != 4 || n > MAT_WORD_BOXES || size == 0 || array->isComplex || array->data == NULL) return -1;
    if (array->nbytes < n * 4 * size) return -1;
    for (size_t i = 0; i < n; i++) {
        double x = number_at(array, i) - 1, y = number_at(array, n + i) - 1;
        box[4 * i] = (float)x;
        box[4 * i + 1] = (float)y;
        box[4 * i + 2] = (float)(x + number_at(array, 2 * n + i));
        box[4 * i + 3] = (float)(y + number_at(array, 3 * n + i));
    }
    return (int32_t)n;
}

static bool write_word(matvar_t *array, size_t i, FILE *to) {
    static float box[4 * MAT_WORD_BOXES];
    matvar_t *cell[3];
    MatWord word;
    memset(&word, 0, sizeof word);
    for (int k = 0; k < 3; k++) cell[k] = Mat_VarGetStructFieldByName(array, fields[k], i);
    int32_t n_boxes = boxes_of(cell[2], box);
    if (!text_of(cell[0], word.file, sizeof word.file) || word.file[0] == '\0')
        word.fault = MAT_FAULT_NAME;
    else if (!text_of(cell[1], word.text, sizeof word.text))
        word.fault = MAT_FAULT_TEXT;
    else if (n_boxes < 0)
        word.fault = MAT_FAULT_BOXES;
    word.n_boxes = word.fault == MAT_FAULT_NONE ? n_boxes : 0;
    size_t bytes = (size_t)word.n_boxes * 4 * sizeof *box;
    return fwrite(&word, sizeof word, 1, to) == 1 && fwrite(box, 1, bytes, to) == bytes;
}

typedef struct Job {
    const char *path, *variable;
    FILE *to;
} Job;

static Err write_words(void *arg) {
    const Job *job = arg;
    mat_t *mat = Mat_Open(job->path, MAT_ACC_RDONLY);
    if (mat == NULL) return err_set(ERR_DATA, "it is not a MAT file, or damaged");
    matvar_t *array = Mat_VarRead(mat, job->variable);
    if (array == NULL) return err_set(ERR_DATA, "it has no variable %s, or is damaged", job->variable);
    bool good = array->class_type == MAT_C_STRUCT && array->rank == 2 && array->dims != NULL && array->data != NULL;
    char *const *names = good ? Mat_VarGetStructFieldnames(array) : NULL;
    good = names != NULL; /* or looking for a field by its name ends in matio */
    for (unsigned k = 0; good && k < Mat_VarGetNumberOfFields(array); k++) good = names[k] != NULL;
    size_t n = good ? array->dims[0] * array->dims[1] : 0;
    for (int k = 0; good && k < 3; k++) good = n > 0 && Mat_VarGetStructFieldByName(array, fields[k], 0) != NULL;
    if (!good)
        return err_set(ERR_DATA, "%s is not a struct array with the fields ImgName, chars, charBB", job->variable);
    for (size_t i = 0; i < n && good; i++) good = write_word(array, i, job->to);
    good = good && fflush(job->to) == 0;
    return good ? ERR_OK : err_set(ERR_IO, "cannot write a temporary file: %s", strerror(errno));
}

/* ---- in the process itself ---- */

static Err take_word(MatWords *words, int64_t *room, int64_t *box_room, const MatWord *word, FILE *from) {
    Err err = ERR_OK;
    bool good = word->n_boxes >= 0 && word->n_boxes <= MAT_WORD_BOXES && word->fault >= 0 &&
                word->fault < MAT_FAULT_COUNT && memchr(word->file, '\0', sizeof word->file) != NULL &&
                memchr(word->text, '\0', sizeof word->text) != NULL;
    FAIL_IF(!good, ERR_DATA, "reading the MAT file went wrong");
    if (words->n == *room) {
        TRY(mem_grow(&words->word, (size_t)*room, (size_t)(2 * *room + 256), sizeof *words->word));
        *room = 2 * *room + 256;
    }
    if (words->n_boxes + word->n_boxes > *box_room) {
        int64_t wanted = 2 * *box_room + MAT_WORD_BOXES;
        TRY(mem_grow(&words->box, (size_t)*box_room, (size_t)wanted, 4 * sizeof *words->box));
        *box_room = wanted;
    }
    size_t n = (size_t)word->n_boxes;
    FAIL_IF(n > 0 && fread(words->box + 4 * words->n_boxes, 4 * sizeof *words->box, n, from) != n, ERR_IO,
            "cannot read back a temporary file");
    words->word[words->n] = *word;
    words->word[words->n++].first_box = words->n_boxes;
    words->n_boxes += word->n_boxes;

done:
    return err;
}

Err mat_words_read(MatWords *out, const char *path, const char *variable) {
    Err err = ERR_OK;
    MatWords words = {0};
    MatWord word;
    int64_t room = 0, box_room = 0;
    *out = words;
    FILE *file = tmpfile();
    FAIL_IF(file == NULL, ERR_CREATE, "cannot create a temporary file: %s", strerror(errno));
    Job job = {path, variable, file};
    err = isolate_run(write_words, &job, isolate_file_bytes(path), "libmatio");
    if (err != ERR_OK) TRY(err_context(err, "%s", path));
    rewind(file);
    while (fread(&word, sizeof word, 1, file) == 1) TRY(take_word(&words, &room, &box_room, &word, file));
    *out = words;
    words = (MatWords){0};

done:
    if (file != NULL) fclose(file);
    mat_words_clear(&words);
    return err;
}

void mat_words_clear(MatWords *words) {
    mem_free(words->word);
    mem_free(words->box);
    *words = (MatWords){0};
}

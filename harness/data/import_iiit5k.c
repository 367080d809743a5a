/* IIIT5K-Words (Mishra, Alahari, Jawahar, BMVC 2012). <half>CharBound.mat holds a struct array <half>CharBound with the
 * fields ImgName "train/1009_2.png", chars "YOU", charBB [n,4] = x, y, width, height of each character, x and y
 * counted from 1: the box of columns x .. x+w-1 is [x-1, x-1+w) here. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/import.h"
#include "harness/data/mat_words.h"
#include "kernels/mem.h"

/* One half of the official folder. */
typedef struct Half {
    const char *name; /* "train" */
    bool is_there;
    MatWords words;
} Half;

static Err half_read(Half *half, const char *folder, const char *name) {
    Err err = ERR_OK;
    char *path = NULL, variable[32];
    half->name = name;
    snprintf(variable, sizeof variable, "%.10sCharBound", name);
    TRY(mem_printf(&path, "%s/%s.mat", folder, variable));
    half->is_there = access(path, F_OK) == 0;
    if (half->is_there) TRY(mat_words_read(&half->words, path, variable));

done:
    mem_free(path);
    return err;
}

/* "train/1009_2.png" -> "1009". */
static void photo_of(const MatWord *word, char photo[MAT_WORD_NAME]) {
    const char *slash = strrchr(word->file, '/');
    snprintf(photo, MAT_WORD_NAME, "%s", slash == NULL ? word->file : slash + 1);
    photo[strcspn(photo, "_")] = '\0';
}

static Err add_word(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count, const Half *half, int64_t i,
                    bool divided) {
    static const char *const reasons[MAT_FAULT_COUNT] = {"", "it has no image name", "its text cannot be read",
                                                         "its boxes are not an array of n x 4 numbers"};
    const MatWord *word = &half->words.word[i];
    char photo[MAT_WORD_NAME], fallback[64];
    if (word->fault != MAT_FAULT_NONE) {
        snprintf(fallback, sizeof fallback, "%.10sCharBound(%lld)", half->name, (long long)i + 1);
        import_reject(spec, count, word->fault == MAT_FAULT_NAME ? fallback : word->file, reasons[word->fault]);
        return ERR_OK;
    }
    photo_of(word, photo);
    Split split = divided ? import_split(photo, spec->valid, spec->test, spec->seed)
                          : import_split(photo, spec->valid, 0, spec->seed);
    if (!divided && strcmp(half->name, "test") == 0) split = SPLIT_TEST;
    ImportItem item = {.file = word->file,
                       .text = word->text,
                       .photo = photo,
                       .box = half->words.box + 4 * word->first_box,
                       .n_boxes = word->n_boxes,
                       .split = split};
    return import_add(writer, spec, count, &item);
}

typedef struct Photo {
    char name[MAT_WORD_NAME];
} Photo;

static int by_name(const void *a, const void *b) { return strcmp(((const Photo *)a)->name, ((const Photo *)b)->name); }

/* The photographs of a half, sorted, each once. */
static Err list_photos(Photo **out, size_t *n, const MatWords *words) {
    Photo *list = NULL;
    size_t n_all = (size_t)words->n;
    *n = 0;
    Err err = mem_alloc(&list, n_all, sizeof *list);
    *out = list;
    if (err != ERR_OK) return err;
    for (size_t i = 0; i < n_all; i++) photo_of(&words->word[i], list[i].name);
    qsort(list, n_all, sizeof *list, by_name);
    for (size_t i = 0; i < n_all; i++)
        if (*n == 0 || by_name(&list[*n - 1], &list[i]) != 0) list[(*n)++] = list[i];
    return ERR_OK;
}

static Err count_shared(int64_t *out, const Half *train, const Half *test) {
    Err err = ERR_OK;
    Photo *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    *out = 0;
    TRY(list_photos(&a, &n_a, &train->words));
    TRY(list_photos(&b, &n_b, &test->words));
    for (size_t i = 0; i < n_a; i++) *out += bsearch(&a[i], b, n_b, sizeof *b, by_name) != NULL;

done:
    mem_free(a);
    mem_free(b);
    return err;
}

Err import_iiit5k(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count) {
    Err err = ERR_OK;
    Half half[2] = {{0}, {0}};
    memset(count, 0, sizeof *count);
    TRY(half_read(&half[0], spec->from, "train"));
    TRY(half_read(&half[1], spec->from, "test"));
    FAIL_IF(!half[0].is_there && !half[1].is_there, ERR_MISSING,
            "%s has neither trainCharBound.mat nor testCharBound.mat: is it the IIIT5K folder?", spec->from);
    bool divided = !half[0].is_there || !half[1].is_there;
    for (int h = 0; h < 2; h++)
        for (int64_t i = 0; i < half[h].words.n; i++) TRY(add_word(writer, spec, count, &half[h], i, divided));
    if (!divided) TRY(count_shared(&count->n_shared_photos, &half[0], &half[1]));

done:
    mat_words_clear(&half[0].words);
    mat_words_clear(&half[1].words);
    return err;
}

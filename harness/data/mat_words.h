/* The words of a CharBound file of IIIT5K, read through libmatio. That library crashes on some damaged files, so it
 * runs in a process of its own, whose death is an error like others. Depends on kernels; matio. */
#ifndef HARNESS_DATA_MAT_WORDS_H
#define HARNESS_DATA_MAT_WORDS_H

#include <stdint.h>

#include "kernels/err.h"

enum { MAT_WORD_NAME = 512, MAT_WORD_TEXT = 1024, MAT_WORD_BOXES = 1000 };

typedef enum MatFault { MAT_FAULT_NONE, MAT_FAULT_NAME, MAT_FAULT_TEXT, MAT_FAULT_BOXES, MAT_FAULT_COUNT } MatFault;

typedef struct MatWord {
    char file[MAT_WORD_NAME]; /* "train/1009_2.png" */
    char text[MAT_WORD_TEXT];
    int32_t n_boxes, fault; /* MatFault: which field cannot be read; the ones after it are empty */
    int64_t first_box;
} MatWord;

typedef struct MatWords {
    MatWord *word; /* [n] in the file's order */
    int64_t n;
    float *box; /* [n_boxes,4] x0, y0, x1, y1, half-open, counted from 0 */
    int64_t n_boxes;
} MatWords;

/* The struct array `variable` with the fields ImgName, chars, charBB. ERR_DATA for a file that is not one, lacks it, or
 * is damaged. */
Err mat_words_read(MatWords *out, const char *path, const char *variable) MUST_CHECK;
void mat_words_clear(MatWords *words);

#endif

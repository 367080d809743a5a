#include "harness/data/import.h"

#include <stdio.h>
#include <string.h>

#include "harness/data/picture.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"
#include "kernels/rng.h"

enum { REASON_LEN = 300 };

Split import_split(const char *photo, double valid, double test, uint64_t seed) {
    Rng rng = rng_at(rng_stream(rng_stream(seed, "import.split").key, photo), 0, 0);
    double u = rng_range(&rng, 0, 1);
    return u < test ? SPLIT_TEST : u < test + valid ? SPLIT_VALID : SPLIT_TRAIN;
}

void import_reject(const ImportSpec *spec, ImportCount *count, const char *file, const char *reason) {
    count->n_rejected++;
    if (spec->reject != NULL) spec->reject(spec->context, file, reason);
}

static float clip(float value, int32_t limit) { return value < 0 ? 0 : value > (float)limit ? (float)limit : value; }

/* Copies the boxes, clipped. Returns false, with the reason, if one of them is not in the image. */
static bool clip_boxes(float *to, const ImportItem *item, const Picture *picture, char reason[REASON_LEN]) {
    for (int64_t i = 0; i < item->n_boxes; i++) {
        const float *from = item->box + 4 * i;
        float *box = to + 4 * i;
        for (int k = 0; k < 4; k++) box[k] = clip(from[k], k % 2 == 0 ? picture->width : picture->height);
        bool inside = box[2] > box[0] && box[3] > box[1]; /* false for NaN as well */
        if (inside) continue;
        snprintf(reason, REASON_LEN, "box %lld (%g,%g to %g,%g) has nothing of the image (%d x %d pixels)",
                 (long long)i + 1, (double)from[0], (double)from[1], (double)from[2], (double)from[3],
                 (int)picture->width, (int)picture->height);
        return false;
    }
    return true;
}

/* The reason for which the item cannot be used, found without its picture; "" if none. */
static void check_text(const ImportItem *item, char reason[REASON_LEN]) {
    int64_t n_chars = utf8_length(item->text, strlen(item->text));
    reason[0] = '\0';
    if (n_chars < 0) snprintf(reason, REASON_LEN, "the text is not UTF-8");
    if (n_chars == 0) snprintf(reason, REASON_LEN, "the text is empty");
    if (n_chars > 0 && item->n_boxes != 0 && item->n_boxes != n_chars)
        snprintf(reason, REASON_LEN, "%lld boxes for the %lld characters of '%.100s'", (long long)item->n_boxes,
                 (long long)n_chars, item->text);
}

/* What is not about this picture. */
static bool is_fatal(Err err) {
    return err == ERR_NOMEM || err == ERR_IO || err == ERR_CREATE || err == ERR_INTERRUPTED || err == ERR_DEFERRED;
}

Err import_add(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count, const ImportItem *item) {
    Err err = ERR_OK;
    char *path = NULL, reason[REASON_LEN];
    float *box = NULL;
    Picture picture = {0};
    check_text(item, reason);
    if (reason[0] == '\0') {
        TRY(mem_printf(&path, "%s/%s", spec->from, item->file));
        TRY(mem_alloc(&box, (size_t)item->n_boxes, 4 * sizeof *box));
        err =
            spec->pictures != NULL ? picture_reader_read(spec->pictures, &picture, path) : picture_read(&picture, path);
        if (is_fatal(err)) goto done;
        if (err != ERR_OK)
            snprintf(reason, sizeof reason, "%s", err_message());
        else
            clip_boxes(box, item, &picture, reason);
        err = ERR_OK;
    }
    if (reason[0] != '\0') {
        import_reject(spec, count, item->file, reason);
        goto done;
    }
    DatasetItem whole = {.height = picture.height,
                         .width = picture.width,
                         .pixels = picture.pixels,
                         .text = item->text,
                         .n_boxes = item->n_boxes,
                         .box = box,
                         .photo = item->photo,
                         .file = item->file,
                         .split = item->split};
    TRY(dataset_writer_add(writer, &whole));
    count->n_taken++;
    count->n_boxes += item->n_boxes;
    count->n_split[item->split]++;

done:
    picture_clear(&picture);
    mem_free(box);
    mem_free(path);
    return err;
}

#include "harness/data/sample.h"

#include <math.h>
#include <string.h>

#include "kernels/mem.h"

Err sample_init(Sample *out, int32_t height, int32_t width, int32_t max_chars) {
    Err err = ERR_OK;
    size_t n_pixels = 0;
    Sample sample = {.height = height, .width = width, .max_chars = max_chars};
    memset(out, 0, sizeof *out);
    TRY(size_mul3(&n_pixels, (size_t)height, (size_t)width, 1));
    TRY(mem_alloc(&sample.image, n_pixels, 3));
    TRY(mem_alloc(&sample.owner, n_pixels, sizeof *sample.owner));
    TRY(mem_alloc(&sample.label, (size_t)max_chars, sizeof *sample.label));
    TRY(mem_alloc(&sample.box, (size_t)max_chars, 4 * sizeof *sample.box));
    *out = sample;
    sample = (Sample){0};

done:
    sample_clear(&sample);
    return err;
}

void sample_clear(Sample *sample) {
    mem_free(sample->image);
    mem_free(sample->owner);
    mem_free(sample->label);
    mem_free(sample->box);
    *sample = (Sample){0};
}

/* The first pixel whose centre is at or after x, within 0..n. */
static int32_t first_pixel(float x, int32_t n) {
    double at = ceil((double)x - 0.5);
    return at < 0 ? 0 : at > n ? n : (int32_t)at;
}

void sample_own_boxes(Sample *sample) {
    size_t n_pixels = (size_t)sample->height * (size_t)sample->width;
    for (size_t i = 0; i < n_pixels; i++) sample->owner[i] = OWNER_NONE;
    if (!sample->has_boxes) return;
    for (int32_t i = 0; i < sample->n_chars; i++) {
        const float *box = sample->box + 4 * (size_t)i;
        int32_t x0 = first_pixel(box[0], sample->width), x1 = first_pixel(box[2], sample->width);
        int32_t y0 = first_pixel(box[1], sample->height), y1 = first_pixel(box[3], sample->height);
        for (int32_t y = y0; y < y1; y++)
            for (int32_t x = x0; x < x1; x++) sample->owner[y * sample->width + x] = (int16_t)i;
    }
}

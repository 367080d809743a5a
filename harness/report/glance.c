/* Indices into the recorded arrays. */
#include "harness/report/glance.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Character i of a text, or "". */
static void take_letter(char out[GLANCE_LETTER], const char *text, int64_t i) {
    size_t len = strlen(text), at = 0;
    out[0] = '\0';
    for (; at < len; i--) {
        uint32_t c = 0;
        int bytes = utf8_decode(text + at, len - at, &c);
        if (bytes == 0) bytes = 1;
        if (i == 0) {
            memcpy(out, text + at, (size_t)bytes);
            out[bytes] = '\0';
            return;
        }
        at += (size_t)bytes;
    }
}

int64_t glance_count(const RecordAttention *a, int64_t sample) {
    int64_t n = utf8_length(a->text[sample], strlen(a->text[sample]));
    return n < 0 ? 0 : n < a->n_t ? n : a->n_t;
}

const char *glance_reading(const RecordAttention *a, int64_t e, int64_t sample) {
    return a->predicted[e * a->n_samples + sample];
}

Glance glance_at(const RecordAttention *a, int64_t e, int64_t sample, int64_t t) {
    int64_t at = (e * a->n_samples + sample) * a->n_t + t;
    const float *centre = a->centres + 2 * at;
    Glance g = {.map = a->maps + at * a->map_h * a->map_w,
                .box = a->boxes + 4 * (sample * a->n_t + t),
                .centre = {(double)centre[0], (double)centre[1]},
                .error_px = NAN};
    take_letter(g.truth, a->text[sample], t);
    take_letter(g.read, glance_reading(a, e, sample), t);
    g.right = strcmp(g.truth, g.read) == 0;
    g.has_box = g.box[2] > g.box[0];
    g.has_centre = isfinite(g.centre[0]);
    if (g.has_box && g.has_centre) {
        g.error_px = fabs(g.centre[0] - 0.5 * ((double)g.box[0] + (double)g.box[2]));
        g.hit = g.centre[0] >= (double)g.box[0] && g.centre[0] < (double)g.box[2];
    }
    return g;
}

GlanceSum glance_sum(const RecordAttention *a, int64_t e, int64_t sample) {
    GlanceSum sum = {0, 0, 0};
    for (int64_t t = 0; t < glance_count(a, sample); t++) {
        Glance g = glance_at(a, e, sample, t);
        if (isnan(g.error_px)) continue;
        sum.n_boxes++;
        sum.n_hits += g.hit;
        sum.error_px += g.error_px;
    }
    sum.error_px = sum.n_boxes > 0 ? sum.error_px / (double)sum.n_boxes : NAN;
    return sum;
}

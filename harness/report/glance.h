/* What one decoding step of one sample looked at: read from the attention that a cell recorded, measured as the metrics
 * do (centre against the middle of the box, along the line). Depends on record, data/utf8. */
#ifndef HARNESS_REPORT_GLANCE_H
#define HARNESS_REPORT_GLANCE_H

#include <stdbool.h>

#include "harness/data/utf8.h"
#include "harness/record/record.h"

enum { GLANCE_LETTER = UTF8_MAX + 1 };

typedef struct Glance {
    char truth[GLANCE_LETTER]; /* character t of the text */
    char read[GLANCE_LETTER];  /* character t of the greedy reading; "" where it has ended */
    bool right;                /* they are the same */
    const float *map;          /* [H,W], borrowed */
    bool has_box, has_centre;
    const float *box; /* x0, y0, x1, y1 in pixels, borrowed */
    double centre[2]; /* x, y in pixels; has_centre */
    double error_px;  /* distance of the centre and the middle of the box along the line; NaN without them */
    bool hit;         /* the centre lies in the box */
} Glance;

/* Decoding steps of a sample: characters of its text, no more than were recorded. */
int64_t glance_count(const RecordAttention *attention, int64_t sample);

/* Step t < glance_count of a sample at evaluation e. */
Glance glance_at(const RecordAttention *attention, int64_t e, int64_t sample, int64_t t);

/* The greedy reading of a sample at evaluation e; borrowed. */
const char *glance_reading(const RecordAttention *attention, int64_t e, int64_t sample);

/* Of a sample's steps with a box: how many there are, how many hit it, and their mean error (NaN without any). */
typedef struct GlanceSum {
    int64_t n_boxes, n_hits;
    double error_px;
} GlanceSum;
GlanceSum glance_sum(const RecordAttention *attention, int64_t e, int64_t sample);

#endif

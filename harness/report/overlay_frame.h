/* One frame of an attention picture: the image under a white veil that is thin where the network looks, the true box
 * and the centre of attention on it, and below it the attention along the line as bars. For overlay.c. Depends on
 * glance, colour; cairo. */
#ifndef HARNESS_REPORT_OVERLAY_FRAME_H
#define HARNESS_REPORT_OVERLAY_FRAME_H

#include <cairo.h>

#include "harness/report/colour.h"
#include "harness/report/glance.h"

typedef struct Frame {
    const RecordAttention *attention;
    int64_t sample;
    const Glance *glance;
    double x, y;          /* the image's corner on the page */
    double width, height; /* of the image on the page */
    double bars;          /* height of the bars */
    double top_alpha;     /* attention of a full bar */
} Frame;

/* Between the image and its bars, and below them for the mark of the centre, in points. */
#define FRAME_GAP 2.0
#define FRAME_MARK 5.0

/* All of it. ERR_NOMEM. */
Err frame_draw(cairo_t *cairo, const Frame *frame) MUST_CHECK;

/* The mark of a centre with its tip at (x, y): full in its box, hollow outside. */
void frame_mark(cairo_t *cairo, double x, double y, bool hit);

/* The outline of a true box. */
void frame_box(cairo_t *cairo, double x, double y, double width, double height);

/* Largest attention along the line of a step: of a column of the map, summed over its rows. */
double frame_peak(const RecordAttention *attention, const Glance *glance);

void frame_colour(cairo_t *cairo, Colour colour);

#endif

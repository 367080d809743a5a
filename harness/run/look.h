/* Geometry shared by the metrics on attention: boxes, centres, mass and spread along the line, in pixels. */
#ifndef HARNESS_RUN_LOOK_H
#define HARNESS_RUN_LOOK_H

#include <stdbool.h>

#include "harness/run/metric.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The columns [x0, x1) of a box. */
typedef struct Span {
    double x0, x1;
} Span;

static inline double span_middle(Span s) { return 0.5 * (s.x0 + s.x1); }
static inline double span_width(Span s) { return s.x1 - s.x0; }
static inline bool span_holds(Span s, double x) { return x >= s.x0 && x < s.x1; }

/* True, with *out, if character t exists (0 <= t < n_chars) and has a box. */
bool look_box(Span *out, const MetricSample *sample, int t);

/* True if the decoder took step t; where it did not, character t was never looked at. */
static inline bool look_has(const MetricLook *look, int t) { return t < look->n_steps; }

/* Where step t looks: the soft-argmax c = sum_j alpha_j x_j. */
double look_centre(const MetricSample *sample, const MetricLook *look, int t);

/* The pixel centre of the position with the most attention; the first of equals. */
double look_argmax(const MetricSample *sample, const MetricLook *look, int t);

/* The attention inside a span: sum_j alpha_j overlap_j, overlap_j = the part of position j's cell,
 * [x_j - cell/2, x_j + cell/2), that lies in the span. */
double look_mass(const MetricSample *sample, const MetricLook *look, int t, Span span);

/* Standard deviation of the attention around its centre: sqrt(sum_j alpha_j (x_j - c)^2). */
double look_spread(const MetricSample *sample, const MetricLook *look, int t);

/* Adds, over all characters that have a box, whether the centre lies in it; a character without a step is a miss. */
void look_add_hits(MetricSum *sum, const MetricSample *sample, const MetricLook *look);

/* Adds the mass in the box of the neighbour `offset` characters on, over all characters that have a box and such a
 * neighbour with one; a character without a step has none. 0 = its own box. */
void look_add_mass(MetricSum *sum, const MetricSample *sample, const MetricLook *look, int offset);

#ifdef __cplusplus
}
#endif
#endif

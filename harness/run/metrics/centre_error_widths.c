/* Distance of the attention centre to the middle of the character's box, in widths of that box. */
#include <math.h>

#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    Span box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&box, sample, t) || !look_has(look, t)) continue;
        sum->weight += 1;
        sum->sum += fabs(look_centre(sample, look, t) - span_middle(box)) / span_width(box);
    }
}

const Metric metric_centre_error_widths = {
    METRIC_BOTH("centre_error_widths", "distance of attention centre and box centre in character widths"), .unit = "1",
    .better = METRIC_LOWER, .add = add};

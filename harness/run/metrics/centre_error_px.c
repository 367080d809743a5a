/* Distance of the attention centre to the middle of the character's box. Characters that were never looked at have no
 * distance: hit_rate counts them. */
#include <math.h>

#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    Span box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&box, sample, t) || !look_has(look, t)) continue;
        sum->weight += 1;
        sum->sum += fabs(look_centre(sample, look, t) - span_middle(box));
    }
}

const Metric metric_centre_error_px = {METRIC_BOTH("centre_error_px", "distance of attention centre and box centre"),
                                       .unit = "px", .better = METRIC_LOWER, .add = add};

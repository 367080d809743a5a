/* How much of the set hit_rate_right_length speaks of: the characters with a box in lines of the right length, among
 * all characters with a box. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    (void)look;
    if (sample->predicted == NULL) return;
    Span box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&box, sample, t)) continue;
        sum->weight += 1;
        if (sample->n_predicted == sample->n_chars) sum->sum += 1;
    }
}

const Metric metric_right_length_coverage = {
    .name = "right_length_coverage",
    .long_name = "share of characters in lines read with the right number of characters",
    .unit = "1",
    .better = METRIC_NEITHER,
    .needs_free = true,
    .add = add};

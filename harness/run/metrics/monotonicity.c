/* Steps from one character to the next at which the attention centre moves backward. Needs no boxes. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    for (int t = 1; t < sample->n_chars && look_has(look, t); t++) {
        sum->weight += 1;
        if (look_centre(sample, look, t) < look_centre(sample, look, t - 1)) sum->sum += 1;
    }
}

const Metric metric_monotonicity = {
    METRIC_BOTH("monotonicity", "share of steps that move the attention centre backward"), .unit = "1",
    .better = METRIC_LOWER, .add = add};

/* Width of the attention: its standard deviation along the line. A centre can be right while the attention is wide, so
 * this stands beside every centre error. Needs no boxes. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    for (int t = 0; t < sample->n_chars && look_has(look, t); t++) {
        sum->weight += 1;
        sum->sum += look_spread(sample, look, t);
    }
}

const Metric metric_spread_px = {METRIC_BOTH("spread_px", "standard deviation of the attention along the line"),
                                 .unit = "px", .better = METRIC_NEITHER, .add = add};

/* Characters whose most attended position lies in their own box (the pointing game). */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    Span box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&box, sample, t)) continue;
        sum->weight += 1;
        if (look_has(look, t) && span_holds(box, look_argmax(sample, look, t))) sum->sum += 1;
    }
}

const Metric metric_argmax_hit = {METRIC_BOTH("argmax_hit", "share of attention maxima inside their character's box"),
                                  .unit = "1", .better = METRIC_HIGHER, .add = add};

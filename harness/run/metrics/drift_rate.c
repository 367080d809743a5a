/* Characters whose attention centre lies outside their own box: 1 - hit_rate. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    MetricSum hits = {0, 0};
    look_add_hits(&hits, sample, look);
    sum->weight += hits.weight;
    sum->sum += hits.weight - hits.sum;
}

const Metric metric_drift_rate = {METRIC_BOTH("drift_rate", "share of attention centres outside their character's box"),
                                  .unit = "1", .better = METRIC_LOWER, .add = add};

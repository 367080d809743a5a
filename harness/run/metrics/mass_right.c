/* Attention inside the box of the character after, over characters that have one. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    look_add_mass(sum, sample, look, 1);
}

const Metric metric_mass_right = {METRIC_BOTH("mass_right", "attention mass inside the box of the character after"),
                                  .unit = "1", .better = METRIC_LOWER, .add = add};

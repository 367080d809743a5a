/* Attention inside the character's own box (attention correctness, Liu et al. 2017). */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    look_add_mass(sum, sample, look, 0);
}

const Metric metric_mass_own = {METRIC_BOTH("mass_own", "attention mass inside the character's own box"), .unit = "1",
                                .better = METRIC_HIGHER, .add = add};

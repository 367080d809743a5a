/* Characters whose attention centre lies in their own box. */
#include "harness/run/look.h"

const Metric metric_hit_rate = {METRIC_BOTH("hit_rate", "share of attention centres inside their character's box"),
                                .unit = "1", .better = METRIC_HIGHER, .add = look_add_hits};

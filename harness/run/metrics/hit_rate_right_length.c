/* hit_rate_free over the lines of the right length alone, where step t is about character t: the part of the drift that
 * is not a skipped or doubled character. Read it with right_length_coverage. */
#include "harness/run/look.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    if (sample->predicted != NULL && sample->n_predicted == sample->n_chars) look_add_hits(sum, sample, look);
}

const Metric metric_hit_rate_right_length = {
    .name = "hit_rate_right_length",
    .long_name = "share of attention centres inside their character's box, free-running, lines of the right length",
    .unit = "1",
    .better = METRIC_HIGHER,
    .is_attention = true,
    .needs_free = true,
    .add = add};

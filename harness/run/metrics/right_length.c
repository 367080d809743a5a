/* Lines for which as many characters were read as there are. */
#include "harness/run/metric.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    (void)look;
    if (sample->predicted == NULL) return;
    sum->weight += 1;
    if (sample->n_predicted == sample->n_chars) sum->sum += 1;
}

const Metric metric_right_length = {.name = "right_length",
                                    .long_name = "share of lines read with the right number of characters",
                                    .unit = "1",
                                    .better = METRIC_HIGHER,
                                    .needs_free = true,
                                    .add = add};

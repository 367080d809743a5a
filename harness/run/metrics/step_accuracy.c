/* Teacher-forced steps whose best class is the right one, the end symbol's step included. */
#include "harness/run/metric.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    (void)look;
    if (sample->forced == NULL) return;
    for (int t = 0; t <= sample->n_chars; t++) {
        int32_t label = t < sample->n_chars ? sample->labels[t] : sample->end_class;
        sum->weight += 1;
        if (sample->forced[t] == label) sum->sum += 1;
    }
}

const Metric metric_step_accuracy = {.name = "step_accuracy",
                                     .long_name = "share of right steps, teacher-forced",
                                     .unit = "1",
                                     .better = METRIC_HIGHER,
                                     .add = add};

/* Lines read without a mistake, free-running. */
#include "harness/run/metric.h"

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    (void)look;
    if (sample->predicted == NULL) return;
    bool same = sample->n_predicted == sample->n_chars;
    for (int t = 0; same && t < sample->n_chars; t++) same = sample->predicted[t] == sample->labels[t];
    sum->weight += 1;
    if (same) sum->sum += 1;
}

const Metric metric_word_accuracy = {.name = "word_accuracy",
                                     .long_name = "share of lines read without a mistake, free-running",
                                     .unit = "1",
                                     .better = METRIC_HIGHER,
                                     .needs_free = true,
                                     .add = add};

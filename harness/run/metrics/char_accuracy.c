/* 1 - edits / characters over the whole set, free-running. Edits: fewest insertions, deletions and substitutions that
 * turn the prediction into the text. Negative where a prediction has more wrong symbols than the text has characters.
 */
#include "harness/run/metric.h"

static int min_int(int a, int b) { return a < b ? a : b; }

/* Levenshtein's distance in one row: before[j] is the distance of the first i predicted to the first j true ones. */
static int edits(const int32_t *predicted, int n_predicted, const int32_t *labels, int n_labels) {
    int row[METRIC_MAX_STEPS + 1];
    for (int j = 0; j <= n_labels; j++) row[j] = j;
    for (int i = 1; i <= n_predicted; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n_labels; j++) {
            int above = row[j];
            int change = diagonal + (predicted[i - 1] != labels[j - 1]);
            row[j] = min_int(change, 1 + min_int(above, row[j - 1]));
            diagonal = above;
        }
    }
    return row[n_labels];
}

static void add(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    (void)look;
    if (sample->predicted == NULL) return;
    int n_edits = edits(sample->predicted, sample->n_predicted, sample->labels, sample->n_chars);
    sum->weight += sample->n_chars;
    sum->sum += sample->n_chars - n_edits;
}

const Metric metric_char_accuracy = {.name = "char_accuracy",
                                     .long_name = "1 - edits / characters, free-running",
                                     .unit = "1",
                                     .better = METRIC_HIGHER,
                                     .needs_free = true,
                                     .add = add};

/* The table of metrics, its columns, and sums over a set. */
#include "harness/run/metric.h"

#include <math.h>
#include <string.h>

#include "kernels/mem.h"

#define X(name) extern const Metric metric_##name;
#include "gen/metrics.inc"
#undef X

static const Metric *const metrics[] = {
#define X(name) &metric_##name,
#include "gen/metrics.inc"
#undef X
    NULL /* no empty array, whatever was generated */
};

enum { N_METRICS = sizeof metrics / sizeof metrics[0] - 1 };

struct MetricSet {
    int n;
    MetricSum sums[2 * N_METRICS + 1];
};

int metric_n_columns(void) {
    int n = 0;
    for (int i = 0; i < N_METRICS; i++) n += metrics[i]->free_name != NULL ? 2 : 1;
    return n;
}

MetricColumn metric_column(int i) {
    ASSERT(i >= 0 && i < metric_n_columns());
    int m = 0;
    for (int width; i >= (width = metrics[m]->free_name != NULL ? 2 : 1); m++) i -= width;
    const Metric *metric = metrics[m];
    bool again = i == 1;
    return (MetricColumn){
        .name = again ? metric->free_name : metric->name,
        .long_name = again ? metric->free_long_name : metric->long_name,
        .unit = metric->unit,
        .better = metric->better,
        .is_attention = metric->is_attention,
        .is_free = again || metric->needs_free,
        .metric = metric,
    };
}

int metric_column_find(const char *name) {
    int n = metric_n_columns();
    for (int i = 0; i < n; i++)
        if (strcmp(metric_column(i).name, name) == 0) return i;
    return -1;
}

Err metric_set_new(MetricSet **out) {
    Err err = mem_alloc(out, 1, sizeof **out);
    if (err == ERR_OK) (*out)->n = metric_n_columns();
    return err;
}

void metric_set_free(MetricSet *set) { mem_free(set); }

void metric_set_clear(MetricSet *set) { memset(set->sums, 0, sizeof set->sums); }

void metric_set_add(MetricSet *set, const MetricSample *sample) {
    ASSERT(sample->n_chars <= METRIC_MAX_STEPS && sample->n_predicted <= METRIC_MAX_STEPS);
    for (int i = 0; i < set->n; i++) {
        MetricColumn column = metric_column(i);
        const MetricLook *look = column.is_free ? &sample->look_free : &sample->look_forced;
        if (!column.is_attention)
            column.metric->add(&set->sums[i], sample, NULL);
        else if (look->alpha != NULL)
            column.metric->add(&set->sums[i], sample, look);
    }
}

Err metric_set_add_uniform(MetricSet *set, const MetricSample *sample) {
    float *row = NULL;
    Err err = mem_alloc(&row, (size_t)sample->n_positions, sizeof *row);
    if (err != ERR_OK) return err;
    for (int j = 0; j < sample->n_positions; j++) row[j] = 1.0f / (float)sample->n_positions;
    MetricSample uniform = *sample;
    uniform.look_forced = uniform.look_free = (MetricLook){row, 0, sample->n_chars + 1};
    uniform.predicted = sample->labels;
    uniform.n_predicted = sample->n_chars;
    for (int i = 0; i < set->n; i++) {
        MetricColumn column = metric_column(i);
        if (column.is_attention) column.metric->add(&set->sums[i], &uniform, &uniform.look_free);
    }
    mem_free(row);
    return ERR_OK;
}

double metric_set_value(const MetricSet *set, int column) {
    ASSERT(column >= 0 && column < set->n);
    MetricSum sum = set->sums[column];
    return sum.weight > 0 ? sum.sum / sum.weight : (double)NAN;
}

/* Geometry of attention. */
#include "harness/run/look.h"

#include <math.h>

static const float *row_of(const MetricLook *look, int t) { return look->alpha + t * look->stride; }

bool look_box(Span *out, const MetricSample *sample, int t) {
    if (sample->boxes == NULL || t < 0 || t >= sample->n_chars) return false;
    const float *box = sample->boxes + 4 * (int64_t)t;
    *out = (Span){(double)box[0], (double)box[2]};
    return out->x1 > out->x0;
}

double look_centre(const MetricSample *sample, const MetricLook *look, int t) {
    const float *alpha = row_of(look, t);
    double centre = 0;
    for (int j = 0; j < sample->n_positions; j++) centre += (double)alpha[j] * sample->centre_x[j];
    return centre;
}

double look_argmax(const MetricSample *sample, const MetricLook *look, int t) {
    const float *alpha = row_of(look, t);
    int best = 0;
    for (int j = 1; j < sample->n_positions; j++)
        if (alpha[j] > alpha[best]) best = j;
    return sample->centre_x[best];
}

double look_mass(const MetricSample *sample, const MetricLook *look, int t, Span span) {
    const float *alpha = row_of(look, t);
    double mass = 0;
    for (int j = 0; j < sample->n_positions; j++) {
        double left = fmax(span.x0, sample->centre_x[j] - 0.5 * sample->cell);
        double right = fmin(span.x1, sample->centre_x[j] + 0.5 * sample->cell);
        if (right > left) mass += (double)alpha[j] * (right - left) / sample->cell;
    }
    return mass;
}

double look_spread(const MetricSample *sample, const MetricLook *look, int t) {
    const float *alpha = row_of(look, t);
    double centre = look_centre(sample, look, t), variance = 0;
    for (int j = 0; j < sample->n_positions; j++) {
        double away = sample->centre_x[j] - centre;
        variance += (double)alpha[j] * away * away;
    }
    return sqrt(variance);
}

void look_add_hits(MetricSum *sum, const MetricSample *sample, const MetricLook *look) {
    Span box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&box, sample, t)) continue;
        sum->weight += 1;
        if (look_has(look, t) && span_holds(box, look_centre(sample, look, t))) sum->sum += 1;
    }
}

void look_add_mass(MetricSum *sum, const MetricSample *sample, const MetricLook *look, int offset) {
    Span own, box;
    for (int t = 0; t < sample->n_chars; t++) {
        if (!look_box(&own, sample, t) || !look_box(&box, sample, t + offset)) continue;
        sum->weight += 1;
        if (look_has(look, t)) sum->sum += look_mass(sample, look, t, box);
    }
}

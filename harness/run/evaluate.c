/* Passes over an evaluation set. */
#include "harness/run/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"

/* One line of the batch, in the layout that metrics read. */
typedef struct Line {
    int32_t *labels, *forced, *predicted; /* [T] */
    float *boxes;                         /* [T,4] */
    MetricSample sample;
} Line;

/* The set as a whole, or one of its sources. */
typedef struct Part {
    char name[HISTORY_SET_LEN];
    MetricSet *sums;
    int64_t n_lines, n_chars;
} Part;

struct Evaluator {
    const Rig *rig;
    Loader *loader;
    Feed feed;
    int64_t T, N, L;
    int32_t end_class;
    float *alpha, *alpha_free;           /* [T,N,L] */
    int32_t *predicted, *predicted_free; /* [T,N] */
    double *centre_x;                    /* [L] */
    Line line;
    Part *parts;
    int n_parts; /* 1, or 1 + sources */
};

/* ---- opening ---- */

static Err open_buffers(Evaluator *e) {
    Err err = ERR_OK;
    size_t t = (size_t)e->T, n = (size_t)e->N, l = (size_t)e->L;
    TRY(mem_alloc(&e->alpha, t * n * l, sizeof(float)));
    TRY(mem_alloc(&e->alpha_free, t * n * l, sizeof(float)));
    TRY(mem_alloc(&e->predicted, t * n, sizeof(int32_t)));
    TRY(mem_alloc(&e->predicted_free, t * n, sizeof(int32_t)));
    TRY(mem_alloc(&e->centre_x, l, sizeof(double)));
    TRY(mem_alloc(&e->line.labels, t, sizeof(int32_t)));
    TRY(mem_alloc(&e->line.forced, t, sizeof(int32_t)));
    TRY(mem_alloc(&e->line.predicted, t, sizeof(int32_t)));
    TRY(mem_alloc(&e->line.boxes, t, 4 * sizeof(float)));
    for (int64_t j = 0; j < e->L; j++) e->centre_x[j] = (double)e->rig->model->centre_x[j];
done:
    return err;
}

static Err open_parts(Evaluator *e, const char *set) {
    Err err = ERR_OK;
    int n_sources = loader_n_sources(e->loader);
    e->n_parts = n_sources > 1 ? 1 + n_sources : 1;
    TRY(mem_alloc(&e->parts, (size_t)e->n_parts, sizeof *e->parts));
    for (int i = 0; i < e->n_parts; i++) {
        Part *part = &e->parts[i];
        Source *source = i == 0 ? NULL : loader_source(e->loader, i - 1);
        int len = source == NULL ? snprintf(part->name, sizeof part->name, "%s", set)
                                 : snprintf(part->name, sizeof part->name, "%s.%s", set, source_name(source));
        FAIL_IF(len >= (int)sizeof part->name, ERR_SPEC, "the name of the set %.40s... is longer than %d bytes",
                part->name, HISTORY_SET_LEN - 1);
        part->n_lines = source == NULL ? loader_count(e->loader) : source_count(source);
        TRY(metric_set_new(&part->sums));
    }
done:
    return err;
}

Err evaluator_new(Evaluator **out, const Rig *rig, Loader *loader, const char *set) {
    Err err = ERR_OK;
    Evaluator *e = NULL;
    const EvalGraph *g = &rig->model->eval;
    *out = NULL;
    TRY(mem_alloc(&e, 1, sizeof *e));
    e->rig = rig;
    e->loader = loader;
    e->T = loader_n_steps(loader);
    e->N = loader_batch_size(loader);
    e->L = rig->model->n_positions;
    e->end_class = charset_eos(rig->facts.n_chars);
    FAIL_IF(e->T > METRIC_MAX_STEPS, ERR_SPEC, "lines of %" PRId64 " steps are too long to be measured, at most %d",
            e->T, METRIC_MAX_STEPS);
    TRY(open_buffers(e));
    TRY(open_parts(e, set));
    FeedTensors tensors = {g->image, g->token_in, TENSOR_NONE, TENSOR_NONE, TENSOR_NONE, TENSOR_NONE, TENSOR_NONE};
    TRY(feed_open(&e->feed, loader, rig->eval, rig->spec.mode, &tensors, true));
    *out = e;
    e = NULL;
done:
    evaluator_free(e);
    return err;
}

void evaluator_free(Evaluator *e) {
    if (e == NULL) return;
    void *const blocks[] = {e->alpha,       e->alpha_free,  e->predicted,      e->predicted_free, e->centre_x,
                            e->line.labels, e->line.forced, e->line.predicted, e->line.boxes};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) mem_free(blocks[i]);
    for (int i = 0; e->parts != NULL && i < e->n_parts; i++) metric_set_free(e->parts[i].sums);
    mem_free(e->parts);
    feed_clear(&e->feed);
    mem_free(e);
}

int evaluator_n_sets(const Evaluator *e) { return e->n_parts; }
const char *evaluator_set(const Evaluator *e, int i) { return e->parts[i].name; }
int64_t evaluator_n_lines(const Evaluator *e, int i) { return e->parts[i].n_lines; }
int64_t evaluator_n_chars(const Evaluator *e, int i) { return e->parts[i].n_chars; }

/* ---- one batch ---- */

static Err run_batch(Evaluator *e, int64_t i_batch) {
    Err err = ERR_OK;
    const EvalGraph *g = &e->rig->model->eval;
    Exec *exec = e->rig->eval;
    TRY(feed_fill(&e->feed, i_batch));
    TRY(exec_run(exec));
    TRY(exec_download(exec, g->alpha, e->alpha));
    TRY(exec_download(exec, g->alpha_free, e->alpha_free));
    TRY(exec_download(exec, g->predicted, e->predicted));
    TRY(exec_download(exec, g->predicted_free, e->predicted_free));
done:
    return err;
}

/* Column i of the batch's [T,N] arrays; what the decoder said is left out where there was no model's run. */
static const MetricSample *gather(Evaluator *e, int64_t i, bool with_model) {
    const LoaderBatch *batch = &e->feed.batch;
    Line *line = &e->line;
    MetricSample *s = &line->sample;
    *s = (MetricSample){.labels = line->labels,
                        .boxes = line->boxes,
                        .n_positions = (int)e->L,
                        .centre_x = e->centre_x,
                        .cell = e->rig->model->cell,
                        .end_class = e->end_class};
    while (s->n_chars < e->T && batch->label[s->n_chars * e->N + i] != e->end_class &&
           batch->label[s->n_chars * e->N + i] >= 0) {
        int64_t at = s->n_chars * e->N + i;
        line->labels[s->n_chars] = batch->label[at];
        memcpy(line->boxes + 4 * s->n_chars, batch->box + 4 * at, 4 * sizeof(float));
        s->n_chars++;
    }
    if (!with_model) return s;
    bool going = true;
    int n_free = 0;
    for (int64_t t = 0; t < e->T; t++) {
        line->forced[t] = e->predicted[t * e->N + i];
        int32_t c = e->predicted_free[t * e->N + i];
        n_free += going;
        going = going && c != e->end_class;
        if (going) line->predicted[s->n_predicted++] = c;
    }
    s->forced = line->forced;
    s->predicted = line->predicted;
    s->look_forced = (MetricLook){e->alpha + i * e->L, e->N * e->L, s->n_chars + 1};
    s->look_free = (MetricLook){e->alpha_free + i * e->L, e->N * e->L, n_free};
    return s;
}

static Err add_line(Part *part, const MetricSample *sample, bool uniform) {
    part->n_chars += sample->n_chars;
    if (uniform) return metric_set_add_uniform(part->sums, sample);
    metric_set_add(part->sums, sample);
    return ERR_OK;
}

static Err add_batch(Evaluator *e, bool uniform) {
    Err err = ERR_OK;
    for (int64_t i = 0; i < e->feed.batch.n_valid; i++) {
        const MetricSample *sample = gather(e, i, !uniform);
        TRY(add_line(&e->parts[0], sample, uniform));
        if (e->n_parts > 1) TRY(add_line(&e->parts[1 + e->feed.batch.source[i]], sample, uniform));
    }
done:
    return err;
}

static void clear_sums(Evaluator *e) {
    for (int i = 0; i < e->n_parts; i++) {
        metric_set_clear(e->parts[i].sums);
        e->parts[i].n_chars = 0;
    }
}

/* ---- passes ---- */

Err evaluator_run(Evaluator *e, const volatile sig_atomic_t *stop) {
    Err err = ERR_OK;
    clear_sums(e);
    for (int64_t b = 0; b < loader_n_batches(e->loader); b++) {
        FAIL_IF(stop != NULL && *stop, ERR_INTERRUPTED, "interrupted in an evaluation");
        TRY(run_batch(e, b));
        TRY(add_batch(e, false));
    }
done:
    return err;
}

void evaluator_values(const Evaluator *e, int i, double *out) {
    for (int c = 0; c < metric_n_columns(); c++) out[c] = metric_set_value(e->parts[i].sums, c);
}

Err evaluator_chance(Evaluator *e, double *out) {
    Err err = ERR_OK;
    int n = metric_n_columns();
    clear_sums(e);
    for (int64_t b = 0; b < loader_n_batches(e->loader); b++) {
        TRY(feed_fill(&e->feed, b));
        TRY(add_batch(e, true));
    }
    for (int i = 0; i < e->n_parts; i++)
        for (int c = 0; c < n; c++)
            out[i * n + c] = metric_column(c).is_attention ? metric_set_value(e->parts[i].sums, c) : (double)NAN;
done:
    return err;
}

void evaluate_columns(RecordMetric *out) {
    for (int c = 0; c < metric_n_columns(); c++) {
        MetricColumn column = metric_column(c);
        int direction = column.better == METRIC_HIGHER ? 1 : column.better == METRIC_LOWER ? -1 : 0;
        out[c] = (RecordMetric){.name = column.name,
                                .unit = column.unit,
                                .long_name = column.long_name,
                                .direction = direction,
                                .is_attention = column.is_attention,
                                .chance = (double)NAN};
    }
}

/* ---- attention ---- */

typedef struct Samples {
    uint8_t *images; /* [n,H,W,3] */
    float *boxes;    /* [n,T,4] */
    char **text;     /* [n] */
} Samples;

static void take_sample(const Evaluator *e, int64_t i, int64_t at, const MetricSample *line, Samples *out) {
    const LoaderBatch *batch = &e->feed.batch;
    size_t values = (size_t)batch->height * (size_t)batch->width * 3;
    const float *image = batch->image + (size_t)i * values;
    for (size_t p = 0; p < values; p++)
        out->images[(size_t)at * values + p] = (uint8_t)lrintf((image[p] * 0.5f + 0.5f) * 255.0f);
    memcpy(out->boxes + at * e->T * 4, line->boxes, (size_t)line->n_chars * 4 * sizeof(float));
}

static Err collect_samples(Evaluator *e, int32_t n, Samples *out) {
    Err err = ERR_OK;
    size_t text_len = 4 * (size_t)e->T + 1;
    for (int64_t b = 0, at = 0; at < n; b++) {
        TRY(feed_fill(&e->feed, b));
        for (int64_t i = 0; i < e->feed.batch.n_valid && at < n; i++, at++) {
            take_sample(e, i, at, gather(e, i, false), out);
            TRY(mem_alloc(&out->text[at], text_len, 1));
            (void)loader_text(e->loader, e->feed.batch.label, (int32_t)i, out->text[at], text_len);
        }
    }
done:
    return err;
}

Err evaluator_samples(Evaluator *e, int32_t n, CellRecord *record) {
    Err err = ERR_OK;
    const DataFacts *facts = &e->rig->facts;
    Samples s = {0};
    float centre_y = (float)e->rig->model->centre_y;
    TRY(mem_alloc(&s.images, (size_t)n * (size_t)facts->height * (size_t)facts->width, 3));
    TRY(mem_alloc(&s.boxes, (size_t)n * (size_t)e->T, 4 * sizeof(float)));
    TRY(mem_alloc(&s.text, (size_t)n, sizeof *s.text));
    TRY(collect_samples(e, n, &s));
    RecordAttention of = {.n_samples = n,
                          .n_t = e->T,
                          .map_h = 1,
                          .map_w = e->L,
                          .image_h = facts->height,
                          .image_w = facts->width,
                          .map_y = &centre_y,
                          .map_x = e->rig->model->centre_x,
                          .images = s.images,
                          .boxes = s.boxes,
                          .text = (const char *const *)s.text};
    TRY(record_attention_samples(record, &of));
done:
    for (int32_t i = 0; s.text != NULL && i < n; i++) mem_free(s.text[i]);
    mem_free(s.text);
    mem_free(s.boxes);
    mem_free(s.images);
    return err;
}

/* Map, centres and text of line i of the batch to row `at`. */
static void take_maps(Evaluator *e, int64_t i, float *map, float *centre, char *text, int32_t text_len) {
    const MetricSample *line = gather(e, i, true);
    for (int64_t t = 0; t < e->T; t++) {
        double c = 0;
        bool is_char = t < line->n_chars;
        const float *alpha = e->alpha + (t * e->N + i) * e->L;
        for (int64_t j = 0; j < e->L; j++) {
            map[t * e->L + j] = is_char ? alpha[j] : 0;
            c += (double)alpha[j] * e->centre_x[j];
        }
        centre[t] = is_char ? (float)c : NAN;
    }
    (void)loader_text(e->loader, e->predicted_free, (int32_t)i, text, (size_t)text_len);
}

Err evaluator_maps(Evaluator *e, int32_t n, float *maps, float *centres, char *predicted, int32_t text_len) {
    Err err = ERR_OK;
    memset(predicted, 0, (size_t)n * (size_t)text_len);
    for (int64_t b = 0, at = 0; at < n; b++) {
        TRY(run_batch(e, b));
        for (int64_t i = 0; i < e->feed.batch.n_valid && at < n; i++, at++)
            take_maps(e, i, maps + at * e->T * e->L, centres + at * e->T, predicted + at * text_len, text_len);
    }
done:
    return err;
}

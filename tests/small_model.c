#include "tests/small_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/data/loader.h"
#include "kernels/mem.h"
#include "kernels/rng.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

Settings *settings_of(const char *const *pairs) {
    Settings *settings = NULL;
    OK(settings_new(&settings));
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2) OK(settings_set(settings, pairs[0], pairs[1]));
    OK(settings_resolve(settings));
    return settings;
}

#define FUSED "focus.implementation", "fused"

const char *const small_branches[SMALL_BRANCHES][SMALL_WORDS] = {
    {"focus.kind", "none", NULL},
    {"focus.kind", "mass", NULL},
    {"focus.kind", "kl", NULL},
    {"focus.kind", "kl", "focus.target", "box", NULL},
    {"focus.kind", "original", "focus.patch", "[8, 10]", NULL},
    {"focus.kind", "original", "focus.patch", "[8, 10]", "focus.reduction", "mean", "focus.tanh", "false", NULL},
    {"focus.kind", "original", "focus.patch", "[9, 7]", "focus.labels", "target", "focus.background", "false", NULL},
    {"focus.kind", "original", "focus.patch", "[8, 8]", "focus.source", "features", NULL},
    {"focus.kind", "original", "focus.patch", "[8, 10]", FUSED, NULL},
    {"focus.kind", "original", "focus.patch", "[8, 10]", "focus.reduction", "mean", "focus.tanh", "false", FUSED, NULL},
    {"focus.kind", "original", "focus.patch", "[9, 7]", "focus.labels", "target", "focus.background", "false", FUSED,
     NULL},
    {"focus.kind", "original", "focus.patch", "[8, 8]", "focus.source", "features", FUSED, NULL},
    {"focus.kind", "centre", NULL},
    {"focus.kind", "centre", "focus.error", "square", "focus.spread", "0.3", "focus.min_width", "6.5", NULL},
    {"focus.kind", "binary", "focus.patch", "[8, 10]", NULL},
    {"focus.kind", "binary", "focus.patch", "[9, 7]", "focus.labels", "target", "focus.reduction", "sum", "focus.tanh",
     "false", NULL},
    {"focus.kind", "binary", "focus.patch", "[8, 8]", "focus.source", "features", NULL},
    {"focus.kind", "lowrank", "focus.patch", "[16, 8]", "focus.rank", "3", NULL},
    {"focus.kind", "lowrank", "focus.patch", "[8, 12]", "focus.tanh", "false", "focus.background", "false", NULL},
};
const ModelSizes small_sizes = {.n_chars = 5, .n_steps = 4, .height = 32, .width = 16};

Settings *small_settings(const char *const *pairs) {
    static const char *const common[] = {"model.blstm",     "6", "model.attention", "7", "model.decoder", "5",
                                         "model.embedding", "3", "train.batch",     "3", "eval.batch",    "2",
                                         "train.shards",    "2"};
    const char *all[64];
    size_t n = 0;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) all[n++] = common[i];
    for (; *pairs != NULL; pairs++) all[n++] = *pairs;
    all[n] = NULL;
    return settings_of(all);
}

ModelSizes sizes_of(const Settings *settings) {
    DataFacts facts;
    if (data_facts(&facts, settings) == ERR_OK)
        return (ModelSizes){facts.n_chars, facts.n_steps, 0, facts.height, facts.width};
    print_message("    without its data: %s\n", err_message());
    return (ModelSizes){36, settings_int(settings, "model.max_length") + 1, 0,
                        settings_int_at(settings, "data.image", 0), settings_int_at(settings, "data.image", 1)};
}

/* ---- one training step of one branch ---- */

static void upload(Step *s, TensorId t, const void *values) {
    if (t != TENSOR_NONE) OK(exec_upload(s->exec, t, values));
}

static void upload_number(Step *s, TensorId t, double value) { upload(s, t, &(float){(float)value}); }

struct Batch {
    int64_t T, N, H, W, K;
    float *image, *box;               /* [N,H,W,3], [T,N,4] */
    int32_t *mask, *label, *token_in; /* [N,H,W], [T,N], [T,N] */
    int n_labels, n_boxes;
};

static void batch_new(Batch **out, const Step *s) {
    const Graph *g = s->model->train.graph;
    const Shape *image = graph_shape(g, s->model->train.image), *label = graph_shape(g, s->model->train.label);
    Batch *b = NULL;
    OK(mem_alloc(&b, 1, sizeof *b));
    *b = (Batch){.T = label->dim[0], .N = label->dim[1], .H = image->dim[1], .W = image->dim[2], .K = s->sizes.n_chars};
    const size_t n_steps = (size_t)(b->T * b->N), n_pixels = (size_t)(b->N * b->H * b->W);
    OK(mem_alloc(&b->image, 3 * n_pixels, sizeof *b->image));
    OK(mem_alloc(&b->box, 4 * n_steps, sizeof *b->box));
    OK(mem_alloc(&b->mask, n_pixels, sizeof *b->mask));
    OK(mem_alloc(&b->label, n_steps, sizeof *b->label));
    OK(mem_alloc(&b->token_in, n_steps, sizeof *b->token_in));
    *out = b;
}

static void batch_free(Batch *b) {
    mem_free(b->image);
    mem_free(b->box);
    mem_free(b->mask);
    mem_free(b->label);
    mem_free(b->token_in);
    mem_free(b);
}

/* Characters and the end, each character in a box that reaches into the next one's. */
static void fill_line(Batch *b, Rng *rng, int64_t n) {
    const int64_t length = 1 + (b->T - 2 + n) % (b->T - 1), width = b->W / (b->T - 1);
    for (int64_t step = 0; step < b->T; step++) {
        const int64_t at = step * b->N + n;
        b->label[at] = step == length ? (int32_t)b->K : -1;
        if (step < length) b->label[at] = (int32_t)rng_below(rng, (uint32_t)b->K);
        b->token_in[at] = step == 0 ? (int32_t)b->K + 1 : b->label[at - b->N] < b->K ? b->label[at - b->N] : -1;
        b->n_labels += b->label[at] >= 0;
        const bool has_box = step < length && n != 1;
        const float x0 = (float)(width * step), box[4] = {x0, 4, x0 + (float)(width + 1), (float)b->H - 4};
        for (int i = 0; i < 4; i++) b->box[4 * at + i] = has_box ? box[i] : 0;
        b->n_boxes += has_box;
    }
}

void upload_batch(Step *s) { upload_step(s, 0); }

void upload_step(Step *s, int i_step) {
    const TrainGraph *t = &s->model->train;
    Batch *b = s->batch;
    const double lambda = 0.3 + 0.05 * i_step;
    Rng rng = rng_at(rng_stream(11, "test.batch"), (uint64_t)i_step, 0);
    float hyper[HYPER_LEN];
    b->n_labels = b->n_boxes = 0;
    for (int64_t i = 0; i < b->N * b->H * b->W * 3; i++) b->image[i] = (float)rng_range(&rng, -1, 1);
    for (int64_t i = 0; i < b->N * b->H * b->W; i++)
        b->mask[i] = i / (b->H * b->W) == 1 ? -1 : (int32_t)rng_below(&rng, (uint32_t)b->K + 1);
    for (int64_t n = 0; n < b->N; n++) fill_line(b, &rng, n);
    update_hyper(s->settings, i_step, 0.01 / (i_step + 1), hyper);
    upload(s, t->image, b->image);
    upload(s, t->token_in, b->token_in);
    upload(s, t->label, b->label);
    upload(s, t->box, b->box);
    upload(s, t->mask, b->mask);
    upload_number(s, t->inv_chars, 1.0 / b->n_labels);
    upload_number(s, t->inv_boxes, 1.0 / b->n_boxes);
    upload_number(s, t->lambda, lambda);
    upload_number(s, t->one_minus_lambda, 1 - lambda);
    upload(s, t->update.hyper, hyper);
    upload_number(s, t->update.limit, 1);
}

void open_step(Step *s, const char *const *pairs, const Backend *backend, ExecMode mode, int n_threads) {
    open_step_of(s, small_settings(pairs), &small_sizes, backend, mode, n_threads);
}

void open_step_of(Step *s, Settings *settings, const ModelSizes *sizes, const Backend *backend, ExecMode mode,
                  int n_threads) {
    *s = (Step){.settings = settings, .sizes = *sizes};
    OK(model_build(&s->model, s->settings, &s->sizes, backend->device, MODEL_TRAIN_AND_EVAL));
    bool in_place = settings_is(s->settings, "memory.reuse", "full");
    OK(model_plan(&s->plan, s->model, backend->real_bytes, in_place));
    OK(par_new(&s->par, n_threads));
    OK(arena_new(&s->arena, backend, &s->model->params, s->plan.transient_bytes));
    OK(arena_initialise(s->arena, 3));
    OK(exec_new(&s->exec, s->plan.train, s->arena, mode, s->par));
    batch_new(&s->batch, s);
}

void close_step(Step *s) {
    batch_free(s->batch);
    exec_free(s->exec);
    arena_free(s->arena);
    par_free(s->par);
    model_plan_clear(&s->plan);
    model_free(s->model);
    settings_free(s->settings);
}

float *train_steps(Step *s, int n_steps, size_t *n) {
    float *out = NULL;
    const TrainGraph *t = &s->model->train;
    const TensorId kept[] = {t->loss, t->loss_recognition, t->update.norm};
    size_t at = sizeof kept / sizeof kept[0];
    *n = at + s->model->params.n_elements;
    OK(mem_alloc(&out, *n, sizeof *out));
    for (int i = 0; i < n_steps; i++) {
        upload_batch(s);
        OK(exec_run(s->exec));
    }
    for (size_t i = 0; i < at; i++) OK(exec_download(s->exec, kept[i], out + i));
    for (int i = 0; i < s->model->params.n; i++) {
        OK(arena_get_param(s->arena, i, out + at));
        at += (size_t)shape_count(&s->model->params.items[i].shape);
    }
    *n = at;
    return out;
}

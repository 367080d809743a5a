#include "tests/small_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

/* ---- one training step of one branch ---- */

static void upload(Step *s, TensorId t, const void *values) {
    if (t != TENSOR_NONE) OK(exec_upload(s->exec, t, values));
}

void upload_batch(Step *s) {
    enum { T = 4, N = 3, K = 5, H = 32, W = 16 };
    const TrainGraph *t = &s->model->train;
    static float image[N * H * W * 3], box[T * N * 4];
    static int32_t mask[N * H * W], label[T * N], token_in[T * N];
    static const int lengths[N] = {3, 1, 2};
    int n_labels = 0, n_boxes = 0;
    Rng rng = rng_at(rng_stream(11, "test.batch"), 0, 0);
    for (size_t i = 0; i < sizeof image / sizeof *image; i++) image[i] = (float)rng_range(&rng, -1, 1);
    memset(box, 0, sizeof box);
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) mask[n * H * W + i] = n == 1 ? -1 : (int32_t)rng_below(&rng, K + 1);
    for (int n = 0; n < N; n++)
        for (int step = 0; step < T; step++) {
            int at = step * N + n;
            label[at] = step < lengths[n] ? (int32_t)rng_below(&rng, K) : step == lengths[n] ? K : -1;
            token_in[at] = step == 0 ? K + 1 : label[at - N] < K ? label[at - N] : -1;
            n_labels += label[at] >= 0;
            if (step >= lengths[n] || n == 1) continue;
            float x0 = (float)(5 * step), values[4] = {x0, 4, x0 + 6, 28};
            memcpy(box + 4 * at, values, sizeof values);
            n_boxes++;
        }
    float inv_chars = 1.0f / (float)n_labels, inv_boxes = 1.0f / (float)n_boxes, lambda = 0.3f, rest = 0.7f, clip = 1;
    float hyper[HYPER_LEN];
    update_hyper(s->settings, 0, 0.01, hyper);
    upload(s, t->image, image);
    upload(s, t->token_in, token_in);
    upload(s, t->label, label);
    upload(s, t->box, box);
    upload(s, t->mask, mask);
    upload(s, t->inv_chars, &inv_chars);
    upload(s, t->inv_boxes, &inv_boxes);
    upload(s, t->lambda, &lambda);
    upload(s, t->one_minus_lambda, &rest);
    upload(s, t->update.hyper, hyper);
    upload(s, t->update.limit, &clip);
}

void open_step(Step *s, const char *const *pairs, const Backend *backend, ExecMode mode, int n_threads) {
    memset(s, 0, sizeof *s);
    s->settings = small_settings(pairs);
    OK(model_build(&s->model, s->settings, &small_sizes, backend->device, MODEL_TRAIN_AND_EVAL));
    bool in_place = settings_is(s->settings, "memory.reuse", "full");
    OK(model_plan(&s->plan, s->model, backend->real_bytes, in_place));
    OK(par_new(&s->par, n_threads));
    OK(arena_new(&s->arena, backend, &s->model->params, s->plan.transient_bytes));
    OK(arena_initialise(s->arena, 3));
    OK(exec_new(&s->exec, s->plan.train, s->arena, mode, s->par));
}

void close_step(Step *s) {
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

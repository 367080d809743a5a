#include "tests/small_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/data/loader.h"
#include "kernels/mem.h"

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

void upload_batch(Step *s) { upload_step(s, 0); }

void upload_step(Step *s, int i_step) { OK(made_batch_upload(s->batch, s->exec, s->model, s->settings, i_step)); }

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
    restart_step(s);
    OK(exec_new(&s->exec, s->plan.train, s->arena, mode, s->par));
    OK(made_batch_new(&s->batch, s->model, s->sizes.n_chars));
}

void restart_step(Step *s) { OK(arena_initialise(s->arena, 3)); }

void close_step(Step *s) {
    made_batch_free(s->batch);
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

/* The positive control of the paper's branch: where a pixel's colour tells its class, the implementation must learn.
 * Tanh bounds the energies to [-1, 1], so that "always background" costs at best
 *     floor + 2 x share of pixels that belong to a character,   floor = ln(1 + (K1 - 1) / e^2),   K1 = K + 1
 * (PROTOTYPE 3). The share is counted in the very patches that the loss was computed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "harness/data/loader.h"
#include "kernels/mem.h"
#include "models/model.h"

enum { N_STEPS = 150, N_LAST = 20, N_CHARS = 4 };

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static const char *const pairs[] = {"data.charset",
                                    "tests/cases/control/abcd.txt",
                                    "data.image",
                                    "[32, 64]",
                                    "data.train.lines.source",
                                    "synthetic",
                                    "data.train.lines.colour",
                                    "class",
                                    "data.train.lines.length",
                                    "[2, 4]",
                                    "data.train.lines.difficulty",
                                    "plain",
                                    "data.train.lines.count",
                                    "4096",
                                    "model.blstm",
                                    "16",
                                    "model.attention",
                                    "16",
                                    "model.decoder",
                                    "32",
                                    "model.embedding",
                                    "8",
                                    "train.batch",
                                    "8",
                                    "train.lr",
                                    "1e-2",
                                    "focus.kind",
                                    "original",
                                    "focus.lambda",
                                    "0.5",
                                    "focus.reduction",
                                    "mean",
                                    "focus.patch",
                                    "[24, 24]",
                                    NULL};

typedef struct Control {
    Settings *settings;
    Loader *loader;
    LoaderBatch *batch;
    Model *model;
    ModelPlan plan;
    Arena *arena;
    Exec *exec;
} Control;

static void open_control(Control *c) {
    memset(c, 0, sizeof *c);
    OK(settings_new(&c->settings));
    for (const char *const *p = pairs; *p != NULL; p += 2) OK(settings_set(c->settings, p[0], p[1]));
    OK(settings_resolve(c->settings));
    OK(loader_open(&c->loader, c->settings, "train", 5, NULL));
    OK(loader_batch_new(&c->batch, c->loader));
    const DataFacts *facts = loader_facts(c->loader);
    ModelSizes sizes = {facts->n_chars, facts->n_steps, facts->n_steps, facts->height, facts->width};
    assert_int_equal(sizes.n_chars, N_CHARS);
    OK(model_build(&c->model, c->settings, &sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    OK(model_plan(&c->plan, c->model, sizeof(float), true));
    OK(arena_new(&c->arena, backend_cpu(), &c->model->params, c->plan.transient_bytes));
    OK(arena_initialise(c->arena, 5));
    OK(exec_new(&c->exec, c->plan.train, c->arena, EXEC_SEPARATE, NULL));
}

static void close_control(Control *c) {
    exec_free(c->exec);
    arena_free(c->arena);
    model_plan_clear(&c->plan);
    model_free(c->model);
    loader_batch_free(c->batch);
    loader_close(c->loader);
    settings_free(c->settings);
}

static void step(Control *c, int i_step) {
    const TrainGraph *t = &c->model->train;
    const LoaderBatch *b = c->batch;
    float lambda = (float)model_lambda(c->settings, i_step), rest = 1.0f - lambda, limit = 5, hyper[HYPER_LEN];
    loader_fill(c->loader, i_step, c->batch);
    update_hyper(c->settings, i_step, 1e-2, hyper);
    OK(exec_upload(c->exec, t->image, b->image));
    OK(exec_upload(c->exec, t->token_in, b->token_in));
    OK(exec_upload(c->exec, t->label, b->label));
    OK(exec_upload(c->exec, t->box, b->box));
    OK(exec_upload(c->exec, t->mask, b->mask));
    OK(exec_upload(c->exec, t->inv_chars, b->inv_chars));
    OK(exec_upload(c->exec, t->inv_boxes, b->inv_boxes));
    OK(exec_upload(c->exec, t->lambda, &lambda));
    OK(exec_upload(c->exec, t->one_minus_lambda, &rest));
    OK(exec_upload(c->exec, t->update.hyper, hyper));
    OK(exec_upload(c->exec, t->update.limit, &limit));
    OK(exec_run(c->exec));
}

/* What the branch would lose on this step's patches if it always said background. */
static double always_background(const Control *c) {
    const Graph *g = c->model->train.graph;
    TensorId labels = graph_find(g, "focus.patch.1");
    assert_int_not_equal(labels, TENSOR_NONE);
    const int32_t *label = exec_pointer(c->exec, labels);
    int64_t n = shape_count(graph_shape(g, labels)), n_pixels = 0, n_ink = 0;
    for (int64_t i = 0; i < n; i++) {
        n_pixels += label[i] >= 0;
        n_ink += label[i] >= 0 && label[i] < N_CHARS;
    }
    assert_true(n_ink > 0);
    return log(1.0 + N_CHARS * exp(-2.0)) + 2.0 * (double)n_ink / (double)n_pixels;
}

static void test_original_learns_colours(void **state) {
    (void)state;
    Control c;
    double focus = 0, trivial = 0;
    open_control(&c);
    for (int i = 0; i < N_STEPS; i++) {
        float loss = 0;
        step(&c, i);
        if (i < N_STEPS - N_LAST) continue;
        OK(exec_download(c.exec, c.model->train.loss_focus, &loss));
        focus += (double)loss / N_LAST;
        trivial += always_background(&c) / N_LAST;
    }
    print_message("focus loss %.3f, always background %.3f\n", focus, trivial);
    assert_true(focus < 0.95 * trivial);
    close_control(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_original_learns_colours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

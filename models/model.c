/* Graphs of a cell. */
#include "models/model.h"

#include <stdio.h>
#include <string.h>

#include "kernels/device.h"
#include "kernels/mem.h"

typedef struct Builder {
    Model *model;
    Graph *g;
    const Settings *settings;
    const ModelSizes *sizes;
    int64_t n; /* batch */
} Builder;

void model_free(Model *model) {
    if (model == NULL) return;
    graph_free(model->train.graph);
    graph_free(model->eval.graph);
    params_clear(&model->params);
    mem_free(model->centre_x);
    mem_free(model);
}

static Encoded build_encoder(const Builder *b, TensorId image, bool training) {
    graph_enter(b->g, "encoder");
    Encoded encoded =
        encoder_find(settings_text(b->settings, "model.encoder"))->build(b->g, image, b->settings, training);
    graph_leave(b->g);
    return encoded;
}

/* Where the positions look, from the encoder's layers. The same for every graph of the model. */
static Err note_positions(const Builder *b, const Encoded *encoded) {
    Err err = ERR_OK;
    Model *model = b->model;
    TRY(graph_status(b->g));
    if (model->centre_x != NULL) return ERR_OK;
    model->n_positions = graph_shape(b->g, encoded->features)->dim[1];
    model->cell = encoded->field_x.jump;
    model->field = encoded->field_x.size;
    model->centre_y = encoded->field_y.start;
    TRY(mem_alloc(&model->centre_x, (size_t)model->n_positions, sizeof *model->centre_x));
    for (int64_t j = 0; j < model->n_positions; j++)
        model->centre_x[j] = (float)(encoded->field_x.start + (double)j * encoded->field_x.jump);
done:
    return err;
}

static void build_focus(const Builder *b, TrainGraph *t, const Encoded *encoded, const Decoded *decoded) {
    const Focus *focus = focus_find(settings_text(b->settings, "focus.kind"));
    Graph *g = b->g;
    const ModelSizes *s = b->sizes;
    if (focus->inputs & FOCUS_BOX) {
        t->box = graph_input(g, "box", DT_REAL, SHAPE3(s->n_steps, b->n, 4));
        t->inv_boxes = graph_input(g, "inv_boxes", DT_REAL, SHAPE0());
    }
    if (focus->inputs & FOCUS_MASK) t->mask = graph_input(g, "mask", DT_INT, SHAPE3(b->n, s->height, s->width));
    graph_enter(g, "focus");
    FocusIn in = {.image = t->image,
                  .label = t->label,
                  .box = t->box,
                  .mask = t->mask,
                  .inv_boxes = t->inv_boxes,
                  .state = decoded->state,
                  .glimpse = decoded->glimpse,
                  .alpha = decoded->alpha,
                  .centre_y = b->model->centre_y,
                  .cell = b->model->cell,
                  .encoded = *encoded,
                  .n_chars = s->n_chars};
    if (focus->inputs != 0)
        in.centre_x = graph_constant(g, "positions", SHAPE1(b->model->n_positions), b->model->centre_x);
    t->loss_focus = focus->build(g, b->settings, &in);
    graph_leave(g);
}

/* (1 - lambda) recognition + lambda focus; recognition alone without a branch. */
static void build_loss(const Builder *b, TrainGraph *t, const Decoded *decoded) {
    Graph *g = b->g;
    graph_enter(g, "loss");
    t->loss_recognition = graph_op(g, "cross_entropy", "recognition", NULL,
                                   (TensorId[]){decoded->logits, t->label, t->inv_chars}, 3, NULL);
    t->loss = t->loss_recognition;
    if (t->loss_focus != TENSOR_NONE) {
        t->lambda = graph_input(g, "lambda", DT_REAL, SHAPE0());
        t->one_minus_lambda = graph_input(g, "one_minus_lambda", DT_REAL, SHAPE0());
        TensorId a = g_mul(g, "weighted_recognition", t->loss_recognition, t->one_minus_lambda);
        t->loss = g_add(g, "total", a, g_mul(g, "weighted_focus", t->loss_focus, t->lambda));
        (void)graph_keep(g, t->loss_focus);
    }
    (void)graph_keep(g, t->loss_recognition);
    (void)graph_keep(g, t->loss);
    graph_leave(g);
}

static Err build_train(Builder *b, Device device) {
    Err err = ERR_OK;
    TrainGraph *t = &b->model->train;
    const ModelSizes *s = b->sizes;
    Graph *g = NULL;
    TRY(graph_new(&t->graph, &b->model->params));
    b->g = g = t->graph;
    b->n = settings_int(b->settings, "train.batch");
    t->box = t->mask = t->inv_boxes = t->lambda = t->one_minus_lambda = TENSOR_NONE;
    t->image = graph_input(g, "image", DT_REAL, SHAPE4(b->n, s->height, s->width, 3));
    t->token_in = graph_input(g, "token_in", DT_INT, SHAPE2(s->n_steps, b->n));
    t->label = graph_input(g, "label", DT_INT, SHAPE2(s->n_steps, b->n));
    t->inv_chars = graph_input(g, "inv_chars", DT_REAL, SHAPE0());
    Encoded encoded = build_encoder(b, t->image, true);
    TRY(note_positions(b, &encoded));
    graph_enter(g, "decoder");
    Decoded decoded =
        decoder_build(g, b->settings, encoded.features, t->token_in, s->n_chars + 1, DECODE_TEACHER, false);
    graph_leave(g);
    build_focus(b, t, &encoded, &decoded);
    build_loss(b, t, &decoded);
    graph_backward(g, t->loss);
    t->update = update_build(g, b->settings);
    graph_finish(g, device, (int)settings_int(b->settings, "train.shards"));
    TRY(graph_status(g));
done:
    return err;
}

static Err build_eval(Builder *b, Device device) {
    Err err = ERR_OK;
    EvalGraph *e = &b->model->eval;
    const ModelSizes *s = b->sizes;
    Graph *g = NULL;
    TRY(graph_new(&e->graph, &b->model->params));
    b->g = g = e->graph;
    b->n = settings_int(b->settings, "eval.batch");
    e->image = graph_input(g, "image", DT_REAL, SHAPE4(b->n, s->height, s->width, 3));
    int64_t n_steps = s->n_steps_eval > 0 ? s->n_steps_eval : s->n_steps;
    e->token_in = graph_input(g, "token_in", DT_INT, SHAPE2(n_steps, b->n));
    Encoded encoded = build_encoder(b, e->image, false);
    TRY(note_positions(b, &encoded));
    graph_enter(g, "decoder");
    Decoded forced = decoder_build(g, b->settings, encoded.features, e->token_in, s->n_chars + 1, DECODE_TEACHER, true);
    graph_leave(g);
    graph_enter(g, "greedy");
    Decoded freely = decoder_build(g, b->settings, encoded.features, e->token_in, s->n_chars + 1, DECODE_GREEDY, true);
    graph_leave(g);
    e->alpha = graph_keep(g, forced.alpha);
    e->predicted = graph_keep(g, forced.predicted);
    e->alpha_free = graph_keep(g, freely.alpha);
    e->predicted_free = graph_keep(g, freely.predicted);
    graph_finish(g, device, (int)settings_int(b->settings, "train.shards"));
    TRY(graph_status(g));
done:
    return err;
}

Err model_build(Model **out, const Settings *settings, const ModelSizes *sizes, Device device, ModelParts parts) {
    Err err = ERR_OK;
    Model *model = NULL;
    *out = NULL;
    TRY(mem_alloc(&model, 1, sizeof *model));
    Builder b = {.model = model, .settings = settings, .sizes = sizes};
    if (parts == MODEL_TRAIN_AND_EVAL) TRY(build_train(&b, device));
    TRY(build_eval(&b, device));
    *out = model;
    model = NULL;
done:
    model_free(model);
    return err;
}

double model_lambda(const Settings *settings, int64_t step) {
    if (settings_is(settings, "focus.kind", "none") || step < settings_int(settings, "focus.start")) return 0;
    return settings_real(settings, "focus.lambda");
}

/* ---- memory ---- */

void model_plan_clear(ModelPlan *plan) {
    plan_free(plan->train);
    plan_free(plan->eval);
    memset(plan, 0, sizeof *plan);
}

static Err plan_one(Plan **out, const Graph *graph, ModelPlan *total, size_t real_bytes, bool in_place) {
    Err err = ERR_OK;
    TRY(plan_build(out, graph, real_bytes, in_place));
    TRY(plan_verify(*out));
    size_t bound = total->persistent_bytes + total->workspace_bytes + (*out)->live_bytes;
    if ((*out)->transient_bytes > total->transient_bytes) total->transient_bytes = (*out)->transient_bytes;
    if (bound > total->lower_bound_bytes) total->lower_bound_bytes = bound;
done:
    return err;
}

Err model_plan(ModelPlan *out, const Model *model, size_t real_bytes, bool in_place) {
    Err err = ERR_OK;
    memset(out, 0, sizeof *out);
    out->persistent_bytes = model->params.n_elements * real_bytes;
    out->workspace_bytes = device_workspace_bytes(model->eval.graph->device);
    if (model->train.graph != NULL) TRY(plan_one(&out->train, model->train.graph, out, real_bytes, in_place));
    TRY(plan_one(&out->eval, model->eval.graph, out, real_bytes, in_place));
    out->peak_bytes = out->persistent_bytes + out->workspace_bytes + out->transient_bytes;
done:
    if (err != ERR_OK) model_plan_clear(out);
    return err;
}

/* ---- options ---- */

static Err check_encoder(const char *text) {
    char known[256] = "";
    int n = 0;
    const Encoder *const *encoders = encoder_table(&n);
    if (encoder_find(text) != NULL) return ERR_OK;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "", encoders[i]->name);
    }
    return err_set(ERR_SPEC, "there is no encoder \"%s\", expected one of: %s", text, known);
}

const Option model_options[] = {
    {.key = "model.encoder", .type = OPT_TEXT, .def = "crnn-small", .check = check_encoder, .help = "the encoder"},
    {.key = "model.blstm",
     .type = OPT_INT,
     .def = "64",
     .min = 0,
     .max = 4096,
     .help = "width of each direction of the bidirectional LSTM on the features; 0 = none"},
    {.key = "model.blstm_layers",
     .type = OPT_INT,
     .def = "1",
     .min = 1,
     .max = 4,
     .when = "model.blstm!=0",
     .help = "how many such LSTMs lie on one another"},
    {.key = "model.attention", .type = OPT_INT, .def = "96", .min = 1, .max = 4096, .help = "attention width A"},
    {.key = "model.decoder",
     .type = OPT_INT,
     .def = "128",
     .min = 1,
     .max = 4096,
     .help = "width of the decoder's LSTM"},
    {.key = "model.embedding",
     .type = OPT_INT,
     .def = "32",
     .min = 1,
     .max = 4096,
     .help = "width of a character's embedding"},
    {.key = "model.max_length",
     .type = OPT_INT,
     .def = "25",
     .min = 1,
     .max = 1000,
     .help = "longest label, characters; a longer one in the data is an error"},
    {.key = "train.batch", .type = OPT_INT, .def = "32", .min = 1, .max = 65536, .help = "samples in a training step"},
    {.key = "train.shards",
     .type = OPT_INT,
     .def = "4",
     .min = 1,
     .max = 256,
     .help = "parts that a batch is cut into for threads: part of the result's identity, the number of threads is not"},
    {.key = "train.precision",
     .type = OPT_CHOICE,
     .def = "fp32",
     .choices = "fp32|tf32",
     .help = "of products: fp32, or tf32: factors of 10 bits on tensor cores (--device cuda, compute capability 8.0)"},
    {.key = "eval.batch",
     .type = OPT_INT,
     .def = "64",
     .min = 1,
     .max = 65536,
     .observes = true,
     .help = "samples in an evaluation step"},
    OPTION_END};

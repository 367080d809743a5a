/* The attention decoder. */
#include "models/decoder.h"

#include <math.h>
#include <string.h>

typedef struct Sizes {
    int64_t T, N, L, D, Ds, A, E, n_classes;
} Sizes;

typedef struct Weights {
    TensorId attention_w, attention_v;
    TensorId lstm_w, lstm_bx, lstm_bh;
    TensorId out_w, out_w2, out_b;
    TensorId table;
    TensorId keys; /* [N,L,A] = V h_j + b, the same for every step */
} Weights;

static Sizes sizes_of(Graph *g, const Settings *settings, TensorId features, TensorId token_in, int64_t n_classes) {
    const Shape *h = graph_shape(g, features), *tokens = graph_shape(g, token_in);
    return (Sizes){.T = tokens->dim[0],
                   .N = h->dim[0],
                   .L = h->dim[1],
                   .D = h->dim[2],
                   .Ds = settings_int(settings, "model.decoder"),
                   .A = settings_int(settings, "model.attention"),
                   .E = settings_int(settings, "model.embedding"),
                   .n_classes = n_classes};
}

static Init uniform_for(int64_t fan_in) { return init_uniform(1.0 / sqrt((double)fan_in)); }

/* All parameters, under the same names for every mode; one token more than classes, the start symbol. */
static Weights weights_of(Graph *g, const Sizes *s, TensorId features) {
    Weights w;
    char scope[sizeof g->scope];
    memcpy(scope, g->scope, sizeof scope);
    g->scope[0] = '\0';
    graph_enter(g, "decoder");
    w.keys = nn_linear(g, "keys", features, s->A, true);
    w.attention_w = graph_param(g, "attention.w", SHAPE2(s->Ds, s->A), uniform_for(s->Ds));
    w.attention_v = graph_param(g, "attention.v", SHAPE1(s->A), uniform_for(s->A));
    w.table = graph_param(g, "embedding.table", SHAPE2(s->n_classes + 1, s->E), init_normal(1));
    Init lstm = uniform_for(s->Ds);
    w.lstm_w = graph_param(g, "lstm.w", SHAPE2(s->E + s->D + s->Ds, 4 * s->Ds), lstm);
    w.lstm_bx = graph_param(g, "lstm.b_x", SHAPE1(4 * s->Ds), lstm);
    w.lstm_bh = graph_param(g, "lstm.b_h", SHAPE1(4 * s->Ds), lstm);
    Init out = uniform_for(s->Ds + s->D);
    w.out_w = graph_param(g, "out.w", SHAPE2(s->Ds, s->n_classes), out);
    w.out_w2 = graph_param(g, "out.w2", SHAPE2(s->D, s->n_classes), out);
    w.out_b = graph_param(g, "out.b", SHAPE1(s->n_classes), out);
    memcpy(g->scope, scope, sizeof scope);
    return w;
}

static TensorId output_layer(Graph *g, const Weights *w, TensorId state, TensorId glimpse) {
    return graph_op(g, "linear", "logits", NULL, (TensorId[]){state, w->out_w, w->out_b, glimpse, w->out_w2}, 5, NULL);
}

/* One step: writes row t of state, glimpse and alpha; *cell goes from step to step. */
static void step(Graph *g, const Weights *w, TensorId features, TensorId embedded, TensorId before, TensorId *cell,
                 const Decoded *out, int64_t t) {
    TensorId glimpse = graph_slice(g, out->glimpse, t), alpha = graph_slice(g, out->alpha, t);
    TensorId state = graph_slice(g, out->state, t), y[2];
    (void)graph_op_into(g, "attention", "attention", NULL,
                        (TensorId[]){before, w->keys, features, w->attention_w, w->attention_v}, 5,
                        (TensorId[]){glimpse, alpha}, y);
    (void)graph_op_into(g, "lstm_step", "lstm", NULL,
                        (TensorId[]){embedded, glimpse, before, *cell, w->lstm_w, w->lstm_bx, w->lstm_bh}, 7,
                        (TensorId[]){state, TENSOR_NONE}, y);
    *cell = y[1];
}

Decoded decoder_build(Graph *g, const Settings *settings, TensorId features, TensorId token_in, int64_t n_classes,
                      DecodeMode mode, bool predict) {
    Decoded out = {TENSOR_NONE, TENSOR_NONE, TENSOR_NONE, TENSOR_NONE, TENSOR_NONE};
    if (g->err != ERR_OK) return out;
    Sizes s = sizes_of(g, settings, features, token_in, n_classes);
    Weights w = weights_of(g, &s, features);
    bool greedy = mode == DECODE_GREEDY;
    out.state = graph_buffer(g, "state", DT_REAL, SHAPE3(s.T, s.N, s.Ds));
    out.glimpse = graph_buffer(g, "glimpse", DT_REAL, SHAPE3(s.T, s.N, s.D));
    out.alpha = graph_buffer(g, "alpha", DT_REAL, SHAPE3(s.T, s.N, s.L));
    if (greedy) out.predicted = graph_buffer(g, "predicted", DT_INT, SHAPE2(s.T, s.N));
    TensorId before = g_fill(g, "state_0", SHAPE2(s.N, s.Ds), 0), cell = g_fill(g, "cell_0", SHAPE2(s.N, s.Ds), 0);
    TensorId embedded = TENSOR_NONE, token = graph_slice(g, token_in, 0);
    if (!greedy) embedded = graph_op(g, "embedding", "embedding", NULL, (TensorId[]){token_in, w.table}, 2, NULL);
    for (int64_t t = 0; t < s.T && g->err == ERR_OK; t++) {
        graph_enter(g, "t%02lld", (long long)t);
        TensorId now = greedy ? graph_op(g, "embedding", "embedding", NULL, (TensorId[]){token, w.table}, 2, NULL)
                              : graph_slice(g, embedded, t);
        step(g, &w, features, now, before, &cell, &out, t);
        before = graph_slice(g, out.state, t);
        if (greedy) {
            TensorId logits = output_layer(g, &w, before, graph_slice(g, out.glimpse, t));
            token = graph_slice(g, out.predicted, t);
            (void)graph_op_into(g, "argmax", "argmax", NULL, &logits, 1, &token, NULL);
        }
        graph_leave(g);
    }
    if (greedy) return out;
    out.logits = output_layer(g, &w, out.state, out.glimpse);
    if (predict) out.predicted = g_argmax(g, "predicted", out.logits);
    return out;
}

/* The update of the weights. */
#include "models/update.h"

#include <stdio.h>
#include <string.h>

#include "models/graph_build.h"
#include "models/nn.h"

typedef struct Rule {
    const char *name; /* of the op and of the option's choice */
    int n_states;
    const char *states[2];
} Rule;

static const Rule rules[] = {
    {"adam", 2, {"m", "v"}}, {"sgd", 1, {"velocity"}}, {"adadelta", 2, {"square_avg", "delta_avg"}}};

static const Rule *rule_of(const Settings *settings) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (settings_is(settings, "train.optimizer", rules[i].name)) return &rules[i];
    ASSERT(!"train.optimizer has a rule");
    return NULL;
}

/* Sum of squares of all gradients: nodes of up to OP_MAX_X gradients, added in order of the parameters. */
static TensorId sum_of_squares(Graph *g, int n_params) {
    TensorId total = TENSOR_NONE, batch[OP_MAX_X];
    int n = 0;
    for (int i = 0; i < n_params && g->err == ERR_OK; i++) {
        bool last = i == n_params - 1;
        TensorId grad = TENSOR_NONE;
        if (g->params->items[i].kind == PARAM_WEIGHT) grad = graph_grad(g, graph_persistent(g, i));
        if (grad != TENSOR_NONE) batch[n++] = grad;
        if (n == 0 || (n < OP_MAX_X && !last)) continue;
        TensorId part = graph_op(g, "grad_norm", "squares", NULL, batch, n, NULL);
        total = total == TENSOR_NONE ? part : g_add(g, "squares", total, part);
        n = 0;
    }
    return total;
}

static void update_weight(Graph *g, const Rule *rule, int i_param, TensorId hyper, TensorId scale) {
    char name[512];
    TensorId weight = graph_persistent(g, i_param), grad = graph_grad(g, weight);
    if (g->err != ERR_OK || grad == TENSOR_NONE) return;
    TensorId in[6] = {weight, grad};
    int n = 2;
    for (int s = 0; s < rule->n_states; s++) {
        int i_state = -1;
        Shape shape = g->params->items[i_param].shape;
        (void)snprintf(name, sizeof name, "update.%s.%s", g->params->items[i_param].name, rule->states[s]);
        if (graph_failed(g, params_add(g->params, name, &shape, PARAM_OPTIMISER, init_constant(0), &i_state))) return;
        in[n++] = graph_persistent(g, i_state);
    }
    in[n++] = hyper;
    in[n++] = scale;
    (void)graph_op(g, rule->name, g->params->items[i_param].name, NULL, in, n, NULL);
}

Update update_build(Graph *g, const Settings *settings) {
    Update out = {TENSOR_NONE, TENSOR_NONE, TENSOR_NONE};
    graph_enter(g, "update");
    out.hyper = graph_input(g, "hyper", DT_REAL, SHAPE1(HYPER_LEN));
    out.limit = graph_input(g, "clip", DT_REAL, SHAPE0());
    int n_params = g->params->n;
    TensorId clip[2], squares = sum_of_squares(g, n_params);
    if (squares == TENSOR_NONE) {
        (void)graph_fail(g, ERR_SHAPE, "the loss depends on no weight");
        return out;
    }
    (void)graph_op(g, "clip_scale", "scale", NULL, (TensorId[]){squares, out.limit}, 2, clip);
    out.norm = g->err == ERR_OK ? graph_keep(g, clip[1]) : TENSOR_NONE;
    for (int i = 0; i < n_params && g->err == ERR_OK; i++)
        if (g->params->items[i].kind == PARAM_WEIGHT) update_weight(g, rule_of(settings), i, out.hyper, clip[0]);
    graph_leave(g);
    return out;
}

double update_lr(const Settings *settings, int64_t step) {
    double lr = settings_real(settings, "train.lr");
    int64_t warm_up = settings_int(settings, "train.warm_up");
    if (step < warm_up) lr *= (double)(step + 1) / (double)warm_up;
    double at = settings_real(settings, "train.decay_at") * (double)settings_int(settings, "train.steps");
    return (double)step >= at ? lr * settings_real(settings, "train.decay_by") : lr;
}

void update_hyper(const Settings *settings, int64_t step, double lr, float out[HYPER_LEN]) {
    memset(out, 0, HYPER_LEN * sizeof *out);
    out[0] = (float)lr;
    out[1] = (float)(step + 1);
    out[2] = (float)settings_real(settings, "train.weight_decay");
    if (settings_is(settings, "train.optimizer", "sgd")) {
        out[3] = (float)settings_real(settings, "train.momentum");
    } else if (settings_is(settings, "train.optimizer", "adam")) {
        out[3] = (float)settings_real(settings, "train.beta1");
        out[4] = (float)settings_real(settings, "train.beta2");
        out[5] = (float)settings_real(settings, "train.epsilon");
    } else {
        out[3] = (float)settings_real(settings, "train.rho");
        out[4] = (float)settings_real(settings, "train.epsilon");
    }
}

const Option update_options[] = {
    {.key = "train.optimizer",
     .type = OPT_CHOICE,
     .def = "adam",
     .choices = "adam|sgd|adadelta",
     .help = "update rule"},
    {.key = "train.lr", .type = OPT_REAL, .def = "3e-3", .min = 0, .max = 100, .help = "learning rate"},
    {.key = "train.warm_up",
     .type = OPT_INT,
     .def = "0",
     .min = 0,
     .max = 1e9,
     .help = "steps over which the learning rate rises to train.lr"},
    {.key = "train.decay_at",
     .type = OPT_REAL,
     .def = "1",
     .min = 0,
     .max = 1,
     .help = "share of train.steps from which the learning rate is multiplied by decay_by"},
    {.key = "train.decay_by", .type = OPT_REAL, .def = "0.2", .min = 0, .max = 1, .help = "factor of the decay"},
    {.key = "train.clip",
     .type = OPT_REAL,
     .def = "5",
     .min = 0,
     .max = 1e9,
     .help = "largest norm of all gradients together; 0 = no clipping"},
    {.key = "train.weight_decay",
     .type = OPT_REAL,
     .def = "0",
     .min = 0,
     .max = 1,
     .help = "added to the gradient, times the weight"},
    {.key = "train.momentum",
     .type = OPT_REAL,
     .def = "0.9",
     .min = 0,
     .max = 1,
     .when = "train.optimizer=sgd",
     .help = "momentum"},
    {.key = "train.beta1",
     .type = OPT_REAL,
     .def = "0.9",
     .min = 0,
     .max = 1,
     .when = "train.optimizer=adam",
     .help = "decay of the mean of gradients"},
    {.key = "train.beta2",
     .type = OPT_REAL,
     .def = "0.999",
     .min = 0,
     .max = 1,
     .when = "train.optimizer=adam",
     .help = "decay of the mean of squares"},
    {.key = "train.rho",
     .type = OPT_REAL,
     .def = "0.9",
     .min = 0,
     .max = 1,
     .when = "train.optimizer=adadelta",
     .help = "decay of both averages"},
    {.key = "train.epsilon",
     .type = OPT_REAL,
     .def = "1e-8",
     .min = 0,
     .max = 1,
     .when = "train.optimizer=adam|adadelta",
     .help = "added to the denominator"},
    OPTION_END};

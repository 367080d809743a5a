/* Layers. */
#include "models/nn.h"

#include <math.h>

TensorId g_add(Graph *g, const char *name, TensorId a, TensorId b) {
    return graph_op(g, "add", name, NULL, (TensorId[]){a, b}, 2, NULL);
}

TensorId g_mul(Graph *g, const char *name, TensorId a, TensorId b) {
    return graph_op(g, "mul", name, NULL, (TensorId[]){a, b}, 2, NULL);
}

TensorId g_exp(Graph *g, const char *name, TensorId x) { return graph_op(g, "exp", name, NULL, &x, 1, NULL); }

TensorId g_log(Graph *g, const char *name, TensorId x, double epsilon) {
    return graph_op(g, "log", name, &(LogAttr){epsilon}, &x, 1, NULL);
}

TensorId g_scale(Graph *g, const char *name, TensorId x, double a, double b) {
    return graph_op(g, "scale", name, &(ScaleAttr){a, b}, &x, 1, NULL);
}

TensorId g_relu(Graph *g, const char *name, TensorId x) { return graph_op(g, "relu", name, NULL, &x, 1, NULL); }

TensorId g_tanh(Graph *g, const char *name, TensorId x) { return graph_op(g, "tanh", name, NULL, &x, 1, NULL); }

TensorId g_log_softmax(Graph *g, const char *name, TensorId x) {
    return graph_op(g, "log_softmax", name, NULL, &x, 1, NULL);
}

TensorId g_sum(Graph *g, const char *name, TensorId x, int axis, bool keep) {
    return graph_op(g, "sum", name, &(SumAttr){axis, keep}, &x, 1, NULL);
}

TensorId g_stop_gradient(Graph *g, const char *name, TensorId x) {
    return graph_op(g, "stop_gradient", name, NULL, &x, 1, NULL);
}

TensorId g_fill(Graph *g, const char *name, Shape shape, double value) {
    return graph_op(g, "fill", name, &(FillAttr){value, shape}, NULL, 0, NULL);
}

TensorId g_nll(Graph *g, const char *name, TensorId logp, TensorId label, TensorId weight) {
    return graph_op(g, "nll", name, NULL, (TensorId[]){logp, label, weight}, weight == TENSOR_NONE ? 2 : 3, NULL);
}

TensorId g_argmax(Graph *g, const char *name, TensorId x) { return graph_op(g, "argmax", name, NULL, &x, 1, NULL); }

TensorId g_max_pool(Graph *g, const char *name, TensorId x, const PoolAttr *attr) {
    return graph_op(g, "max_pool", name, attr, &x, 1, NULL);
}

static int64_t last_dim(Graph *g, TensorId x) { return g->err != ERR_OK ? 1 : shape_last(graph_shape(g, x)); }

static Init uniform_for(double fan_in) { return init_uniform(1.0 / sqrt(fan_in)); }

Linear nn_linear_params(Graph *g, const char *name, int64_t n_in, int64_t n_out, bool bias) {
    Init init = uniform_for((double)n_in);
    graph_enter(g, "%s", name);
    TensorId w = graph_param(g, "w", SHAPE2(n_in, n_out), init);
    TensorId b = bias ? graph_param(g, "b", SHAPE1(n_out), init) : TENSOR_NONE;
    graph_leave(g);
    return (Linear){w, b};
}

TensorId nn_linear(Graph *g, const char *name, TensorId x, int64_t n_out, bool bias) {
    Linear own = nn_linear_params(g, name, last_dim(g, x), n_out, bias);
    return graph_op(g, "linear", name, NULL, (TensorId[]){x, own.w, own.b}, bias ? 3 : 2, NULL);
}

TensorId nn_linear2(Graph *g, const char *name, TensorId x, TensorId x2, int64_t n_out) {
    int64_t n_in = last_dim(g, x), n_in2 = last_dim(g, x2);
    Init init = uniform_for((double)(n_in + n_in2));
    graph_enter(g, "%s", name);
    TensorId w = graph_param(g, "w", SHAPE2(n_in, n_out), init);
    TensorId w2 = graph_param(g, "w2", SHAPE2(n_in2, n_out), init);
    TensorId b = graph_param(g, "b", SHAPE1(n_out), init);
    graph_leave(g);
    return graph_op(g, "linear", name, NULL, (TensorId[]){x, w, b, x2, w2}, 5, NULL);
}

TensorId nn_conv_norm(Graph *g, const char *name, TensorId x, const Conv2dAttr *attr, Activation activation,
                      bool training) {
    int64_t c = last_dim(g, x), o = attr->channels_out;
    graph_enter(g, "%s", name);
    Init init = uniform_for((double)(attr->kernel_h * attr->kernel_w * c));
    TensorId w = graph_param(g, "w", SHAPE4(attr->kernel_h, attr->kernel_w, c, o), init);
    TensorId y = graph_op(g, "conv2d", "conv", attr, (TensorId[]){x, w}, 2, NULL);
    TensorId gamma = graph_param(g, "gamma", SHAPE1(o), init_constant(1));
    TensorId beta = graph_param(g, "beta", SHAPE1(o), init_constant(0));
    TensorId mean = graph_state(g, "running_mean", SHAPE1(o), init_constant(0));
    TensorId var = graph_state(g, "running_var", SHAPE1(o), init_constant(1));
    BatchNormAttr norm = {.epsilon = 1e-5, .momentum = 0.1, .training = training, .relu = activation == RELU};
    y = graph_op(g, "batch_norm", "norm", &norm, (TensorId[]){y, gamma, beta, mean, var}, 5, NULL);
    graph_leave(g);
    return y;
}

TensorId nn_blstm(Graph *g, const char *name, TensorId x, int64_t hidden) {
    static const char *const directions[] = {"forward", "backward"};
    int64_t n_in = last_dim(g, x), gates = 4 * hidden;
    Init init = uniform_for((double)hidden);
    TensorId in[9] = {x};
    graph_enter(g, "%s", name);
    for (int d = 0; d < 2; d++) {
        graph_enter(g, "%s", directions[d]);
        in[1 + 4 * d] = graph_param(g, "w_x", SHAPE2(n_in, gates), init);
        in[2 + 4 * d] = graph_param(g, "w_h", SHAPE2(hidden, gates), init);
        in[3 + 4 * d] = graph_param(g, "b_x", SHAPE1(gates), init);
        in[4 + 4 * d] = graph_param(g, "b_h", SHAPE1(gates), init);
        graph_leave(g);
    }
    graph_leave(g);
    return graph_op(g, "blstm", name, NULL, in, 9, NULL);
}

TensorId nn_embedding(Graph *g, const char *name, TensorId token, int64_t n_tokens, int64_t width) {
    graph_enter(g, "%s", name);
    TensorId table = graph_param(g, "table", SHAPE2(n_tokens, width), init_normal(1));
    graph_leave(g);
    return graph_op(g, "embedding", name, NULL, (TensorId[]){token, table}, 2, NULL);
}

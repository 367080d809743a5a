/* Layers and formulas: typed builders over graph_op. An op as a function of tensors (g_...), and layers that own their
 * parameters (nn_...). Parameters start as PyTorch 1.13 starts them: uniform in +-1/sqrt(fan_in) for convolutions and
 * linear layers, +-1/sqrt(hidden) for LSTMs, standard normal for embeddings. Depends on graph. */
#ifndef MODELS_NN_H
#define MODELS_NN_H

#include "models/graph.h"

/* ---- formulas (kernels/ops.h says what each computes). `name` is the result's, below the scope ---- */
TensorId g_add(Graph *g, const char *name, TensorId a, TensorId b);
TensorId g_mul(Graph *g, const char *name, TensorId a, TensorId b);
TensorId g_exp(Graph *g, const char *name, TensorId x);
TensorId g_log(Graph *g, const char *name, TensorId x, double epsilon);
TensorId g_scale(Graph *g, const char *name, TensorId x, double a, double b);
TensorId g_relu(Graph *g, const char *name, TensorId x);
TensorId g_tanh(Graph *g, const char *name, TensorId x);
TensorId g_log_softmax(Graph *g, const char *name, TensorId x);
TensorId g_sum(Graph *g, const char *name, TensorId x, int axis, bool keep); /* axis -1: everything, to a scalar */
TensorId g_stop_gradient(Graph *g, const char *name, TensorId x);
TensorId g_fill(Graph *g, const char *name, Shape shape, double value);
TensorId g_nll(Graph *g, const char *name, TensorId logp, TensorId label, TensorId weight);
TensorId g_argmax(Graph *g, const char *name, TensorId x);
TensorId g_max_pool(Graph *g, const char *name, TensorId x, const PoolAttr *attr);

/* ---- layers; the scope's name is the layer's ---- */

/* What a linear layer owns, for ops that compute the product themselves. */
typedef struct Linear {
    TensorId w, b; /* [n_in,n_out]; [n_out] or TENSOR_NONE */
} Linear;
Linear nn_linear_params(Graph *g, const char *name, int64_t n_in, int64_t n_out, bool bias);

/* x [...,D] -> [...,O]. */
TensorId nn_linear(Graph *g, const char *name, TensorId x, int64_t n_out, bool bias);

/* x [...,D], x2 [...,D2] -> [...,O] = x w + x2 w2 + bias; fan_in is D + D2. */
TensorId nn_linear2(Graph *g, const char *name, TensorId x, TensorId x2, int64_t n_out);

/* Convolution without bias, batch norm, and relu if asked for. x [N,H,W,C] -> [N,Ho,Wo,channels_out]. */
typedef enum Activation { LINEAR, RELU } Activation;
TensorId nn_conv_norm(Graph *g, const char *name, TensorId x, const Conv2dAttr *attr, Activation activation,
                      bool training);

/* x [N,L,D] -> [N,L,2 hidden]. */
TensorId nn_blstm(Graph *g, const char *name, TensorId x, int64_t hidden);

/* token [...] INT -> [...,width]; n_tokens rows. */
TensorId nn_embedding(Graph *g, const char *name, TensorId token, int64_t n_tokens, int64_t width);

#endif

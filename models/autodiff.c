/* The backward pass: nodes appended in reverse order of the forward ones. */
#include <stdio.h>
#include <string.h>

#include "models/graph_build.h"

enum { NAME_LEN = 512 };

static void prime(const char *name, char *out, size_t len) { (void)snprintf(out, len, "%s'", name); }

static bool covers_base(const Graph *graph, TensorId t) {
    const Tensor *tensor = &graph->tensors[t];
    return tensor->offset == 0 && shape_count(&tensor->shape) == shape_count(&graph->tensors[tensor->base].shape);
}

/* The gradient buffer of t's base, made when there is none. */
static TensorId make_grad(Graph *graph, TensorId t) {
    char name[NAME_LEN];
    TensorId base = graph->tensors[t].base;
    Shape shape = graph->tensors[base].shape;
    prime(graph->tensors[base].name, name, sizeof name);
    TensorId grad = graph_add_tensor(graph, name, ROLE_GRAD, DT_REAL, &shape);
    if (grad != TENSOR_NONE) graph->tensors[base].grad = grad;
    return grad;
}

static void append_fill(Graph *graph, TensorId target, double value) {
    FillAttr attr = {.value = value, .shape = graph->tensors[target].shape};
    char name[NAME_LEN];
    (void)snprintf(name, sizeof name, "%s.fill", graph->tensors[target].name);
    Node *node = graph_add_node(graph, op_find("fill"), name, &attr);
    if (node == NULL) return;
    node->y[0] = target;
    if (graph_failed(graph, op_infer(node->op, &node->spec))) return;
}

TensorId graph_grad(Graph *graph, TensorId t) {
    if (graph->err != ERR_OK || t == TENSOR_NONE) return TENSOR_NONE;
    TensorId grad = graph->tensors[graph->tensors[t].base].grad;
    if (grad == TENSOR_NONE) return TENSOR_NONE;
    if (covers_base(graph, t) && shape_equal(&graph->tensors[t].shape, &graph->tensors[grad].shape)) return grad;
    char name[NAME_LEN];
    prime(graph->tensors[t].name, name, sizeof name);
    return graph_view_like(graph, grad, t, name);
}

static uint32_t wanted_inputs(const Graph *graph, const Node *node) {
    uint32_t wanted = 0;
    for (int i = 0; i < node->spec.n_x; i++) {
        if (node->x[i] == TENSOR_NONE || !(node->op->differentiable & OP_X(i))) continue;
        if (graph->tensors[graph->tensors[node->x[i]].base].requires_grad) wanted |= OP_X(i);
    }
    return wanted;
}

/* Where the gradient of input i goes. The first contribution to the whole of a base writes it; the first one to a part
 * of it is preceded by zeros and adds. */
static TensorId target_of(Graph *graph, TensorId x, bool *accumulate) {
    bool first = graph->tensors[graph->tensors[x].base].grad == TENSOR_NONE;
    *accumulate = !first;
    if (first) {
        TensorId grad = make_grad(graph, x);
        if (grad == TENSOR_NONE) return TENSOR_NONE;
        if (!covers_base(graph, x)) {
            append_fill(graph, grad, 0.0);
            *accumulate = true;
        }
    }
    return graph_grad(graph, x);
}

static void append_backward(Graph *graph, int i_forward) {
    const Node forward = graph->nodes[i_forward];
    TensorId dy[OP_MAX_Y], dx[OP_MAX_X];
    uint32_t wanted = wanted_inputs(graph, &forward), accumulate = 0;
    bool any = false;
    for (int i = 0; i < OP_MAX_Y; i++) {
        dy[i] = i < forward.op->n_out ? graph_grad(graph, forward.y[i]) : TENSOR_NONE;
        any = any || dy[i] != TENSOR_NONE;
    }
    if (!any || wanted == 0) return;
    for (int i = 0; i < OP_MAX_X; i++) {
        bool adds = false;
        dx[i] = wanted & OP_X(i) ? target_of(graph, forward.x[i], &adds) : TENSOR_NONE;
        if (adds) accumulate |= OP_X(i);
    }
    char name[NAME_LEN];
    prime(forward.name, name, sizeof name);
    Node *node = graph_add_node(graph, forward.op, name, forward.attr);
    if (node == NULL) return;
    const void *attr = node->spec.attr;
    node->spec = forward.spec;
    node->spec.attr = attr;
    node->backward = true;
    node->wanted = wanted;
    node->accumulate = accumulate;
    memcpy(node->dy, dy, sizeof dy);
    memcpy(node->dx, dx, sizeof dx);
    uint32_t reads = op_bwd_reads(forward.op, wanted);
    for (int i = 0; i < OP_MAX_X; i++) node->x[i] = reads & OP_X(i) ? forward.x[i] : TENSOR_NONE;
    for (int i = 0; i < OP_MAX_Y; i++) node->y[i] = reads & OP_Y(i) ? forward.y[i] : TENSOR_NONE;
}

void graph_backward(Graph *graph, TensorId loss) {
    if (graph->err != ERR_OK || loss == TENSOR_NONE) return;
    if (graph->tensors[loss].base != loss || shape_count(graph_shape(graph, loss)) != 1) {
        (void)graph_fail(graph, ERR_SHAPE, "the loss %s is not a scalar of its own", graph->tensors[loss].name);
        return;
    }
    int n_forward = graph->n_nodes;
    TensorId seed = make_grad(graph, loss);
    if (seed == TENSOR_NONE) return;
    append_fill(graph, seed, 1.0);
    for (int i = n_forward - 1; i >= 0 && graph->err == ERR_OK; i--) append_backward(graph, i);
}

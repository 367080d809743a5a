#include "tests/node_cost.h"

const Peaks peaks_h100 = {3.35e12, 66.9e12};

int64_t node_tensor_bytes(const Graph *graph, TensorId t) {
    return t == TENSOR_NONE ? 0 : (int64_t)sizeof(float) * shape_count(graph_shape(graph, t));
}

int64_t node_bytes(const Graph *graph, const Node *node) {
    int64_t bytes = 0;
    for (int i = 0; i < OP_MAX_X; i++) {
        const int64_t x = node_tensor_bytes(graph, node->x[i]), dx = node_tensor_bytes(graph, node->dx[i]);
        const bool is_updated = !node->backward && (node->op->mutates & OP_X(i)) != 0;
        bytes += is_updated ? 2 * x : x;
        bytes += (node->accumulate & OP_X(i)) != 0 ? 2 * dx : dx;
    }
    for (int i = 0; i < OP_MAX_Y; i++)
        bytes += node_tensor_bytes(graph, node->y[i]) + node_tensor_bytes(graph, node->dy[i]);
    return bytes;
}

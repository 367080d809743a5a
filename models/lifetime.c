/* Lifetimes from reads and writes. */
#include "models/lifetime.h"

#include "kernels/mem.h"

static int add(TensorId *out, int n, TensorId t) {
    if (t != TENSOR_NONE) out[n++] = t;
    return n;
}

int lifetime_reads(const Node *node, TensorId out[LIFETIME_MAX_READS]) {
    int n = 0;
    for (int i = 0; i < OP_MAX_X; i++) n = add(out, n, node->x[i]);
    for (int i = 0; i < OP_MAX_X; i++)
        if (node->accumulate & OP_X(i)) n = add(out, n, node->dx[i]);
    for (int i = 0; i < OP_MAX_Y; i++) {
        n = add(out, n, node->dy[i]);
        if (node->backward) n = add(out, n, node->y[i]);
    }
    return n;
}

int lifetime_writes(const Node *node, TensorId out[LIFETIME_MAX_WRITES]) {
    int n = 0;
    for (int i = 0; i < OP_MAX_X; i++) n = add(out, n, node->dx[i]);
    for (int i = 0; !node->backward && i < OP_MAX_Y; i++) n = add(out, n, node->y[i]);
    return add(out, n, node->scratch);
}

static void use(Lifetime *life, int i_node) {
    if (life->first == -2) life->first = i_node;
    if (i_node > life->last) life->last = i_node;
}

Err lifetime_of_all(Lifetime **out, const Graph *graph) {
    Err err = mem_alloc(out, (size_t)graph->n_tensors, sizeof **out);
    if (err != ERR_OK) return err;
    Lifetime *life = *out;
    for (TensorId t = 0; t < graph->n_tensors; t++) {
        bool before = graph->tensors[t].param >= 0 || graph->tensors[t].role == ROLE_INPUT;
        life[t] = before ? (Lifetime){-1, -1} : (Lifetime){-2, -2};
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        TensorId ids[LIFETIME_MAX_READS + LIFETIME_MAX_WRITES];
        int n = lifetime_reads(&graph->nodes[i], ids);
        n += lifetime_writes(&graph->nodes[i], ids + n);
        for (int k = 0; k < n; k++) use(&life[graph->tensors[ids[k]].base], i);
    }
    for (TensorId t = 0; t < graph->n_tensors; t++) {
        if (life[t].first == -1 && life[t].last < 0) life[t].last = 0; /* the host writes it all the same */
        if (graph->tensors[t].param >= 0 || (graph->tensors[t].kept && life[t].first != -2))
            life[t].last = graph->n_nodes;
    }
    return ERR_OK;
}

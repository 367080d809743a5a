/* Graphs of random ops with their backward pass, and how to run one: what tests of plans and of backends are made on.
 */
#ifndef TESTS_RANDOM_GRAPH_H
#define TESTS_RANDOM_GRAPH_H

#include "models/exec.h"

typedef struct RandomGraph {
    ParamSet params;
    Graph *g;
    TensorId input, loss;
    int n_weights;
} RandomGraph;

/* Tanh, scale, add, mul, sum and log_softmax over tensors of one shape, slices of a buffer, reductions and shared
 * weights; the loss is a sum in which every weight matters. The caller clears it. */
Err random_graph_build(RandomGraph *out, uint64_t seed, Device device) MUST_CHECK;
void random_graph_clear(RandomGraph *b);

/* *out [*n]: loss and gradients behind each other, of the last of three runs on other inputs each; mem_free frees it.
 * *peak: what EXEC_CHECKED counted. */
Err random_graph_run(float **out, size_t *n, size_t *peak, const RandomGraph *b, const Plan *plan,
                     const Backend *backend, ExecMode mode) MUST_CHECK;

#endif

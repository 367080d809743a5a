/* What a node of a graph has to move, and how fast a device can: for the tables that tests/bench/bench_gpu.c and
 * tests/emu/launches.c print. */
#ifndef TESTS_NODE_COST_H
#define TESTS_NODE_COST_H

#include "models/graph.h"

/* A device's peaks, per second; 0 = not known. */
typedef struct Peaks {
    double bytes, flops;
} Peaks;

/* An H100, SXM: fp32 without tensor cores. */
extern const Peaks peaks_h100;

/* Bytes of a tensor's floats or integers; 0 for TENSOR_NONE. */
int64_t node_tensor_bytes(const Graph *graph, TensorId t);

/* Each operand once: what no kernel can do without. What is added to, and state that is updated, is read and written.
 */
int64_t node_bytes(const Graph *graph, const Node *node);

#endif

/* Which tensors a node reads and writes, and when each base is alive: what planning and execution agree on. */
#ifndef MODELS_LIFETIME_H
#define MODELS_LIFETIME_H

#include "models/graph.h"

enum { LIFETIME_MAX_READS = 2 * (OP_MAX_X + OP_MAX_Y), LIFETIME_MAX_WRITES = OP_MAX_X + OP_MAX_Y + 1 };

/* Nodes of a base's first write and last use, inclusive. first = -1: before the step (inputs, persistent tensors).
 * last = n_nodes: to the end of the step (kept and persistent tensors). A base that no node uses has last = 0 if it
 * is an input, first = last = -2 otherwise. */
typedef struct Lifetime {
    int first, last;
} Lifetime;

/* Tensors (views included) that a node reads: x, y and dy of a backward pass, and dx that it adds to. Returns how many.
 */
int lifetime_reads(const Node *node, TensorId out[LIFETIME_MAX_READS]);

/* Tensors that a node writes: y, dx, scratch. Returns how many. */
int lifetime_writes(const Node *node, TensorId out[LIFETIME_MAX_WRITES]);

/* *out [n_tensors], filled for bases; the caller frees. */
Err lifetime_of_all(Lifetime **out, const Graph *graph) MUST_CHECK;

#endif

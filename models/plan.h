/* The memory plan of one graph: where each base tensor lies in the arena, decided before anything runs.
 * Lifetimes come from the nodes alone. Persistent tensors lie in front, where the parameter set says; the rest, whose
 * lifetimes end, is placed behind them so that two tensors alive at one node never overlap, except where an op may work
 * in place. The peak is exact: running the graph needs that much and no more. Nodes run in the order of their birth:
 * greedy orders of the shipped experiments' nodes had bounds at most half a per cent lower. Depends on graph, place. */
#ifndef MODELS_PLAN_H
#define MODELS_PLAN_H

#include "models/graph.h"
#include "models/place.h"

enum { PLAN_ALIGN = 64 };

typedef struct Plan {
    const Graph *graph; /* borrowed, outlives the plan */
    size_t real_bytes;
    size_t persistent_bytes; /* of the whole parameter set, the same for all graphs of a model */
    size_t transient_bytes;  /* what placement came to */
    size_t live_bytes;       /* lower bound of transient_bytes: the largest sum of live blocks over all nodes */
    int peak_node;           /* where live_bytes is reached, the first such node */
    PlanBlock *blocks;
    int n_blocks;
    int *block_of; /* per tensor: its base's block, -1 for persistent ones */
    size_t *live;  /* per node: live transient bytes while it runs */
} Plan;

/* Plans a finished graph. in_place: a result takes over the place of an operand that dies, wherever the op allows it,
 * unless more is lost in gaps than that saves; false keeps every tensor in a block of its own (as an eager framework
 * does). Neither live_bytes nor transient_bytes is ever larger with in_place than without. The caller frees; ERR_NOMEM,
 * or the graph's own error. */
Err plan_build(Plan **out, const Graph *graph, size_t real_bytes, bool in_place) MUST_CHECK;
void plan_free(Plan *plan);

/* Checks a plan without using the planner's lifetimes: walks the nodes, keeps the set of bytes that still hold a value
 * somebody will read, and refuses any write into it. ERR_GATE names node and tensors. */
Err plan_verify(const Plan *plan) MUST_CHECK;

/* transient / live: 1 when nothing is live. */
double plan_ratio(const Plan *plan);

/* Byte offset of a tensor (view or base) from the start of the arena. */
size_t plan_offset(const Plan *plan, TensorId t);

#endif

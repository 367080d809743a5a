/* What there is to see of a graph's step: its tensors by the names that a reader looks for, with their dimensions, and
 * when each is made and used. Depends on models/graph. */
#ifndef HARNESS_RUN_TRACE_LIST_H
#define HARNESS_RUN_TRACE_LIST_H

#include "models/graph.h"

enum { TRACE_DIMS = 32 };

/* A value, or the gradient of one. An output that a node writes into a slice of a buffer, as the decoder's steps do,
 * has an entry of its own beside the buffer's. */
typedef struct TraceEntry {
    char *name;      /* of the value: decoder.t03.attention.alpha, where the graph says decoder.alpha.03 */
    TensorId tensor; /* the value; it has the shape */
    TensorId store;  /* the base that holds it: the value's, or its gradient's */
    bool gradient;
    int node;              /* what completes it; -1 = there before the step */
    int first, last;       /* nodes of the first write and of the last use; -1 and n_nodes for what persists */
    char dims[TRACE_DIMS]; /* "T,N,L"; "" = not known */
} TraceEntry;

typedef struct TraceList {
    TraceEntry *entry; /* values by birth, then gradients */
    int n, room;
} TraceList;

/* Everything but scratch. The caller clears *out. ERR_NOMEM. */
Err trace_list_make(TraceList *out, const Graph *graph) MUST_CHECK;
void trace_list_clear(TraceList *list); /* accepts zeros */

#endif

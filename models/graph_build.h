/* What the files that build graphs share (graph.c, autodiff.c, optimiser.c); nobody else includes it. */
#ifndef MODELS_GRAPH_BUILD_H
#define MODELS_GRAPH_BUILD_H

#include "models/graph.h"

/* Stores the first failure; true if the graph has failed. */
bool graph_failed(Graph *graph, Err code);

/* "scope.name" into out. */
void graph_scoped(const Graph *graph, const char *name, char *out, size_t len);

/* A base tensor under its full name. */
TensorId graph_add_tensor(Graph *graph, const char *full_name, Role role, DType type, const Shape *shape);

/* The tensor of parameter i in this graph, made when first asked for. */
TensorId graph_persistent(Graph *graph, int i_param);

/* A view of `of` (a base) at the offset and with the shape of `like`. */
TensorId graph_view_like(Graph *graph, TensorId of, TensorId like, const char *full_name);

/* An empty node; NULL after an error. The pointer is valid until the next node is added. */
Node *graph_add_node(Graph *graph, const Op *op, const char *full_name, const void *attr);

#endif

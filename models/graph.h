/* A static graph of one training step or one evaluation: append-only nodes and tensors, topological by birth, built
 * once for fixed shapes. Forward and backward passes and the update are nodes of the same list, so that a plan and an
 * executor see one thing only: nodes in order, and which tensors each reads and writes.
 *
 * Building keeps the first error inside the graph: a builder called after an error does nothing and returns
 * TENSOR_NONE, and graph_status tells it at the end. So model code reads as formulas:
 *     TensorId loss = g_sum(g, g_mul(g, a, b), -1);
 * Depends on kernels/op, param. */
#ifndef MODELS_GRAPH_H
#define MODELS_GRAPH_H

#include "kernels/op.h"
#include "kernels/ops.h"
#include "models/param.h"

typedef int TensorId;
enum { TENSOR_NONE = -1 };

typedef enum Role {
    ROLE_PARAM,      /* persistent: weights, running statistics, constants */
    ROLE_OPTIMISER,  /* persistent: optimiser state */
    ROLE_INPUT,      /* written by the host before the step */
    ROLE_ACTIVATION, /* made by a forward node */
    ROLE_GRAD,       /* made by a backward node */
    ROLE_SCRATCH,    /* one node's scratch */
    ROLE_COUNT
} Role;

typedef struct Tensor {
    char *name; /* dotted: decoder.t07.attention.alpha; a gradient is its tensor's name + "'" */
    Shape shape;
    DType type;
    Role role;
    TensorId base;  /* itself, or the tensor that this is a view of: only bases have storage */
    int64_t offset; /* elements from the start of the base */
    TensorId grad;  /* of a base: its gradient, once something contributed to it */
    int param;      /* index in the parameter set for persistent tensors, else -1 */
    bool requires_grad;
    bool kept; /* read by the host after the step: alive to its end */
} Tensor;

typedef struct Node {
    const Op *op;
    char *name; /* scope.op, and "'" for a backward node */
    void *attr; /* owned copy */
    OpSpec spec;
    bool backward;
    TensorId x[OP_MAX_X], y[OP_MAX_Y];   /* backward: only those that it reads, the others TENSOR_NONE */
    TensorId dy[OP_MAX_Y], dx[OP_MAX_X]; /* backward only */
    uint32_t wanted;                     /* bits of dx */
    uint32_t accumulate;                 /* bits of dx that add */
    TensorId scratch;                    /* set by graph_finish */
} Node;

typedef struct Graph {
    ParamSet *params; /* borrowed, outlives the graph; graphs of one model share it */
    Tensor *tensors;
    int n_tensors, tensors_room;
    TensorId *of_param; /* [params_room] per parameter of the set: its tensor here, or TENSOR_NONE */
    int params_room;
    Node *nodes;
    int n_nodes, nodes_room;
    char **names; /* [n_names] blocks that all names are cut from */
    int n_names;
    size_t name_left; /* in the last one */
    TensorId *named;  /* [named_room] by the hash of a name: the first tensor that has it, or TENSOR_NONE */
    int n_named, named_room;
    char scope[256];
    Err err; /* the first error of a builder */
    char message[512];
    int shards;
    Device device;
    bool finished;
} Graph;

Err graph_new(Graph **out, ParamSet *params) MUST_CHECK;
void graph_free(Graph *graph);

/* The first error of any builder, with its message in err_message(). */
Err graph_status(const Graph *graph) MUST_CHECK;

/* Records an error of a builder (a model's own check), unless there is one already. Returns TENSOR_NONE. */
TensorId graph_fail(Graph *graph, Err code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Names of tensors and nodes begin with the scope: "decoder.t07". Returns nothing to undo: graph_leave drops the last
 * segments that graph_enter added. */
void graph_enter(Graph *graph, const char *fmt, ...) PRINTF_LIKE(2, 3);
void graph_leave(Graph *graph);

/* A tensor that the host writes before each step. */
TensorId graph_input(Graph *graph, const char *name, DType type, Shape shape);

/* A trained parameter, a layer's state, a constant, by scoped name; found if another graph of the model made it. */
TensorId graph_param(Graph *graph, const char *name, Shape shape, Init init);
TensorId graph_state(Graph *graph, const char *name, Shape shape, Init init);
TensorId graph_constant(Graph *graph, const char *name, Shape shape, const float *values);

/* An uninitialised activation that nodes fill slice by slice through views (see graph_op_into). */
TensorId graph_buffer(Graph *graph, const char *name, DType type, Shape shape);

/* A view of `of` with another shape, beginning offset elements into it. Views of views are flattened. */
TensorId graph_view(Graph *graph, TensorId of, const char *name, int64_t offset, Shape shape);
/* The same elements with another shape; slice i along the first axis (without that axis). */
TensorId graph_reshape(Graph *graph, TensorId of, Shape shape);
TensorId graph_slice(Graph *graph, TensorId of, int64_t i);

/* Appends a node: op by name, its attribute (copied; NULL if it has none), n_x inputs (TENSOR_NONE = absent). Makes the
 * outputs and saved tensors, named scope.<name>, scope.<name>.1, ...; a name that a tensor has already becomes
 * <name>.2, <name>.3, ..., so that a name means one tensor. Returns output 0; y (may be NULL) receives the op's n_out
 * outputs. */
TensorId graph_op(Graph *graph, const char *op, const char *name, const void *attr, const TensorId *x, int n_x,
                  TensorId *y);

/* As graph_op, but output i is written to into[i] where that is not TENSOR_NONE: a view of a buffer of the same shape
 * and type. No element may be written twice. */
TensorId graph_op_into(Graph *graph, const char *op, const char *name, const void *attr, const TensorId *x, int n_x,
                       const TensorId *into, TensorId *y);

/* Keeps a tensor to the end of the step for the host to read; optionally under a name of its own. Returns t. */
TensorId graph_keep(Graph *graph, TensorId t);

/* The tensor with this name (the base, where a view is called alike), or TENSOR_NONE. */
TensorId graph_find(const Graph *graph, const char *name);

/* Appends the backward pass of a scalar: for each node in reverse order, the gradients of those inputs that lead to a
 * trained parameter. A shared tensor has one gradient buffer: the first contribution writes, later ones add, in fixed
 * reverse order; a contribution to a part of it is preceded by a zero fill. */
void graph_backward(Graph *graph, TensorId loss);

/* The gradient of a tensor (a view of its base's gradient), or TENSOR_NONE if nothing contributed to it. */
TensorId graph_grad(Graph *graph, TensorId t);

/* Ends building: adds each node's scratch for this device and number of shards. */
void graph_finish(Graph *graph, Device device, int shards);

static inline const Tensor *graph_tensor(const Graph *graph, TensorId t) { return &graph->tensors[t]; }
static inline const Shape *graph_shape(const Graph *graph, TensorId t) { return &graph->tensors[t].shape; }

/* First segment of the name: "encoder", "decoder", "focus", "update", ...: what memory is attributed to. Writes at most
 * len bytes. */
void tensor_module(const Tensor *tensor, char *out, size_t len);
const char *role_name(Role role);

/* Storage of a base on a backend whose REAL has real_bytes, rounded up to 64. */
size_t tensor_bytes(const Tensor *tensor, size_t real_bytes);

/* Floating-point operations of one run. */
int64_t graph_flops(const Graph *graph);

#endif

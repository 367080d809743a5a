/* Building graphs: tensors, views, nodes, names. The backward pass is in autodiff.c. */
#include "models/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/graph_build.h"

enum { NAME_LEN = 512, NAME_BLOCK = 8192, STORAGE_ALIGN = 64 };

Err graph_new(Graph **out, ParamSet *params) {
    *out = NULL;
    Graph *graph = NULL;
    Err err = mem_alloc(&graph, 1, sizeof *graph);
    if (err != ERR_OK) return err;
    graph->params = params;
    graph->shards = 1;
    *out = graph;
    return ERR_OK;
}

void graph_free(Graph *graph) {
    if (graph == NULL) return;
    for (int i = 0; i < graph->n_nodes; i++) mem_free(graph->nodes[i].attr);
    for (int i = 0; i < graph->n_names; i++) mem_free(graph->names[i]);
    mem_free(graph->names);
    mem_free(graph->named);
    mem_free(graph->tensors);
    mem_free(graph->of_param);
    mem_free(graph->nodes);
    mem_free(graph);
}

/* ---- errors: the first one stays ---- */

static void keep_error(Graph *graph, Err code) {
    if (graph->err != ERR_OK) return;
    graph->err = code;
    (void)snprintf(graph->message, sizeof graph->message, "%s", err_message());
}

bool graph_failed(Graph *graph, Err code) {
    if (code != ERR_OK) keep_error(graph, code);
    return graph->err != ERR_OK;
}

TensorId graph_fail(Graph *graph, Err code, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (graph->err == ERR_OK) keep_error(graph, err_set(code, "%s", text));
    return TENSOR_NONE;
}

Err graph_status(const Graph *graph) {
    return graph->err == ERR_OK ? ERR_OK : err_set(graph->err, "%s", graph->message);
}

/* ---- names ---- */

void graph_enter(Graph *graph, const char *fmt, ...) {
    char text[128];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = strlen(graph->scope);
    if (len + strlen(text) + 2 > sizeof graph->scope) {
        (void)graph_fail(graph, ERR_ARG, "scope %s.%s is too long", graph->scope, text);
        return;
    }
    /* '/' separates what one graph_enter added, so that leaving knows how much to drop; names show it as '.'. */
    (void)snprintf(graph->scope + len, sizeof graph->scope - len, "%s%s", len > 0 ? "/" : "", text);
}

void graph_leave(Graph *graph) {
    char *slash = strrchr(graph->scope, '/');
    *(slash != NULL ? slash : graph->scope) = '\0';
}

void graph_scoped(const Graph *graph, const char *name, char *out, size_t len) {
    (void)snprintf(out, len, "%s%s%s", graph->scope, graph->scope[0] != '\0' ? "." : "", name);
    for (char *p = out; *p != '\0'; p++)
        if (*p == '/') *p = '.';
}

/* Names are many and short. */
static Err keep_name(Graph *graph, char **out, const char *name) {
    Err err = ERR_OK;
    const size_t bytes = strlen(name) + 1;
    ASSERT(bytes <= NAME_BLOCK);
    if (bytes > graph->name_left) {
        TRY(mem_grow(&graph->names, (size_t)graph->n_names, (size_t)graph->n_names + 1, sizeof *graph->names));
        TRY(mem_alloc(&graph->names[graph->n_names], NAME_BLOCK, 1));
        graph->n_names++;
        graph->name_left = NAME_BLOCK;
    }
    *out = graph->names[graph->n_names - 1] + (NAME_BLOCK - graph->name_left);
    memcpy(*out, name, bytes);
    graph->name_left -= bytes;
done:
    return err;
}

/* Where a name is in `named`, or belongs: open addressing, never more than half full. */
static int name_slot(const Graph *graph, const char *name) {
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 16777619U;
    int mask = graph->named_room - 1, slot = (int)(hash & (uint32_t)mask);
    while (graph->named[slot] != TENSOR_NONE && strcmp(graph->tensors[graph->named[slot]].name, name) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

static void note_name(Graph *graph, TensorId t) {
    int slot = name_slot(graph, graph->tensors[t].name);
    if (graph->named[slot] != TENSOR_NONE) return;
    graph->named[slot] = t;
    graph->n_named++;
}

static Err reserve_named(Graph *graph) {
    if (2 * (graph->n_named + 1) <= graph->named_room) return ERR_OK;
    int room = graph->named_room == 0 ? 512 : 2 * graph->named_room;
    TensorId *named = NULL;
    Err err = mem_alloc(&named, (size_t)room, sizeof *named);
    if (err != ERR_OK) return err;
    for (int i = 0; i < room; i++) named[i] = TENSOR_NONE;
    mem_free(graph->named);
    graph->named = named;
    graph->named_room = room;
    graph->n_named = 0;
    for (TensorId t = 0; t < graph->n_tensors; t++) note_name(graph, t);
    return ERR_OK;
}

TensorId graph_find(const Graph *graph, const char *name) {
    return graph->named_room == 0 ? TENSOR_NONE : graph->named[name_slot(graph, name)];
}

/* scope.name; with .2, .3, ... where a tensor is called so already, in place of its end if it has no room for that. */
static void name_node(const Graph *graph, const char *name, char *out, size_t len) {
    enum { SUFFIX = sizeof ".2147483647" };
    graph_scoped(graph, name, out, len);
    size_t end = strlen(out);
    if (end > len - SUFFIX) end = len - SUFFIX;
    for (int i = 2; graph_find(graph, out) != TENSOR_NONE; i++) (void)snprintf(out + end, len - end, ".%d", i);
}

/* ---- tensors ---- */

TensorId graph_add_tensor(Graph *graph, const char *full_name, Role role, DType type, const Shape *shape) {
    if (graph->err != ERR_OK) return TENSOR_NONE;
    if (graph->n_tensors == graph->tensors_room) {
        int room = graph->tensors_room == 0 ? 256 : 2 * graph->tensors_room;
        if (graph_failed(graph, mem_grow(&graph->tensors, (size_t)graph->n_tensors, (size_t)room, sizeof(Tensor))))
            return TENSOR_NONE;
        graph->tensors_room = room;
    }
    TensorId id = graph->n_tensors;
    Tensor *tensor = &graph->tensors[id];
    *tensor = (Tensor){.shape = *shape, .type = type, .role = role, .base = id, .grad = TENSOR_NONE, .param = -1};
    if (graph_failed(graph, keep_name(graph, &tensor->name, full_name))) return TENSOR_NONE;
    if (graph_failed(graph, reserve_named(graph))) return TENSOR_NONE;
    graph->n_tensors++;
    note_name(graph, id);
    return id;
}

static bool shape_is_valid(Graph *graph, const char *name, const Shape *shape) {
    int64_t bytes = (int64_t)sizeof(double);
    for (int i = 0; i < shape->rank; i++) {
        char text[96];
        if (shape->dim[i] < 1 || __builtin_mul_overflow(bytes, shape->dim[i], &bytes)) {
            (void)graph_fail(graph, ERR_SHAPE, "tensor %s cannot have the shape %s", name,
                             shape_text(shape, text, sizeof text));
            return false;
        }
    }
    return true;
}

static TensorId add_scoped(Graph *graph, const char *name, Role role, DType type, const Shape *shape) {
    char full[NAME_LEN];
    if (graph->err != ERR_OK || !shape_is_valid(graph, name, shape)) return TENSOR_NONE;
    graph_scoped(graph, name, full, sizeof full);
    return graph_add_tensor(graph, full, role, type, shape);
}

TensorId graph_input(Graph *graph, const char *name, DType type, Shape shape) {
    return add_scoped(graph, name, ROLE_INPUT, type, &shape);
}

TensorId graph_buffer(Graph *graph, const char *name, DType type, Shape shape) {
    return add_scoped(graph, name, ROLE_ACTIVATION, type, &shape);
}

static Err reserve_params(Graph *graph) {
    int room = graph->params_room;
    if (graph->params->n <= room) return ERR_OK;
    Err err = mem_grow(&graph->of_param, (size_t)room, (size_t)graph->params->n_room, sizeof *graph->of_param);
    if (err != ERR_OK) return err;
    graph->params_room = graph->params->n_room;
    for (int i = room; i < graph->params_room; i++) graph->of_param[i] = TENSOR_NONE;
    return ERR_OK;
}

TensorId graph_persistent(Graph *graph, int i_param) {
    if (graph->err != ERR_OK || graph_failed(graph, reserve_params(graph))) return TENSOR_NONE;
    if (graph->of_param[i_param] != TENSOR_NONE) return graph->of_param[i_param];
    const Param *param = &graph->params->items[i_param];
    Role role = param->kind == PARAM_OPTIMISER ? ROLE_OPTIMISER : ROLE_PARAM;
    TensorId t = graph_add_tensor(graph, param->name, role, DT_REAL, &param->shape);
    if (t == TENSOR_NONE) return t;
    graph->of_param[i_param] = t;
    graph->tensors[t].param = i_param;
    graph->tensors[t].requires_grad = param->kind == PARAM_WEIGHT;
    return t;
}

static TensorId scoped_param(Graph *graph, const char *name, const Shape *shape, ParamKind kind, Init init) {
    char full[NAME_LEN];
    int i = -1;
    if (graph->err != ERR_OK || !shape_is_valid(graph, name, shape)) return TENSOR_NONE;
    graph_scoped(graph, name, full, sizeof full);
    if (graph_failed(graph, params_add(graph->params, full, shape, kind, init, &i))) return TENSOR_NONE;
    return graph_persistent(graph, i);
}

TensorId graph_param(Graph *graph, const char *name, Shape shape, Init init) {
    return scoped_param(graph, name, &shape, PARAM_WEIGHT, init);
}

TensorId graph_state(Graph *graph, const char *name, Shape shape, Init init) {
    return scoped_param(graph, name, &shape, PARAM_STATE, init);
}

TensorId graph_constant(Graph *graph, const char *name, Shape shape, const float *values) {
    char full[NAME_LEN];
    int i = -1;
    if (graph->err != ERR_OK || !shape_is_valid(graph, name, &shape)) return TENSOR_NONE;
    graph_scoped(graph, name, full, sizeof full);
    if (graph_failed(graph, params_add_constant(graph->params, full, &shape, values, &i))) return TENSOR_NONE;
    return graph_persistent(graph, i);
}

/* ---- views ---- */

static TensorId add_view(Graph *graph, TensorId of, const char *full_name, int64_t offset, const Shape *shape) {
    if (graph->err != ERR_OK || of == TENSOR_NONE) return TENSOR_NONE;
    const Tensor from = graph->tensors[of];
    if (offset < 0 || offset + shape_count(shape) > shape_count(&from.shape))
        return graph_fail(graph, ERR_SHAPE, "view %s reaches beyond %s", full_name, from.name);
    TensorId t = graph_add_tensor(graph, full_name, from.role, from.type, shape);
    if (t == TENSOR_NONE) return t;
    graph->tensors[t].base = from.base;
    graph->tensors[t].offset = from.offset + offset;
    graph->tensors[t].param = from.param;
    return t;
}

TensorId graph_view(Graph *graph, TensorId of, const char *name, int64_t offset, Shape shape) {
    char full[NAME_LEN];
    graph_scoped(graph, name, full, sizeof full);
    return add_view(graph, of, full, offset, &shape);
}

TensorId graph_view_like(Graph *graph, TensorId of, TensorId like, const char *full_name) {
    const Tensor *shape_of = &graph->tensors[like];
    Shape shape = shape_of->shape;
    return add_view(graph, of, full_name, shape_of->offset, &shape);
}

TensorId graph_reshape(Graph *graph, TensorId of, Shape shape) {
    if (graph->err != ERR_OK || of == TENSOR_NONE) return TENSOR_NONE;
    if (shape_count(&shape) != shape_count(graph_shape(graph, of))) {
        char from[96], to[96];
        return graph_fail(graph, ERR_SHAPE, "%s %s cannot be seen as %s", graph->tensors[of].name,
                          shape_text(graph_shape(graph, of), from, sizeof from), shape_text(&shape, to, sizeof to));
    }
    return add_view(graph, of, graph->tensors[of].name, 0, &shape);
}

TensorId graph_slice(Graph *graph, TensorId of, int64_t i) {
    if (graph->err != ERR_OK || of == TENSOR_NONE) return TENSOR_NONE;
    const Tensor *from = &graph->tensors[of];
    if (from->shape.rank < 1 || i < 0 || i >= from->shape.dim[0])
        return graph_fail(graph, ERR_SHAPE, "%s has no slice %lld", from->name, (long long)i);
    Shape shape = {.rank = from->shape.rank - 1};
    for (int d = 0; d < shape.rank; d++) shape.dim[d] = from->shape.dim[d + 1];
    char name[NAME_LEN];
    (void)snprintf(name, sizeof name, "%s.%02lld", from->name, (long long)i);
    return add_view(graph, of, name, i * shape_count(&shape), &shape);
}

/* ---- nodes ---- */

Node *graph_add_node(Graph *graph, const Op *op, const char *full_name, const void *attr) {
    if (graph->err != ERR_OK) return NULL;
    if (graph->n_nodes == graph->nodes_room) {
        int room = graph->nodes_room == 0 ? 128 : 2 * graph->nodes_room;
        if (graph_failed(graph, mem_grow(&graph->nodes, (size_t)graph->n_nodes, (size_t)room, sizeof(Node))))
            return NULL;
        graph->nodes_room = room;
    }
    Node *node = &graph->nodes[graph->n_nodes];
    memset(node, 0, sizeof *node);
    node->op = op;
    node->scratch = TENSOR_NONE;
    for (int i = 0; i < OP_MAX_X; i++) node->x[i] = node->dx[i] = TENSOR_NONE;
    for (int i = 0; i < OP_MAX_Y; i++) node->y[i] = node->dy[i] = TENSOR_NONE;
    if (graph_failed(graph, keep_name(graph, &node->name, full_name))) return NULL;
    graph->n_nodes++; /* from here on graph_free releases what the node owns */
    if (op->attr_bytes > 0) {
        if (attr == NULL) return graph_fail(graph, ERR_ARG, "%s: op %s needs attributes", full_name, op->name), NULL;
        if (graph_failed(graph, mem_alloc(&node->attr, 1, op->attr_bytes))) return NULL;
        memcpy(node->attr, attr, op->attr_bytes);
    }
    node->spec.attr = node->attr;
    return node;
}

/* True if two inputs share elements: their gradients would then be added to one place by one kernel. */
static bool overlaps(const Graph *graph, TensorId a, TensorId b) {
    const Tensor *ta = &graph->tensors[a], *tb = &graph->tensors[b];
    return ta->base == tb->base && ta->offset < tb->offset + shape_count(&tb->shape) &&
           tb->offset < ta->offset + shape_count(&ta->shape);
}

static void separate_inputs(Graph *graph, const Op *op, TensorId *x, int n_x) {
    for (int i = 1; i < n_x; i++)
        for (int j = 0; j < i; j++) {
            bool both = (op->differentiable & OP_X(i)) && (op->differentiable & OP_X(j));
            if (!both || x[i] == TENSOR_NONE || x[j] == TENSOR_NONE || !overlaps(graph, x[i], x[j])) continue;
            if (!graph->tensors[graph->tensors[x[i]].base].requires_grad) continue;
            ScaleAttr same = {1.0, 0.0};
            x[i] = graph_op(graph, "scale", "copy", &same, &x[i], 1, NULL);
            if (x[i] == TENSOR_NONE) return;
        }
}

static void describe_inputs(const Graph *graph, Node *node, const TensorId *x, int n_x) {
    node->spec.n_x = n_x;
    for (int i = 0; i < n_x; i++) {
        node->x[i] = x[i];
        node->spec.x[i] = (Shape){.rank = SHAPE_ABSENT};
        if (x[i] == TENSOR_NONE) continue;
        node->spec.x[i] = graph->tensors[x[i]].shape;
        node->spec.x_type[i] = graph->tensors[x[i]].type;
    }
}

static bool leads_to_weight(const Graph *graph, const Op *op, const TensorId *x, int n_x) {
    for (int i = 0; i < n_x; i++)
        if (x[i] != TENSOR_NONE && (op->differentiable & OP_X(i)) &&
            graph->tensors[graph->tensors[x[i]].base].requires_grad)
            return true;
    return false;
}

static TensorId place_output(Graph *graph, const OpSpec *spec, int i, TensorId into, const char *full_name) {
    if (into != TENSOR_NONE) {
        const Tensor *target = &graph->tensors[into];
        if (shape_equal(&target->shape, &spec->y[i]) && target->type == spec->y_type[i]) return into;
        char want[96], got[96];
        return graph_fail(graph, ERR_SHAPE, "%s: output %d is %s, the buffer's part is %s", full_name, i,
                          shape_text(&spec->y[i], got, sizeof got), shape_text(&target->shape, want, sizeof want));
    }
    char name[NAME_LEN];
    if (i == 0)
        (void)snprintf(name, sizeof name, "%s", full_name);
    else
        (void)snprintf(name, sizeof name, "%.*s.%d", NAME_LEN - 16, full_name, i);
    return graph_add_tensor(graph, name, ROLE_ACTIVATION, spec->y_type[i], &spec->y[i]);
}

TensorId graph_op_into(Graph *graph, const char *op_name, const char *name, const void *attr, const TensorId *x,
                       int n_x, const TensorId *into, TensorId *y) {
    char full[NAME_LEN];
    TensorId ins[OP_MAX_X];
    if (y != NULL) y[0] = TENSOR_NONE;
    if (graph->err != ERR_OK) return TENSOR_NONE;
    name_node(graph, name, full, sizeof full);
    const Op *op = op_find(op_name);
    if (op == NULL) return graph_fail(graph, ERR_ARG, "%s: there is no op %s", full, op_name);
    if (n_x > OP_MAX_X) return graph_fail(graph, ERR_ARG, "%s: %d inputs are too many", full, n_x);
    for (int i = 0; i < n_x; i++) ins[i] = x[i];
    separate_inputs(graph, op, ins, n_x);
    Node *node = graph_add_node(graph, op, full, attr);
    if (node == NULL) return TENSOR_NONE;
    describe_inputs(graph, node, ins, n_x);
    Err err = op_infer(op, &node->spec);
    if (err != ERR_OK) (void)graph_failed(graph, err_context(err, "%s", full));
    bool needs_grad = leads_to_weight(graph, op, ins, n_x);
    for (int i = 0; graph->err == ERR_OK && i < node->spec.n_y; i++) {
        TensorId target = into != NULL && i < op->n_out ? into[i] : TENSOR_NONE;
        node->y[i] = place_output(graph, &node->spec, i, target, full);
        if (node->y[i] == TENSOR_NONE) break;
        Tensor *base = &graph->tensors[graph->tensors[node->y[i]].base];
        if (needs_grad && i < op->n_out && base->type == DT_REAL) base->requires_grad = true;
        if (y != NULL && i < op->n_out) y[i] = node->y[i];
    }
    return graph->err == ERR_OK ? node->y[0] : TENSOR_NONE;
}

TensorId graph_op(Graph *graph, const char *op, const char *name, const void *attr, const TensorId *x, int n_x,
                  TensorId *y) {
    return graph_op_into(graph, op, name, attr, x, n_x, NULL, y);
}

TensorId graph_keep(Graph *graph, TensorId t) {
    if (graph->err == ERR_OK && t != TENSOR_NONE) graph->tensors[graph->tensors[t].base].kept = true;
    return t;
}

/* ---- finishing and facts ---- */

void graph_finish(Graph *graph, Device device, int shards) {
    if (graph->err != ERR_OK || graph->finished) return;
    graph->device = device;
    graph->shards = shards;
    graph->finished = true;
    for (int i = 0; i < graph->n_nodes; i++) {
        Node *node = &graph->nodes[i];
        if (node->op->scratch_bytes == NULL) continue;
        size_t bytes = node->op->scratch_bytes(&node->spec, device, node->backward, node->wanted, shards);
        if (bytes == 0) continue;
        char name[NAME_LEN];
        Shape shape = SHAPE1((int64_t)((bytes + sizeof(int32_t) - 1) / sizeof(int32_t)));
        (void)snprintf(name, sizeof name, "%s.scratch", node->name);
        TensorId scratch = graph_add_tensor(graph, name, ROLE_SCRATCH, DT_INT, &shape);
        if (scratch == TENSOR_NONE) return;
        graph->nodes[i].scratch = scratch;
    }
}

void tensor_module(const Tensor *tensor, char *out, size_t len) {
    size_t n = strcspn(tensor->name, ".'");
    (void)snprintf(out, len, "%.*s", (int)n, tensor->name);
}

const char *role_name(Role role) {
    static const char *const names[ROLE_COUNT] = {"param", "optimiser", "input", "activation", "grad", "scratch"};
    return role >= 0 && role < ROLE_COUNT ? names[role] : "unknown";
}

size_t tensor_bytes(const Tensor *tensor, size_t real_bytes) {
    size_t element = tensor->type == DT_REAL ? real_bytes : sizeof(int32_t);
    size_t bytes = (size_t)shape_count(&tensor->shape) * element;
    return (bytes + STORAGE_ALIGN - 1) / STORAGE_ALIGN * STORAGE_ALIGN;
}

int64_t graph_flops(const Graph *graph) {
    int64_t total = 0;
    for (int i = 0; i < graph->n_nodes; i++)
        total += op_flops(graph->nodes[i].op, &graph->nodes[i].spec, graph->nodes[i].backward);
    return total;
}

/* Node by node against the reference. */
#include "harness/run/trace_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"

/* Operands of one node as the reference takes them: double or int32_t; NULL where there is none. */
typedef struct Operands {
    void *x[OP_MAX_X], *y[OP_MAX_Y], *dy[OP_MAX_Y], *dx[OP_MAX_X], *scratch;
} Operands;

typedef struct Checking {
    TraceCheck *out;
    const Exec *exec;
    const Graph *graph;
    Operands now; /* of the node that runs next */
    void *room;   /* for exec_view */
    Err err;
} Checking;

double trace_check_tolerance(const Op *op) {
    enum { DEFAULT_EXPONENT = -4 };
    double largest = pow(10.0, DEFAULT_EXPONENT);
    for (int i = 0; i < op->n_cases; i++) largest = fmax(largest, op->cases[i].tolerance);
    return largest;
}

/* ---- operands ---- */

static void free_operands(Operands *o) {
    for (int i = 0; i < OP_MAX_X; i++) mem_free(o->x[i]), mem_free(o->dx[i]);
    for (int i = 0; i < OP_MAX_Y; i++) mem_free(o->y[i]), mem_free(o->dy[i]);
    mem_free(o->scratch);
    *o = (Operands){0};
}

/* Room for a tensor, with its present values if they are wanted. */
static Err take(void **out, Checking *c, TensorId t, bool values) {
    Err err = ERR_OK;
    if (t == TENSOR_NONE) return ERR_OK;
    const Tensor *tensor = graph_tensor(c->graph, t);
    const int64_t n = shape_count(&tensor->shape);
    const void *from = NULL;
    if (values) TRY(exec_view(&from, c->exec, t, 0, n, &c->room));
    TRY(mem_alloc(out, (size_t)n, tensor->type == DT_INT ? sizeof(int32_t) : sizeof(double)));
    if (values && tensor->type == DT_INT) memcpy(*out, from, (size_t)n * sizeof(int32_t));
    for (int64_t i = 0; values && tensor->type == DT_REAL && i < n; i++)
        ((double *)*out)[i] = (double)((const float *)from)[i];
done:
    return err;
}

/* All that a node reads, before it runs: it may change some of it. */
static Err prepare(Checking *c, int i_node) {
    Err err = ERR_OK;
    const Node *node = &c->graph->nodes[i_node];
    Operands *o = &c->now;
    for (int i = 0; i < OP_MAX_X; i++) {
        TRY(take(&o->x[i], c, node->x[i], true));
        TRY(take(&o->dx[i], c, node->dx[i], (node->accumulate & OP_X(i)) != 0));
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        TRY(take(&o->y[i], c, node->y[i], node->backward));
        TRY(take(&o->dy[i], c, node->dy[i], true));
    }
    if (node->op->scratch_bytes != NULL)
        TRY(mem_alloc(&o->scratch,
                      node->op->scratch_bytes(&node->spec, DEVICE_REF, node->backward, node->wanted, c->graph->shards),
                      1));
done:
    return err;
}

static Err run_reference(Checking *c, const Node *node) {
    const Operands *o = &c->now;
    OpFn run = node->backward ? node->op->ref_bwd : node->op->ref_fwd;
    OpCall call = {
        .spec = &node->spec, .accumulate = node->accumulate, .scratch = o->scratch, .shards = c->graph->shards};
    for (int i = 0; i < OP_MAX_X; i++) call.x[i] = o->x[i], call.dx[i] = o->dx[i];
    for (int i = 0; i < OP_MAX_Y; i++) call.y[i] = o->y[i], call.dy[i] = o->dy[i];
    return run(&call);
}

/* ---- comparison ---- */

static double element(const void *values, DType type, bool wide, int64_t i) {
    if (type == DT_INT) return (double)((const int32_t *)values)[i];
    return wide ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static void place_text(char *out, size_t len, const Shape *shape, int64_t at) {
    int64_t inner = shape_count(shape);
    size_t used = (size_t)snprintf(out, len, "[");
    for (int i = 0; i < shape->rank && used < len; i++) {
        inner /= shape->dim[i];
        used += (size_t)snprintf(out + used, len - used, "%s%lld", i > 0 ? "," : "", (long long)(at / inner));
        at %= inner;
    }
    if (used < len) (void)snprintf(out + used, len - used, "]");
}

/* Both not finite in the same way is equal: a step that diverges does so in the reference as well. */
static double distance(double got, double expected) {
    if (got == expected || (isnan(got) && isnan(expected))) return 0.0;
    double d = fabs(got - expected);
    return isnan(d) ? (double)INFINITY : d;
}

static bool has_kink(const Op *op) {
    for (int i = 0; i < op->n_cases; i++)
        if (op->cases[i].no_differences) return true;
    return false;
}

/* Largest finite magnitude of what is expected. */
static double magnitude(const void *expected, DType type, int64_t n) {
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double v = fabs(element(expected, type, true, i));
        if (isfinite(v) && v > largest) largest = v;
    }
    return largest;
}

/* Fills the figures of w from the w->n elements of two tensors; *at = the worst one. */
static void compare_elements(CheckWrong *w, const void *got, const void *expected, DType type, int64_t *at) {
    const double scale = magnitude(expected, type, w->n), limit = type == DT_INT ? 0.0 : w->tolerance * scale;
    *at = 0;
    for (int64_t i = 0; i < w->n; i++) {
        double d = distance(element(got, type, false, i), element(expected, type, true, i));
        if (d > limit) w->n_off++;
        if (d > w->abs_error) w->abs_error = d, *at = i;
    }
    w->got = element(got, type, false, *at);
    w->expected = element(expected, type, true, *at);
    if (w->abs_error > 0.0) w->rel_error = scale > 0.0 ? w->abs_error / scale : (double)INFINITY;
}

/* At a kink, as relu's, rounding may fall to either side, and one element is then off by all it is worth. */
static bool is_off(const CheckWrong *w, const Op *op) {
    enum { ONE_IN = 10000 };
    int64_t allowed = has_kink(op) ? (w->n + ONE_IN - 1) / ONE_IN : 0;
    return w->n_off > allowed;
}

/* Tensor t, as the node left it, against the reference's values. True if it is off. */
static bool compare(Checking *c, const Node *node, TensorId t, const void *expected, CheckWrong *w) {
    const Tensor *tensor = graph_tensor(c->graph, t);
    const void *got = NULL;
    int64_t at = 0;
    *w = (CheckWrong){.op = node->op->name,
                      .backward = node->backward,
                      .tolerance = trace_check_tolerance(node->op),
                      .n = shape_count(&tensor->shape)};
    (void)snprintf(w->node, sizeof w->node, "%s", node->name);
    (void)snprintf(w->tensor, sizeof w->tensor, "%s", tensor->name);
    if (c->err == ERR_OK) c->err = exec_view(&got, c->exec, t, 0, w->n, &c->room);
    if (c->err != ERR_OK) return false;
    compare_elements(w, got, expected, tensor->type, &at);
    place_text(w->where, sizeof w->where, &tensor->shape, at);
    bool off = is_off(w, node->op);
    TraceCheck *out = c->out;
    bool near = w->rel_error / w->tolerance > out->nearest.rel_error / fmax(out->nearest.tolerance, 1e-300);
    if (near && (off || w->n_off == 0)) out->nearest = *w;
    return off;
}

/* The worst of what a node wrote. */
static void judge(Checking *c, const Node *node) {
    CheckWrong w, worst = {.rel_error = -1.0};
    TraceCheck *out = c->out;
    const Operands *o = &c->now;
    for (int i = 0; i < OP_MAX_Y; i++)
        if (!node->backward && o->y[i] != NULL && compare(c, node, node->y[i], o->y[i], &w) &&
            w.rel_error > worst.rel_error)
            worst = w;
    for (int i = 0; i < OP_MAX_X; i++) {
        bool mutated = !node->backward && (node->op->mutates & OP_X(i)) && o->x[i] != NULL;
        if (mutated && compare(c, node, node->x[i], o->x[i], &w) && w.rel_error > worst.rel_error) worst = w;
        if (o->dx[i] != NULL && compare(c, node, node->dx[i], o->dx[i], &w) && w.rel_error > worst.rel_error) worst = w;
    }
    if (worst.rel_error < 0.0) return;
    if (out->n_wrong < CHECK_SHOWN) out->wrong[out->n_wrong] = worst;
    out->n_wrong++;
}

static bool is_update(const Graph *graph, const Node *node) {
    return !node->backward && (node->op->mutates & OP_X(0)) && node->x[0] != TENSOR_NONE &&
           graph_tensor(graph, node->x[0])->requires_grad;
}

static void count(Checking *c, const Node *node) {
    if (node->backward)
        c->out->n_backward++;
    else if (is_update(c->graph, node))
        c->out->n_update++;
    else
        c->out->n_forward++;
}

/* ---- the run ---- */

static Err check_node(Checking *c, int i_node) {
    Err err = ERR_OK;
    const Node *node = &c->graph->nodes[i_node];
    TRY(run_reference(c, node));
    count(c, node);
    judge(c, node);
    TRY(c->err);
    free_operands(&c->now);
    if (i_node + 1 < c->graph->n_nodes) TRY(prepare(c, i_node + 1));
done:
    return err == ERR_OK ? ERR_OK : err_context(err, "%s in the reference", node->name);
}

static bool seen(void *ctx, int i_node) {
    Checking *c = ctx;
    c->err = check_node(c, i_node);
    return c->err == ERR_OK;
}

Err trace_check(TraceCheck *out, Exec *exec, const Graph *graph) {
    Err err = ERR_OK;
    Checking c = {.out = out, .exec = exec, .graph = graph};
    *out = (TraceCheck){0};
    TRY(prepare(&c, 0));
    TRY(exec_run_watched(exec, seen, &c));
    err = c.err;
done:
    free_operands(&c.now);
    mem_free(c.room);
    return err;
}

/* Lifetimes, and who shares a block in place. */
#include "models/plan.h"

#include <string.h>

#include "kernels/mem.h"
#include "models/lifetime.h"

static bool covers_base(const Graph *graph, TensorId t) {
    const Tensor *tensor = &graph->tensors[t];
    return tensor->offset == 0 && shape_count(&tensor->shape) == shape_count(&graph->tensors[tensor->base].shape);
}

static bool is_persistent(const Graph *graph, TensorId t) { return graph->tensors[t].param >= 0; }

void plan_free(Plan *plan) {
    if (plan == NULL) return;
    mem_free(plan->blocks);
    mem_free(plan->block_of);
    mem_free(plan->live);
    mem_free(plan);
}

/* ---- blocks ---- */

static int add_block(Plan *plan, const Lifetime *life, TensorId base) {
    PlanBlock *block = &plan->blocks[plan->n_blocks];
    *block = (PlanBlock){.first = life[base].first, .last = life[base].last};
    block->bytes = tensor_bytes(&plan->graph->tensors[base], plan->real_bytes);
    return plan->n_blocks++;
}

/* How often node i reads a base: in place is refused when it reads it twice, for instance through two views. */
static int n_uses(const Graph *graph, int i_node, TensorId base) {
    TensorId reads[LIFETIME_MAX_READS];
    int n = lifetime_reads(&graph->nodes[i_node], reads), uses = 0;
    for (int k = 0; k < n; k++) uses += graph->tensors[reads[k]].base == base;
    return uses;
}

/* Out may take over the block of `in` at node i if it is born there as a whole, `in` dies there as a whole, and the
 * sizes agree. A block that the host reads after the step, or that is persistent, is never taken over. */
static bool may_take_over(const Plan *plan, const Lifetime *life, int i_node, TensorId out, TensorId in) {
    const Graph *graph = plan->graph;
    if (out == TENSOR_NONE || in == TENSOR_NONE || !covers_base(graph, out) || !covers_base(graph, in)) return false;
    TensorId ob = graph->tensors[out].base, ib = graph->tensors[in].base;
    if (is_persistent(graph, ob) || is_persistent(graph, ib) || graph->tensors[ib].kept) return false;
    if (life[ob].first != i_node || life[ib].last != i_node || life[ib].first >= i_node) return false;
    if (graph->tensors[ob].type != graph->tensors[ib].type) return false;
    if (shape_count(&graph->tensors[ob].shape) != shape_count(&graph->tensors[ib].shape)) return false;
    return n_uses(graph, i_node, ib) == 1;
}

static TensorId in_place_source(const Plan *plan, const Lifetime *life, int i_node, TensorId *out) {
    const Node *node = &plan->graph->nodes[i_node];
    for (int i = 0; i < node->spec.n_x; i++) {
        if (node->backward) {
            bool allowed = (node->op->alias_bwd & OP_X(i)) && !(node->accumulate & OP_X(i));
            *out = node->dx[i];
            if (allowed && may_take_over(plan, life, i_node, node->dx[i], node->dy[0])) return node->dy[0];
        } else {
            *out = node->y[0];
            bool allowed = (node->op->alias_fwd & OP_X(i)) != 0;
            if (allowed && may_take_over(plan, life, i_node, node->y[0], node->x[i])) return node->x[i];
        }
    }
    return TENSOR_NONE;
}

/* Births in node order: a block exists before anything can take it over. */
static void make_blocks(Plan *plan, const Lifetime *life, bool in_place) {
    const Graph *graph = plan->graph;
    for (TensorId t = 0; t < graph->n_tensors; t++) plan->block_of[t] = -1;
    for (TensorId t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].base == t && !is_persistent(graph, t) && life[t].first == -1)
            plan->block_of[t] = add_block(plan, life, t);
    for (int i = 0; i < graph->n_nodes; i++) {
        TensorId out = TENSOR_NONE;
        TensorId in = in_place ? in_place_source(plan, life, i, &out) : TENSOR_NONE;
        if (in != TENSOR_NONE) {
            TensorId ob = graph->tensors[out].base, ib = graph->tensors[in].base;
            plan->block_of[ob] = plan->block_of[ib];
            plan->blocks[plan->block_of[ob]].last = life[ob].last;
        }
        TensorId written[LIFETIME_MAX_WRITES];
        int n = lifetime_writes(&graph->nodes[i], written);
        for (int w = 0; w < n; w++) {
            TensorId base = graph->tensors[written[w]].base;
            if (!is_persistent(graph, base) && plan->block_of[base] < 0)
                plan->block_of[base] = add_block(plan, life, base);
        }
    }
    for (TensorId t = 0; t < graph->n_tensors; t++) plan->block_of[t] = plan->block_of[graph->tensors[t].base];
}

/* ---- what is alive ---- */

static void count_live(Plan *plan) {
    size_t n = (size_t)plan->graph->n_nodes, alive = 0;
    memset(plan->live, 0, n * sizeof *plan->live);
    for (int b = 0; b < plan->n_blocks; b++) { /* differences, which wrap as sums of them do */
        const PlanBlock *block = &plan->blocks[b];
        size_t first = block->first < 0 ? 0 : (size_t)block->first, behind = (size_t)block->last + 1;
        if (first < n) plan->live[first] += block->bytes;
        if (behind < n) plan->live[behind] -= block->bytes;
    }
    plan->live_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        alive += plan->live[i];
        plan->live[i] = alive;
        if (alive <= plan->live_bytes) continue;
        plan->live_bytes = alive;
        plan->peak_node = (int)i;
    }
}

static Err plan_once(Plan **out, const Graph *graph, const Lifetime *life, size_t real_bytes, bool in_place) {
    Err err = ERR_OK;
    Plan *plan = NULL;
    TRY(mem_alloc(&plan, 1, sizeof *plan));
    plan->graph = graph;
    plan->real_bytes = real_bytes;
    plan->persistent_bytes = graph->params->n_elements * real_bytes;
    size_t n_tensors = (size_t)graph->n_tensors;
    TRY(mem_alloc(&plan->blocks, n_tensors, sizeof *plan->blocks));
    TRY(mem_alloc(&plan->block_of, n_tensors, sizeof *plan->block_of));
    TRY(mem_alloc(&plan->live, (size_t)graph->n_nodes, sizeof *plan->live));
    make_blocks(plan, life, in_place);
    count_live(plan);
    TRY(place_blocks(plan->blocks, plan->n_blocks, plan->live_bytes, &plan->transient_bytes));
    *out = plan;
    plan = NULL;
done:
    plan_free(plan);
    return err;
}

Err plan_build(Plan **out, const Graph *graph, size_t real_bytes, bool in_place) {
    Err err = ERR_OK;
    Plan *plan = NULL, *apart = NULL;
    Lifetime *life = NULL;
    *out = NULL;
    TRY(graph_status(graph));
    ASSERT(graph->finished);
    TRY(lifetime_of_all(&life, graph));
    TRY(plan_once(&plan, graph, life, real_bytes, in_place));
    /* Tensors that share a block have one place all their lives, which can leave gaps that they would not leave apart.
     */
    if (in_place && plan->transient_bytes > plan->live_bytes) {
        TRY(plan_once(&apart, graph, life, real_bytes, false));
        if (apart->transient_bytes < plan->transient_bytes) {
            plan_free(plan);
            plan = apart;
            apart = NULL;
        }
    }
    *out = plan;
    plan = NULL;
done:
    mem_free(life);
    plan_free(plan);
    plan_free(apart);
    return err;
}

double plan_ratio(const Plan *plan) {
    return plan->live_bytes == 0 ? 1.0 : (double)plan->transient_bytes / (double)plan->live_bytes;
}

size_t plan_offset(const Plan *plan, TensorId t) {
    const Tensor *tensor = &plan->graph->tensors[t];
    size_t element = tensor->type == DT_REAL ? plan->real_bytes : sizeof(int32_t);
    size_t inside = (size_t)tensor->offset * element;
    if (tensor->param >= 0) return plan->graph->params->items[tensor->param].offset * plan->real_bytes + inside;
    ASSERT(plan->block_of[t] >= 0);
    return plan->persistent_bytes + plan->blocks[plan->block_of[t]].offset + inside;
}

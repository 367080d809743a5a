/* An independent check of a plan: it knows nodes and addresses only, none of the planner's lifetimes. It plays the step
 * through: whoever writes bytes owns them, and whoever reads a tensor must find it still owned by that tensor. */
#include <string.h>

#include "kernels/mem.h"
#include "models/lifetime.h"
#include "models/plan.h"

typedef struct Claim {
    size_t begin, end;
    TensorId base;
} Claim;

typedef struct Claims {
    const Plan *plan;
    Claim *extent; /* per tensor: where a base lies */
    Claim *items;  /* [n] of those that own their bytes now */
    int n;
    bool *owns;    /* per tensor: a base that is among the items */
    bool *written; /* per tensor: a base that some node wrote already */
} Claims;

static void find_extents(Claims *claims) {
    const Plan *plan = claims->plan;
    for (TensorId t = 0; t < plan->graph->n_tensors; t++) {
        const Tensor *tensor = &plan->graph->tensors[t];
        if (tensor->base != t || (tensor->param < 0 && plan->block_of[t] < 0)) continue;
        size_t begin = plan_offset(plan, t);
        claims->extent[t] = (Claim){begin, begin + tensor_bytes(tensor, plan->real_bytes), t};
    }
}

static bool overlap(Claim a, Claim b) { return a.begin < b.end && b.begin < a.end; }

/* Takes the bytes of base away from whoever had them. */
static void claim(Claims *claims, TensorId base) {
    if (claims->owns[base]) return;
    const Claim mine = claims->extent[base];
    int kept = 0;
    for (int i = 0; i < claims->n; i++) {
        if (overlap(claims->items[i], mine))
            claims->owns[claims->items[i].base] = false;
        else
            claims->items[kept++] = claims->items[i];
    }
    claims->items[kept++] = mine;
    claims->owns[base] = true;
    claims->n = kept;
}

static const char *name_of(const Claims *claims, TensorId t) { return claims->plan->graph->tensors[t].name; }

/* The op allows its output to lie on this input, element on element: the pair (out, in) of one node. */
static bool alias_is_declared(const Claims *claims, const Node *node, TensorId out_base, TensorId in_base) {
    const Graph *graph = claims->plan->graph;
    if (claims->extent[out_base].begin != claims->extent[in_base].begin) return false;
    if (shape_count(&graph->tensors[out_base].shape) != shape_count(&graph->tensors[in_base].shape)) return false;
    for (int i = 0; i < node->spec.n_x; i++) {
        TensorId out = node->backward ? node->dx[i] : node->y[0];
        TensorId in = node->backward ? node->dy[0] : node->x[i];
        uint32_t allowed = node->backward ? node->op->alias_bwd : node->op->alias_fwd;
        if (!(allowed & OP_X(i)) || out == TENSOR_NONE || in == TENSOR_NONE) continue;
        if (node->backward && (node->accumulate & OP_X(i))) continue;
        if (graph->tensors[out].base == out_base && graph->tensors[in].base == in_base) return true;
    }
    return false;
}

/* What one node writes must not lie on what it reads or on something else that it writes. */
static Err check_node(const Claims *claims, const Node *node, const TensorId *reads, int n_reads,
                      const TensorId *writes, int n_writes) {
    const Graph *graph = claims->plan->graph;
    for (int w = 0; w < n_writes; w++) {
        TensorId out = graph->tensors[writes[w]].base;
        const Claim mine = claims->extent[out];
        for (int r = 0; r < n_reads + n_writes; r++) {
            TensorId other = graph->tensors[r < n_reads ? reads[r] : writes[r - n_reads]].base;
            if (other == out || !overlap(mine, claims->extent[other])) continue;
            if (r < n_reads && alias_is_declared(claims, node, out, other)) continue;
            return err_set(ERR_GATE, "plan: %s writes %s over %s", node->name, name_of(claims, out),
                           name_of(claims, other));
        }
    }
    return ERR_OK;
}

static Err play_node(Claims *claims, int i_node) {
    const Graph *graph = claims->plan->graph;
    const Node *node = &graph->nodes[i_node];
    TensorId reads[LIFETIME_MAX_READS], writes[LIFETIME_MAX_WRITES];
    int n_reads = lifetime_reads(node, reads), n_writes = lifetime_writes(node, writes);
    for (int r = 0; r < n_reads; r++)
        if (!claims->owns[graph->tensors[reads[r]].base])
            return err_set(ERR_GATE, "plan: %s reads %s after its memory was given away", node->name,
                           name_of(claims, reads[r]));
    Err err = check_node(claims, node, reads, n_reads, writes, n_writes);
    if (err != ERR_OK) return err;
    for (int w = 0; w < n_writes; w++) {
        TensorId base = graph->tensors[writes[w]].base;
        if (claims->written[base] && !claims->owns[base])
            return err_set(ERR_GATE, "plan: %s writes on into %s after its memory was given away", node->name,
                           name_of(claims, base));
        claim(claims, base);
        claims->written[base] = true;
    }
    return ERR_OK;
}

static Err claim_before_step(Claims *claims) {
    const Graph *graph = claims->plan->graph;
    for (TensorId t = 0; t < graph->n_tensors; t++) {
        const Tensor *tensor = &graph->tensors[t];
        if (tensor->base != t || (tensor->param < 0 && tensor->role != ROLE_INPUT)) continue;
        const Claim mine = claims->extent[t];
        for (int i = 0; i < claims->n; i++)
            if (overlap(mine, claims->items[i]))
                return err_set(ERR_GATE, "plan: %s and %s overlap before the step", tensor->name,
                               name_of(claims, claims->items[i].base));
        claims->items[claims->n++] = mine;
        claims->owns[t] = true;
    }
    return ERR_OK;
}

static Err check_end(const Claims *claims) {
    const Graph *graph = claims->plan->graph;
    const Plan *plan = claims->plan;
    for (TensorId t = 0; t < graph->n_tensors; t++) {
        const Tensor *tensor = &graph->tensors[t];
        if (tensor->base != t || plan->block_of[t] < 0) {
            if (tensor->base == t && tensor->param >= 0 && !claims->owns[t])
                return err_set(ERR_GATE, "plan: persistent %s was overwritten", tensor->name);
            continue;
        }
        if (claims->extent[t].end > plan->persistent_bytes + plan->transient_bytes)
            return err_set(ERR_GATE, "plan: %s lies beyond the arena", tensor->name);
        if (tensor->kept && !claims->owns[t])
            return err_set(ERR_GATE, "plan: %s is kept, but was overwritten before the end", tensor->name);
    }
    return ERR_OK;
}

Err plan_verify(const Plan *plan) {
    Err err = ERR_OK;
    Claims claims = {.plan = plan};
    TRY(mem_alloc(&claims.extent, (size_t)plan->graph->n_tensors + 1, sizeof *claims.extent));
    TRY(mem_alloc(&claims.items, (size_t)plan->graph->n_tensors + 1, sizeof *claims.items));
    TRY(mem_alloc(&claims.owns, (size_t)plan->graph->n_tensors + 1, sizeof *claims.owns));
    TRY(mem_alloc(&claims.written, (size_t)plan->graph->n_tensors + 1, sizeof *claims.written));
    find_extents(&claims);
    TRY(claim_before_step(&claims));
    for (int i = 0; i < plan->graph->n_nodes; i++) TRY(play_node(&claims, i));
    TRY(check_end(&claims));
done:
    mem_free(claims.extent);
    mem_free(claims.items);
    mem_free(claims.owns);
    mem_free(claims.written);
    return err;
}

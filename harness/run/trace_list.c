/* Entries of a graph. */
#include "harness/run/trace_list.h"

#include <stdio.h>
#include <string.h>

#include "harness/run/trace_words.h"
#include "kernels/mem.h"
#include "models/lifetime.h"

/* One use of a part of a base by a node. */
typedef struct Access {
    int node;
    TensorId base;
    int64_t from, to;
    bool write;
} Access;

typedef struct Making {
    TraceList *list;
    const Graph *graph;
    char (*dims)[TRACE_DIMS]; /* per tensor */
    Access *access;
    int n_access;
} Making;

/* ---- dimensions ---- */

static int n_words(const char *dims) {
    int n = dims[0] != '\0' ? 1 : 0;
    for (const char *c = dims; *c != '\0'; c++) n += *c == ',';
    return n;
}

/* The first word about a tensor stands, if it is one for each of its dimensions. */
static void call_dims(Making *m, TensorId t, const char *dims) {
    if (t == TENSOR_NONE || dims == NULL || m->dims[t][0] != '\0') return;
    if (n_words(dims) == m->graph->tensors[t].shape.rank) (void)snprintf(m->dims[t], TRACE_DIMS, "%s", dims);
}

/* What the first output takes over from the first input (TraceWords.tail). */
static void call_tail(Making *m, const Node *node, const char *tail) {
    char dims[2 * TRACE_DIMS];
    if (tail == NULL || node->x[0] == TENSOR_NONE || m->dims[node->x[0]][0] == '\0') return;
    const char *from = m->dims[node->x[0]], *comma = strrchr(from, ',');
    if (tail[0] == '=')
        (void)snprintf(dims, sizeof dims, "%s", from);
    else if (tail[0] == '+')
        (void)snprintf(dims, sizeof dims, "%s,%s", from, tail + 1);
    else
        (void)snprintf(dims, sizeof dims, "%.*s,%s", comma != NULL ? (int)(comma - from) : 0, from, tail);
    if (comma != NULL || tail[0] != 'O') call_dims(m, node->y[0], dims);
}

static void call_operands(Making *m, const Node *node) {
    const TraceWords *words = trace_words(node->op->name);
    if (words == NULL || node->backward) return;
    for (int i = 0; i < OP_MAX_X; i++) call_dims(m, node->x[i], words->x[i]);
    for (int i = 0; i < OP_MAX_Y; i++) call_dims(m, node->y[i], words->y[i]);
    call_tail(m, node, words->tail);
}

/* A buffer of slices has one axis in front: time. Views of the whole of a tensor say what it is, and the reverse. */
static void call_bases(Making *m) {
    char dims[TRACE_DIMS + 2];
    for (TensorId t = 0; t < m->graph->n_tensors; t++) {
        const Tensor *tensor = &m->graph->tensors[t];
        const Shape *base = &m->graph->tensors[tensor->base].shape;
        if (tensor->base == t || m->dims[t][0] == '\0') continue;
        if (base->rank == tensor->shape.rank + 1)
            (void)snprintf(dims, sizeof dims, "T,%s", m->dims[t]);
        else
            (void)snprintf(dims, sizeof dims, "%s", m->dims[t]);
        call_dims(m, tensor->base, dims);
    }
}

static void call_all(Making *m) {
    for (int pass = 0; pass < 2; pass++) { /* what a later node says of its input helps the node that made it */
        for (int i = 0; i < m->graph->n_nodes; i++) call_operands(m, &m->graph->nodes[i]);
        call_bases(m);
    }
}

/* ---- uses ---- */

static void add_accesses(Making *m, int i_node, const TensorId *ids, int n, bool write) {
    for (int k = 0; k < n; k++) {
        const Tensor *t = &m->graph->tensors[ids[k]];
        m->access[m->n_access++] = (Access){i_node, t->base, t->offset, t->offset + shape_count(&t->shape), write};
    }
}

static Err collect_accesses(Making *m) {
    Err err = ERR_OK;
    TensorId ids[LIFETIME_MAX_READS + LIFETIME_MAX_WRITES];
    size_t n = 0;
    for (int i = 0; i < m->graph->n_nodes; i++)
        n += (size_t)(lifetime_reads(&m->graph->nodes[i], ids) + lifetime_writes(&m->graph->nodes[i], ids));
    TRY(mem_alloc(&m->access, n, sizeof *m->access));
    for (int i = 0; i < m->graph->n_nodes; i++) {
        add_accesses(m, i, ids, lifetime_reads(&m->graph->nodes[i], ids), false);
        add_accesses(m, i, ids, lifetime_writes(&m->graph->nodes[i], ids), true);
    }
done:
    return err;
}

static void find_uses(const Making *m, TraceEntry *entry) {
    const Tensor *tensor = &m->graph->tensors[entry->tensor];
    const int64_t from = tensor->offset, to = from + shape_count(&tensor->shape);
    bool persists = !entry->gradient && tensor->param >= 0;
    entry->node = entry->first = entry->last = -1;
    for (int i = 0; i < m->n_access; i++) {
        const Access *a = &m->access[i];
        if (a->base != entry->store || a->to <= from || a->from >= to) continue;
        if (a->write && entry->first < 0) entry->first = a->node;
        if (a->write) entry->node = a->node;
        entry->last = a->node;
    }
    if (persists) entry->node = entry->first = -1;
    if (persists || (!entry->gradient && m->graph->tensors[tensor->base].kept)) entry->last = m->graph->n_nodes;
}

/* ---- entries ---- */

static Err add_entry(Making *m, const char *name, TensorId t, TensorId store, bool gradient) {
    Err err = ERR_OK;
    TraceList *list = m->list;
    if (list->n == list->room) {
        int room = 2 * list->room + 256;
        TRY(mem_grow(&list->entry, (size_t)list->room, (size_t)room, sizeof *list->entry));
        list->room = room;
    }
    TraceEntry *entry = &list->entry[list->n];
    TRY(mem_strdup(&entry->name, name));
    list->n++;
    entry->tensor = t;
    entry->store = store;
    entry->gradient = gradient;
    memcpy(entry->dims, m->dims[t], TRACE_DIMS);
    find_uses(m, entry);
done:
    return err;
}

/* What a node's output is called: by its word where the graph only counts, or where it went into a buffer. */
static bool word_of(const Graph *graph, const Node *node, int i, char *out, size_t len) {
    const TraceWords *words = trace_words(node->op->name);
    bool in_buffer = graph->tensors[node->y[i]].base != node->y[i];
    if (words == NULL || words->name[i] == NULL || (i == 0 && !in_buffer)) return false;
    (void)snprintf(out, len, "%s.%s", node->name, words->name[i]);
    return true;
}

static Err add_outputs(Making *m, const Node *node, const char **renamed) {
    Err err = ERR_OK;
    char name[512];
    for (int i = 0; i < node->spec.n_y && !node->backward; i++) {
        TensorId t = node->y[i];
        if (t == TENSOR_NONE || !word_of(m->graph, node, i, name, sizeof name)) continue;
        TRY(add_entry(m, name, t, m->graph->tensors[t].base, false));
        if (m->graph->tensors[t].base == t) renamed[t] = m->list->entry[m->list->n - 1].name;
    }
done:
    return err;
}

static bool is_shown(const Tensor *tensor, TensorId t) {
    return tensor->base == t && tensor->role != ROLE_SCRATCH && tensor->role != ROLE_GRAD;
}

static Err add_values(Making *m) {
    Err err = ERR_OK;
    const Graph *graph = m->graph;
    const char **renamed = NULL;
    TRY(mem_alloc(&renamed, (size_t)graph->n_tensors, sizeof *renamed));
    for (int i = 0; i < graph->n_nodes; i++) TRY(add_outputs(m, &graph->nodes[i], renamed));
    for (TensorId t = 0; t < graph->n_tensors; t++)
        if (is_shown(&graph->tensors[t], t) && renamed[t] == NULL)
            TRY(add_entry(m, graph->tensors[t].name, t, t, false));
done:
    mem_free(renamed);
    return err;
}

Err trace_list_make(TraceList *out, const Graph *graph) {
    Err err = ERR_OK;
    Making m = {.list = out, .graph = graph};
    *out = (TraceList){0};
    TRY(mem_alloc(&m.dims, (size_t)graph->n_tensors, sizeof *m.dims));
    TRY(collect_accesses(&m));
    call_all(&m);
    TRY(add_values(&m));
    for (int i = 0, n = out->n; i < n; i++) {
        TensorId t = out->entry[i].tensor, grad = graph->tensors[graph->tensors[t].base].grad;
        if (grad == TENSOR_NONE) continue;
        char name[512];
        (void)snprintf(name, sizeof name, "%s", out->entry[i].name);
        TRY(add_entry(&m, name, t, grad, true));
    }
done:
    mem_free(m.dims);
    mem_free(m.access);
    return err;
}

void trace_list_clear(TraceList *list) {
    for (int i = 0; i < list->n; i++) mem_free(list->entry[i].name);
    mem_free(list->entry);
    *list = (TraceList){0};
}

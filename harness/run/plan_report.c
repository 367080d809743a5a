/* Attribution of planned bytes. */
#include "harness/run/plan_report.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/lifetime.h"

enum { NAME_LEN = 64, MAX_GROUPS = 64 };

typedef struct Group {
    char name[NAME_LEN];
    int64_t bytes;
} Group;

typedef struct Groups {
    Group item[MAX_GROUPS];
    size_t n;
} Groups;

static void add_to(Groups *groups, const char *name, int64_t bytes) {
    size_t i = 0;
    while (i < groups->n && strcmp(groups->item[i].name, name) != 0) i++;
    if (i == MAX_GROUPS) i = MAX_GROUPS - 1; /* more modules than anybody has: the rest goes to the last */
    if (i == groups->n) {
        memset(&groups->item[i], 0, sizeof groups->item[i]);
        memcpy(groups->item[i].name, name, strnlen(name, NAME_LEN - 1));
        groups->n++;
    }
    groups->item[i].bytes += bytes;
}

/* Larger first; equal ones by name. */
static int by_bytes(const void *a, const void *b) {
    const Group *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static Err groups_to_record(Groups *groups, int64_t gaps, CellRecord *record, const RecordBytes **out, size_t *n) {
    Err err = ERR_OK;
    RecordBytes *list = NULL;
    qsort(groups->item, groups->n, sizeof *groups->item, by_bytes);
    if (gaps > 0) add_to(groups, "gaps", gaps);
    TRY(record_alloc(record, &list, groups->n, sizeof *list));
    for (size_t i = 0; i < groups->n; i++) {
        TRY(record_text(record, &list[i].name, groups->item[i].name));
        list[i].bytes = groups->item[i].bytes;
    }
    *out = list;
    *n = groups->n;
done:
    return err;
}

typedef struct Report {
    const Plan *plan;
    const Graph *graph;
    const Lifetime *life;
    CellRecord *record;
    TensorId *holder; /* per block: the tensor that holds it at the peak */
    Groups modules, roles;
    RecordTensor *live; /* [n_live] in the record's storage */
    size_t n_live;
} Report;

static bool is_base(const Graph *g, TensorId t) { return g->tensors[t].base == t; }
static bool is_placed(const Report *r, TensorId t) {
    return is_base(r->graph, t) && r->graph->tensors[t].param < 0 && r->plan->block_of[t] >= 0;
}

/* Several tensors may share a block in place, one after the other: at a node the one that was born last holds it. */
static void find_holders(Report *r) {
    for (int b = 0; b < r->plan->n_blocks; b++) r->holder[b] = TENSOR_NONE;
    for (TensorId t = 0; t < r->graph->n_tensors; t++) {
        if (!is_placed(r, t)) continue;
        int b = r->plan->block_of[t];
        bool alive = r->life[t].first <= r->plan->peak_node && r->plan->blocks[b].last >= r->plan->peak_node;
        if (alive && (r->holder[b] == TENSOR_NONE || r->life[t].first > r->life[r->holder[b]].first)) r->holder[b] = t;
    }
}

/* What the host feeds in belongs together, whatever it is called. */
static const char *module_of(const Tensor *tensor, char out[NAME_LEN]) {
    if (tensor->role == ROLE_INPUT) return "inputs";
    tensor_module(tensor, out, NAME_LEN);
    return out;
}

/* Notes what a tensor holds at the peak. */
static Err attribute(Report *r, const Tensor *tensor, size_t bytes) {
    Err err = ERR_OK;
    char buf[NAME_LEN];
    const char *module = module_of(tensor, buf);
    RecordTensor *live = &r->live[r->n_live];
    add_to(&r->modules, module, (int64_t)bytes);
    add_to(&r->roles, role_name(tensor->role), (int64_t)bytes);
    TRY(record_text(r->record, &live->name, tensor->name));
    TRY(record_text(r->record, &live->module, module));
    live->role = role_name(tensor->role);
    live->bytes = (int64_t)bytes;
    r->n_live++;
done:
    return err;
}

/* Persistent bytes belong to the whole model, also those that this graph never touches (optimiser state, in an
 * evaluation): by the parameter's name. */
static Err attribute_persistent(Report *r) {
    Err err = ERR_OK;
    const ParamSet *params = r->graph->params;
    for (int i = 0; i < params->n; i++) {
        Tensor as = {.name = params->items[i].name,
                     .role = params->items[i].kind == PARAM_OPTIMISER ? ROLE_OPTIMISER : ROLE_PARAM};
        size_t end = i + 1 < params->n ? params->items[i + 1].offset : params->n_elements;
        TRY(attribute(r, &as, (end - params->items[i].offset) * r->plan->real_bytes));
    }
done:
    return err;
}

static int by_size(const void *a, const void *b) {
    const RecordTensor *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static Err sums_at_peak(Report *r, const ModelPlan *total) {
    Err err = ERR_OK;
    RecordMemory *memory = &r->record->memory;
    const Tensor workspace = {.name = "cublas.workspace", .role = ROLE_SCRATCH};
    find_holders(r);
    TRY(record_alloc(r->record, &r->live, (size_t)(r->graph->params->n + r->plan->n_blocks + 1), sizeof *r->live));
    TRY(attribute_persistent(r));
    for (int b = 0; b < r->plan->n_blocks; b++)
        if (r->holder[b] != TENSOR_NONE) TRY(attribute(r, &r->graph->tensors[r->holder[b]], r->plan->blocks[b].bytes));
    if (total->workspace_bytes > 0) TRY(attribute(r, &workspace, total->workspace_bytes));
    qsort(r->live, r->n_live, sizeof *r->live, by_size);
    memory->live = r->live;
    memory->n_live = r->n_live;
    int64_t gaps = (int64_t)(total->transient_bytes - r->plan->live_bytes);
    TRY(groups_to_record(&r->modules, gaps, r->record, &memory->by_module, &memory->n_modules));
    TRY(groups_to_record(&r->roles, gaps, r->record, &memory->by_role, &memory->n_roles));
done:
    return err;
}

static Err timeline(Report *r, const ModelPlan *total) {
    Err err = ERR_OK;
    RecordMemory *memory = &r->record->memory;
    RecordNode *nodes = NULL;
    size_t n = (size_t)r->graph->n_nodes;
    TRY(record_alloc(r->record, &nodes, n, sizeof *nodes));
    for (size_t i = 0; i < n; i++) {
        TRY(record_text(r->record, &nodes[i].name, r->graph->nodes[i].name));
        nodes[i].bytes = (int64_t)(total->persistent_bytes + total->workspace_bytes + r->plan->live[i]);
    }
    memory->timeline = nodes;
    memory->n_nodes = n;
    memory->peak_node = n > 0 ? nodes[r->plan->peak_node].name : NULL;
done:
    return err;
}

static Err add_tensor(Report *r, TensorId t, RecordTensor *out) {
    Err err = ERR_OK;
    const Tensor *tensor = &r->graph->tensors[t];
    char module[NAME_LEN];
    TRY(record_text(r->record, &out->name, tensor->name));
    TRY(record_text(r->record, &out->module, module_of(tensor, module)));
    out->role = role_name(tensor->role);
    out->bytes = (int64_t)tensor_bytes(tensor, r->plan->real_bytes);
    out->offset = (int64_t)plan_offset(r->plan, t);
    int last = r->graph->n_nodes - 1;
    bool persistent = tensor->param >= 0;
    out->first = persistent || r->life[t].first < 0 ? 0 : r->life[t].first;
    out->last = persistent || r->life[t].last > last ? last : r->life[t].last;
done:
    return err;
}

static Err tensors(Report *r) {
    Err err = ERR_OK;
    RecordTensor *list = NULL;
    size_t n = 0;
    for (TensorId t = 0; t < r->graph->n_tensors; t++)
        n += is_placed(r, t) || (is_base(r->graph, t) && r->graph->tensors[t].param >= 0);
    TRY(record_alloc(r->record, &list, n, sizeof *list));
    r->record->memory.tensors = list;
    for (TensorId t = 0; t < r->graph->n_tensors; t++)
        if (is_placed(r, t) || (is_base(r->graph, t) && r->graph->tensors[t].param >= 0))
            TRY(add_tensor(r, t, &list[r->record->memory.n_tensors++]));
done:
    return err;
}

Err plan_report(const ModelPlan *plan, CellRecord *record) {
    Err err = ERR_OK;
    Lifetime *life = NULL;
    Report r = {.record = record};
    r.plan = plan->train == NULL || plan->eval->live_bytes > plan->train->live_bytes ? plan->eval : plan->train;
    r.graph = r.plan->graph;
    TRY(lifetime_of_all(&life, r.graph));
    r.life = life;
    TRY(mem_alloc(&r.holder, (size_t)r.plan->n_blocks, sizeof *r.holder));
    record->memory.planned_bytes = (int64_t)plan->peak_bytes;
    record->memory.lower_bound_bytes = (int64_t)plan->lower_bound_bytes;
    TRY(sums_at_peak(&r, plan));
    TRY(timeline(&r, plan));
    TRY(tensors(&r));
done:
    mem_free(r.holder);
    mem_free(life);
    return err;
}

/* Attribution of planned bytes: who holds what during which nodes, and the sums of that. */
#include "harness/run/plan_report.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/lifetime.h"

enum { NAME_LEN = 64, MAX_GROUPS = 64 };

typedef struct Group {
    const char *name; /* in the record's storage */
    int64_t at_peak;
    int64_t *line; /* [n_nodes] bytes while each node runs; the report's storage */
} Group;

typedef struct Groups {
    Group item[MAX_GROUPS];
    size_t n;
} Groups;

/* A tensor in its place: the bytes are its own while nodes from..until run. In a chain of tensors that take over one
 * another's place, until is the node before the next one's birth. */
typedef struct Holding {
    RecordTensor row; /* texts in the record's storage */
    int block;        /* -1: persistent */
    int from, until;
    size_t module, role; /* groups */
} Holding;

typedef struct Report {
    const ModelPlan *total;
    const Plan *plan; /* of the graph with the larger peak */
    const Graph *graph;
    const Lifetime *life;
    CellRecord *record;
    size_t n_nodes;
    Holding *holdings; /* [n_holdings] persistent ones, then placed ones by block and birth */
    size_t n_holdings;
    Groups modules, roles;
} Report;

/* ---- who holds what ---- */

static Err group_of(Report *r, Groups *groups, const char *name, size_t *at) {
    Err err = ERR_OK;
    size_t i = 0;
    while (i < groups->n && strcmp(groups->item[i].name, name) != 0) i++;
    if (i == MAX_GROUPS) i = MAX_GROUPS - 1; /* more modules than anybody has: the rest goes to the last */
    if (i == groups->n) {
        groups->item[i] = (Group){.at_peak = 0};
        TRY(record_text(r->record, &groups->item[i].name, name));
        groups->n++;
    }
    *at = i;
done:
    return err;
}

/* What the host feeds in belongs together, whatever it is called. */
static const char *module_of(const Tensor *tensor, char out[NAME_LEN]) {
    if (tensor->role == ROLE_INPUT) return "inputs";
    tensor_module(tensor, out, NAME_LEN);
    return out;
}

/* Adds a tensor with its bytes, life and offset; a life may begin before the first node and end behind the last. */
static Err hold(Report *r, const Tensor *tensor, int block, Lifetime life, size_t bytes, size_t offset) {
    Err err = ERR_OK;
    char buf[NAME_LEN];
    const char *module = module_of(tensor, buf);
    int last = (int)r->n_nodes - 1;
    Holding *h = &r->holdings[r->n_holdings];
    h->block = block;
    h->from = life.first < 0 ? 0 : life.first;
    h->until = life.last > last ? last : life.last;
    h->row = (RecordTensor){.role = role_name(tensor->role),
                            .bytes = (int64_t)bytes,
                            .offset = (int64_t)offset,
                            .first = h->from,
                            .last = h->until,
                            .shape = tensor->shape};
    TRY(group_of(r, &r->modules, module, &h->module));
    TRY(group_of(r, &r->roles, h->row.role, &h->role));
    TRY(record_text(r->record, &h->row.name, tensor->name));
    h->row.module = r->modules.item[h->module].name;
    r->n_holdings++;
done:
    return err;
}

/* Persistent bytes belong to the whole model, also those that this graph never touches (optimiser state, in an
 * evaluation): by the parameter's name. */
static Err hold_persistent(Report *r) {
    Err err = ERR_OK;
    const ParamSet *params = r->graph->params;
    const Lifetime always = {.first = 0, .last = r->graph->n_nodes};
    for (int i = 0; i < params->n; i++) {
        Tensor as = {.name = params->items[i].name,
                     .shape = params->items[i].shape,
                     .role = params->items[i].kind == PARAM_OPTIMISER ? ROLE_OPTIMISER : ROLE_PARAM};
        size_t begin = params->items[i].offset,
               end = i + 1 < params->n ? params->items[i + 1].offset : params->n_elements;
        TRY(hold(r, &as, -1, always, (end - begin) * r->plan->real_bytes, begin * r->plan->real_bytes));
    }
    const Tensor workspace = {.name = "cublas.workspace", .shape = {.rank = SHAPE_ABSENT}, .role = ROLE_SCRATCH};
    const size_t behind = r->total->persistent_bytes + r->total->transient_bytes;
    if (r->total->workspace_bytes > 0) TRY(hold(r, &workspace, -1, always, r->total->workspace_bytes, behind));
done:
    return err;
}

static int by_block_and_birth(const void *a, const void *b) {
    const Holding *x = a, *y = b;
    if (x->block != y->block) return x->block < y->block ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->until > y->until) - (x->until < y->until);
}

static Err find_holdings(Report *r) {
    Err err = ERR_OK;
    const Graph *g = r->graph;
    size_t n_room = (size_t)(g->n_tensors + g->params->n + 1);
    TRY(mem_alloc(&r->holdings, n_room, sizeof *r->holdings));
    TRY(hold_persistent(r));
    size_t n_persistent = r->n_holdings;
    for (TensorId t = 0; t < g->n_tensors; t++) {
        int block = r->plan->block_of[t];
        if (g->tensors[t].base != t || block < 0) continue;
        size_t bytes = tensor_bytes(&g->tensors[t], r->plan->real_bytes);
        TRY(hold(r, &g->tensors[t], block, r->life[t], bytes, plan_offset(r->plan, t)));
    }
    Holding *placed = r->holdings + n_persistent;
    size_t n = r->n_holdings - n_persistent;
    qsort(placed, n, sizeof *placed, by_block_and_birth);
    for (size_t i = 0; i + 1 < n; i++)
        if (placed[i].block == placed[i + 1].block) placed[i].until = placed[i + 1].from - 1;
done:
    return err;
}

/* ---- sums by module and by role ---- */

static void add_to_line(int64_t *line, size_t n, const Holding *h) {
    if (h->until < h->from) return;
    line[h->from] += h->row.bytes;
    if ((size_t)h->until + 1 < n) line[h->until + 1] -= h->row.bytes;
}

/* Lines hold differences from node to node until all holdings are in; then bytes. */
static Err draw_lines(Report *r, Groups *groups, bool roles) {
    Err err = ERR_OK;
    size_t n = r->n_nodes;
    for (size_t g = 0; g < groups->n; g++) TRY(mem_alloc(&groups->item[g].line, n, sizeof(int64_t)));
    for (size_t i = 0; i < r->n_holdings; i++) {
        const Holding *h = &r->holdings[i];
        add_to_line(groups->item[roles ? h->role : h->module].line, n, h);
    }
    for (size_t g = 0; g < groups->n; g++) {
        int64_t *line = groups->item[g].line;
        for (size_t i = 1; i < n; i++) line[i] += line[i - 1];
        groups->item[g].at_peak = n > 0 ? line[r->plan->peak_node] : 0;
    }
done:
    return err;
}

/* Larger first; equal ones by name. */
static int by_bytes(const void *a, const void *b) {
    const Group *x = a, *y = b;
    if (x->at_peak != y->at_peak) return x->at_peak < y->at_peak ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* What is planned and holds nothing: the last row of the sums. */
static void fill_gaps(const Report *r, const Groups *groups, RecordBytes *row, int64_t *line) {
    row->name = "gaps";
    for (size_t i = 0; i < r->n_nodes; i++) {
        line[i] = (int64_t)r->total->peak_bytes;
        for (size_t g = 0; g < groups->n; g++) line[i] -= groups->item[g].line[i];
    }
    row->bytes = r->n_nodes > 0 ? line[r->plan->peak_node] : 0;
}

static Err keep_sums(Report *r, Groups *groups, const RecordBytes **out, size_t *n, const int64_t **lines) {
    Err err = ERR_OK;
    RecordBytes *list = NULL;
    int64_t *all = NULL;
    size_t n_nodes = r->n_nodes;
    qsort(groups->item, groups->n, sizeof *groups->item, by_bytes);
    TRY(record_alloc(r->record, &list, groups->n + 1, sizeof *list));
    TRY(record_alloc(r->record, &all, (groups->n + 1) * n_nodes, sizeof *all));
    for (size_t g = 0; g < groups->n; g++) {
        list[g].name = groups->item[g].name;
        list[g].bytes = groups->item[g].at_peak;
        memcpy(all + g * n_nodes, groups->item[g].line, n_nodes * sizeof *all);
    }
    fill_gaps(r, groups, &list[groups->n], all + groups->n * n_nodes);
    *out = list;
    *n = groups->n + 1;
    *lines = all;
done:
    return err;
}

static void clear_lines(Groups *groups) {
    for (size_t g = 0; g < groups->n; g++) mem_free(groups->item[g].line);
}

static Err sums(Report *r) {
    Err err = ERR_OK;
    RecordMemory *memory = &r->record->memory;
    TRY(draw_lines(r, &r->modules, false));
    TRY(draw_lines(r, &r->roles, true));
    TRY(keep_sums(r, &r->modules, &memory->by_module, &memory->n_modules, &memory->timeline_by_module));
    TRY(keep_sums(r, &r->roles, &memory->by_role, &memory->n_roles, &memory->timeline_by_role));
done:
    clear_lines(&r->modules);
    clear_lines(&r->roles);
    return err;
}

/* ---- nodes and tensors ---- */

static Err timeline(Report *r) {
    Err err = ERR_OK;
    RecordMemory *memory = &r->record->memory;
    RecordNode *nodes = NULL;
    const size_t always = r->total->persistent_bytes + r->total->workspace_bytes;
    TRY(record_alloc(r->record, &nodes, r->n_nodes, sizeof *nodes));
    for (size_t i = 0; i < r->n_nodes; i++) {
        TRY(record_text(r->record, &nodes[i].name, r->graph->nodes[i].name));
        nodes[i].bytes = (int64_t)(always + r->plan->live[i]);
    }
    memory->timeline = nodes;
    memory->n_nodes = r->n_nodes;
    memory->peak_node = r->n_nodes > 0 ? nodes[r->plan->peak_node].name : NULL;
done:
    return err;
}

static int by_size(const void *a, const void *b) {
    const RecordTensor *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static bool is_alive(const Report *r, const Holding *h) {
    return h->from <= r->plan->peak_node && r->plan->peak_node <= h->until;
}

static Err tensors(Report *r) {
    Err err = ERR_OK;
    RecordMemory *memory = &r->record->memory;
    RecordTensor *all = NULL, *live = NULL;
    size_t n_live = 0;
    for (size_t i = 0; i < r->n_holdings; i++) n_live += is_alive(r, &r->holdings[i]);
    TRY(record_alloc(r->record, &all, r->n_holdings, sizeof *all));
    TRY(record_alloc(r->record, &live, n_live, sizeof *live));
    for (size_t i = 0; i < r->n_holdings; i++) {
        all[i] = r->holdings[i].row;
        if (is_alive(r, &r->holdings[i])) live[memory->n_live++] = all[i];
    }
    qsort(live, n_live, sizeof *live, by_size);
    memory->live = live;
    memory->tensors = all;
    memory->n_tensors = r->n_holdings;
done:
    return err;
}

Err plan_report(const ModelPlan *plan, CellRecord *record) {
    Err err = ERR_OK;
    Lifetime *life = NULL;
    Report r = {.record = record, .total = plan};
    r.plan = plan->train == NULL || plan->eval->live_bytes > plan->train->live_bytes ? plan->eval : plan->train;
    r.graph = r.plan->graph;
    r.n_nodes = (size_t)r.graph->n_nodes;
    TRY(lifetime_of_all(&life, r.graph));
    r.life = life;
    TRY(find_holdings(&r));
    record->memory.planned_bytes = (int64_t)plan->peak_bytes;
    record->memory.lower_bound_bytes = (int64_t)plan->lower_bound_bytes;
    TRY(sums(&r));
    TRY(timeline(&r));
    TRY(tensors(&r));
done:
    mem_free(r.holdings);
    mem_free(life);
    return err;
}

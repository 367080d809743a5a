/* The executor. */
#include "models/exec.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/lifetime.h"

struct Arena {
    const Backend *backend;
    const ParamSet *params;
    size_t persistent_bytes, bytes;
    char *memory;
    unsigned char *piece; /* [PIECE_BYTES] of the host, for arena_used_bytes */
};

enum { PIECE_BYTES = 64 << 10 };

typedef struct Bound {
    OpFn run;
    OpCall call;
} Bound;

struct Exec {
    const Plan *plan;
    const Graph *graph;
    const Backend *backend;
    Arena *arena;
    ExecMode mode;
    Bound *bound;      /* one per node */
    char **block;      /* per block: its address, NULL while it has none (checked mode) */
    size_t live, peak; /* checked mode */
    bool has_run;
    void *captured; /* the whole run as the backend noted it down; NULL: not yet, or it cannot */
};

/* ---- arena ---- */

Err arena_new(Arena **out, const Backend *backend, const ParamSet *params, size_t transient_bytes) {
    Err err = ERR_OK;
    Arena *arena = NULL;
    *out = NULL;
    TRY(mem_alloc(&arena, 1, sizeof *arena));
    TRY(mem_alloc(&arena->piece, PIECE_BYTES, 1));
    arena->backend = backend;
    arena->params = params;
    arena->persistent_bytes = params->n_elements * backend->real_bytes;
    arena->bytes = arena->persistent_bytes + transient_bytes;
    void *memory = NULL;
    TRY(backend->alloc(backend, &memory, arena->bytes));
    arena->memory = memory;
    *out = arena;
    arena = NULL;
done:
    arena_free(arena);
    return err;
}

void arena_free(Arena *arena) {
    if (arena == NULL) return;
    if (arena->backend != NULL) arena->backend->free(arena->backend, arena->memory, arena->bytes);
    mem_free(arena->piece);
    mem_free(arena);
}

size_t arena_bytes(const Arena *arena) { return arena->bytes; }

static void *param_address(const Arena *arena, int i) {
    return arena->memory + arena->params->items[i].offset * arena->backend->real_bytes;
}

Err arena_set_param(Arena *arena, int i, const float *values) {
    int64_t n = shape_count(&arena->params->items[i].shape);
    return arena->backend->upload(arena->backend, param_address(arena, i), values, n, DT_REAL);
}

Err arena_get_param(const Arena *arena, int i, float *values) {
    int64_t n = shape_count(&arena->params->items[i].shape);
    return arena->backend->download(arena->backend, values, param_address(arena, i), n, DT_REAL);
}

Err arena_initialise(Arena *arena, uint64_t seed) {
    Err err = ERR_OK;
    float *values = NULL;
    size_t largest = 1;
    for (int i = 0; i < arena->params->n; i++) {
        size_t n = (size_t)shape_count(&arena->params->items[i].shape);
        if (n > largest) largest = n;
    }
    TRY(mem_alloc(&values, largest, sizeof *values));
    for (int i = 0; i < arena->params->n; i++) {
        param_initial(&arena->params->items[i], seed, values);
        TRY(arena_set_param(arena, i, values));
    }
done:
    mem_free(values);
    return err;
}

/* A byte that hardly any number consists of: neither of small integers nor of a NaN. */
enum { MARK = 0x5e };

void arena_mark(Arena *arena) {
    const size_t bytes = arena->bytes - arena->persistent_bytes;
    arena->backend->set(arena->backend, arena->memory + arena->persistent_bytes, MARK, bytes);
}

/* From the end, in pieces that the host takes over. */
Err arena_used_bytes(size_t *out, const Arena *arena) {
    Err err = ERR_OK;
    size_t end = arena->bytes;
    while (end > arena->persistent_bytes) {
        const size_t room = end - arena->persistent_bytes, n = room < PIECE_BYTES ? room : PIECE_BYTES;
        size_t left = n;
        TRY(arena->backend->download(arena->backend, arena->piece, arena->memory + end - n,
                                     (int64_t)(n / sizeof(int32_t)), DT_INT));
        while (left > 0 && arena->piece[left - 1] == MARK) left--;
        end -= n - left;
        if (left > 0) break;
    }
    *out = (end + 63) / 64 * 64;
done:
    return err;
}

/* ---- addresses ---- */

/* In EXEC_SEPARATE a "block" is a base tensor. */
static int block_index(const Exec *exec, TensorId t) {
    return exec->mode == EXEC_SEPARATE ? exec->graph->tensors[t].base : exec->plan->block_of[t];
}

static size_t block_bytes(const Exec *exec, int b) {
    if (exec->mode == EXEC_SEPARATE) return tensor_bytes(&exec->graph->tensors[b], exec->backend->real_bytes);
    return exec->plan->blocks[b].bytes;
}

/* Storage of one block's own. The host's comes from mem.h, where sanitizers see its ends. */
static Err block_alloc(Exec *exec, int b) {
    const size_t bytes = block_bytes(exec, b);
    if (exec->backend->on_host) return mem_alloc(&exec->block[b], bytes, 1);
    void *block = NULL;
    Err err = exec->backend->alloc(exec->backend, &block, (bytes + 63) / 64 * 64);
    exec->block[b] = block;
    return err;
}

static void block_free(Exec *exec, int b) {
    if (exec->backend->on_host)
        mem_free(exec->block[b]);
    else
        exec->backend->free(exec->backend, exec->block[b], (block_bytes(exec, b) + 63) / 64 * 64);
    exec->block[b] = NULL;
}

void *exec_pointer(const Exec *exec, TensorId t) {
    if (t == TENSOR_NONE) return NULL;
    const Tensor *tensor = &exec->graph->tensors[t];
    size_t inside = backend_bytes(exec->backend, tensor->offset, tensor->type);
    if (tensor->param >= 0) return (char *)param_address(exec->arena, tensor->param) + inside;
    char *block = exec->block[block_index(exec, t)];
    return block == NULL ? NULL : block + inside;
}

static void bind_addresses(Exec *exec, int i_node) {
    const Node *node = &exec->graph->nodes[i_node];
    OpCall *call = &exec->bound[i_node].call;
    for (int i = 0; i < OP_MAX_X; i++) {
        call->x[i] = exec_pointer(exec, node->x[i]);
        call->dx[i] = exec_pointer(exec, node->dx[i]);
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        call->y[i] = exec_pointer(exec, node->y[i]);
        call->dy[i] = exec_pointer(exec, node->dy[i]);
    }
    call->scratch = exec_pointer(exec, node->scratch);
}

/* ---- binding ---- */

static int n_blocks(const Exec *exec) {
    return exec->mode == EXEC_SEPARATE ? exec->graph->n_tensors : exec->plan->n_blocks;
}

static Err give_storage(Exec *exec) {
    Err err = ERR_OK;
    TRY(mem_alloc(&exec->block, (size_t)n_blocks(exec), sizeof *exec->block));
    for (int b = 0; b < n_blocks(exec); b++) {
        if (exec->mode == EXEC_CHECKED) continue;
        if (exec->mode != EXEC_SEPARATE) {
            exec->block[b] = exec->arena->memory + exec->arena->persistent_bytes + exec->plan->blocks[b].offset;
            continue;
        }
        const Tensor *tensor = &exec->graph->tensors[b];
        if (tensor->base == b && tensor->param < 0) TRY(block_alloc(exec, b));
    }
done:
    return err;
}

static Err bind_node(Exec *exec, int i_node, Par *par) {
    const Node *node = &exec->graph->nodes[i_node];
    Bound *bound = &exec->bound[i_node];
    bound->run = exec->backend->kernel(exec->backend, node->op, node->backward);
    if (bound->run == NULL)
        return err_set(ERR_UNSUPPORTED, "%s: the %s backend has no %s pass of op %s", node->name, exec->backend->name,
                       node->backward ? "backward" : "forward", node->op->name);
    bound->call = (OpCall){.spec = &node->spec,
                           .accumulate = node->accumulate,
                           .par = par,
                           .shards = exec->graph->shards,
                           .context = exec->backend->context};
    if (exec->backend->prepares && node->op->prepare != NULL) {
        Err err = node->op->prepare(&bound->call.state, &node->spec, node->backward, node->wanted, node->accumulate,
                                    exec->graph->shards);
        if (err != ERR_OK) return err_context(err, "%s", node->name);
    }
    if (exec->mode != EXEC_CHECKED) bind_addresses(exec, i_node);
    return ERR_OK;
}

Err exec_new(Exec **out, const Plan *plan, Arena *arena, ExecMode mode, Par *par) {
    Err err = ERR_OK;
    Exec *exec = NULL;
    *out = NULL;
    bool in_arena = mode == EXEC_ARENA || mode == EXEC_POISON;
    ASSERT(!in_arena || plan->persistent_bytes + plan->transient_bytes <= arena->bytes);
    TRY(mem_alloc(&exec, 1, sizeof *exec));
    exec->plan = plan;
    exec->graph = plan->graph;
    exec->backend = arena->backend;
    exec->arena = arena;
    exec->mode = mode;
    TRY(give_storage(exec));
    TRY(mem_alloc(&exec->bound, (size_t)exec->graph->n_nodes, sizeof *exec->bound));
    for (int i = 0; i < exec->graph->n_nodes; i++) TRY(bind_node(exec, i, par));
    *out = exec;
    exec = NULL;
done:
    exec_free(exec);
    return err;
}

void exec_free(Exec *exec) {
    if (exec == NULL) return;
    for (int i = 0; exec->bound != NULL && i < exec->graph->n_nodes; i++) {
        const Op *op = exec->graph->nodes[i].op;
        if (op->release != NULL && exec->bound[i].call.state != NULL) op->release(exec->bound[i].call.state);
    }
    bool owns_blocks = exec->mode == EXEC_CHECKED || exec->mode == EXEC_SEPARATE;
    for (int b = 0; owns_blocks && exec->block != NULL && b < n_blocks(exec); b++) block_free(exec, b);
    if (exec->captured != NULL) exec->backend->graph_free(exec->backend, exec->captured);
    mem_free(exec->block);
    mem_free(exec->bound);
    mem_free(exec);
}

const Backend *exec_backend(const Exec *exec) { return exec->backend; }

/* ---- checked mode: storage follows lifetimes ---- */

static void poison(const Exec *exec, int b) {
    exec->backend->set(exec->backend, exec->block[b], BACKEND_POISON, exec->plan->blocks[b].bytes);
}

static Err checked_alloc(Exec *exec, int b) {
    if (exec->block[b] != NULL) return ERR_OK;
    Err err = block_alloc(exec, b);
    if (err != ERR_OK) return err;
    poison(exec, b);
    exec->live += exec->plan->blocks[b].bytes;
    if (exec->live > exec->peak) exec->peak = exec->live;
    return ERR_OK;
}

static Err checked_before(Exec *exec, int i_node) {
    TensorId writes[LIFETIME_MAX_WRITES];
    int n = lifetime_writes(&exec->graph->nodes[i_node], writes);
    for (int w = 0; w < n; w++) {
        int b = exec->plan->block_of[writes[w]];
        Err err = b < 0 ? ERR_OK : checked_alloc(exec, b);
        if (err != ERR_OK) return err;
    }
    bind_addresses(exec, i_node);
    return ERR_OK;
}

static void checked_after(Exec *exec, int i_node) {
    for (int b = 0; b < exec->plan->n_blocks; b++) {
        if (exec->plan->blocks[b].last != i_node || exec->block[b] == NULL) continue;
        block_free(exec, b);
        exec->live -= exec->plan->blocks[b].bytes;
    }
}

/* What the host kept of the last run is given back before the next one. */
static void checked_start(Exec *exec) {
    for (int b = 0; b < exec->plan->n_blocks; b++) {
        if (exec->plan->blocks[b].first < 0 || exec->block[b] == NULL) continue;
        block_free(exec, b);
        exec->live -= exec->plan->blocks[b].bytes;
    }
}

static void poison_after(Exec *exec, int i_node) {
    for (int b = 0; b < exec->plan->n_blocks; b++)
        if (exec->plan->blocks[b].last == i_node) poison(exec, b);
}

/* ---- running ---- */

Err exec_upload(Exec *exec, TensorId t, const void *values) {
    const Tensor *tensor = &exec->graph->tensors[t];
    int b = tensor->param >= 0 ? -1 : block_index(exec, t);
    if (exec->mode == EXEC_CHECKED && b >= 0) {
        Err err = checked_alloc(exec, b);
        if (err != ERR_OK) return err;
    }
    return exec->backend->upload(exec->backend, exec_pointer(exec, t), values, shape_count(&tensor->shape),
                                 tensor->type);
}

Err exec_download(const Exec *exec, TensorId t, void *values) {
    const Tensor *tensor = &exec->graph->tensors[t];
    const void *from = exec_pointer(exec, t);
    if (from == NULL) return err_set(ERR_ARG, "%s holds nothing to read", tensor->name);
    return exec->backend->download(exec->backend, values, from, shape_count(&tensor->shape), tensor->type);
}

Err exec_view(const void **out, const Exec *exec, TensorId t, int64_t offset, int64_t n, void **room) {
    Err err = ERR_OK;
    const Backend *backend = exec->backend;
    const Tensor *tensor = &exec->graph->tensors[t];
    const char *from = exec_pointer(exec, t);
    FAIL_IF(from == NULL, ERR_ARG, "%s holds nothing to read", tensor->name);
    from += backend_bytes(backend, offset, tensor->type);
    *out = from;
    if (backend->on_host) return ERR_OK;
    mem_free(*room);
    *room = NULL;
    TRY(mem_alloc(room, (size_t)n, tensor->type == DT_INT ? sizeof(int32_t) : sizeof(float)));
    *out = *room;
    TRY(backend->download(backend, *room, from, n, tensor->type));
done:
    return err;
}

Err exec_run_watched(Exec *exec, bool (*seen)(void *ctx, int i_node), void *ctx) {
    if (exec->mode == EXEC_CHECKED) checked_start(exec);
    exec->peak = exec->live;
    for (int i = 0; i < exec->graph->n_nodes; i++) {
        Err err = exec->mode == EXEC_CHECKED ? checked_before(exec, i) : ERR_OK;
        if (err == ERR_OK) err = exec->bound[i].run(&exec->bound[i].call);
        if (err != ERR_OK) return err_context(err, "%s", exec->graph->nodes[i].name);
        bool goes_on = seen == NULL || seen(ctx, i);
        if (exec->mode == EXEC_CHECKED) checked_after(exec, i);
        if (exec->mode == EXEC_POISON) poison_after(exec, i);
        if (!goes_on) break;
    }
    return ERR_OK;
}

/* Notes down all nodes; after an error in one of them nothing is kept but its message. */
static Err capture(Exec *exec) {
    Err err = exec->backend->capture_begin(exec->backend);
    if (err != ERR_OK) return err;
    err = exec_run_watched(exec, NULL, NULL);
    if (err == ERR_OK) return exec->backend->capture_end(exec->backend, &exec->captured);
    (void)exec->backend->capture_end(exec->backend, NULL);
    return err;
}

/* On a backend that can capture, the first run is made of calls, which load what no capture may load; the second one is
 * captured, and from then on a run is one replay. */
Err exec_run(Exec *exec) {
    Err err = ERR_OK;
    const bool captures = exec->mode == EXEC_ARENA && exec->backend->capture_begin != NULL && exec->has_run;
    if (!captures) {
        TRY(exec_run_watched(exec, NULL, NULL));
        exec->has_run = true;
    } else {
        if (exec->captured == NULL) TRY(capture(exec));
        TRY(exec->backend->replay(exec->backend, exec->captured));
    }
done:
    return err;
}

size_t exec_peak_bytes(const Exec *exec) { return exec->peak; }

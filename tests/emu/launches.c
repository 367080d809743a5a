/* launches EXPERIMENT.yaml ...: how the ops of these models run on CUDA, for tests/check/cuda_table.sh. Of each op's
 * forward and backward pass the node of most operations is called under a capture, which runs nothing. Lines, cut by
 * tabs:
 *   pass OP forward|backward NODES SHAPE FLOP BYTES SCRATCH      NODES of the pass in one training step, at most,
 *                                                                0: of evaluation; BYTES: each operand once
 *   launch SYMBOL BLOCKS THREADS DYNAMIC_BYTES                   of the pass above
 *   product M N K COUNT
 *   absent OP                                                    in none of the models */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/loader.h"
#include "harness/grid/grid.h"
#include "kernels/cuda_plugin.h"
#include "kernels/mem.h"
#include "models/model.h"
#include "tests/emu/emu.h"

enum { MAX_OPS = 100, MAX_MODELS = 100, DEVICE_GIB = 16 };

/* One pass of an op, at the node that stands for it. */
typedef struct Pass {
    const Graph *graph;
    const Node *node;
    int64_t flops;
    int n_nodes;
} Pass;

static Pass passes[MAX_OPS][2];
static Model *models[MAX_MODELS];
static int n_models;

/* ---- finding ---- */

static int64_t bytes_of(const Graph *graph, const TensorId *tensors, int n) {
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        if (tensors[i] != TENSOR_NONE) bytes += 4 * shape_count(graph_shape(graph, tensors[i]));
    return bytes;
}

/* What is added to is read, too. */
static int64_t operand_bytes(const Graph *graph, const Node *node) {
    int64_t bytes = bytes_of(graph, node->x, node->spec.n_x) + bytes_of(graph, node->y, node->spec.n_y);
    if (!node->backward) return bytes;
    for (int i = 0; i < node->spec.n_x; i++)
        bytes += bytes_of(graph, &node->dx[i], 1) * (node->accumulate & OP_X(i) ? 2 : 1);
    return bytes + bytes_of(graph, node->dy, node->op->n_out);
}

/* of_eval: what no training step has. */
static void find_in(const Graph *graph, bool of_eval) {
    int n_ops = 0, seen[MAX_OPS][2] = {{0}};
    const Op *const *ops = op_table(&n_ops);
    for (int i = 0; i < graph->n_nodes; i++) {
        const Node *node = &graph->nodes[i];
        const int64_t flops = op_flops(node->op, &node->spec, node->backward);
        int op = 0;
        while (ops[op] != node->op) op++;
        Pass *pass = &passes[op][node->backward];
        if (of_eval && pass->n_nodes > 0) continue;
        if (pass->node == NULL || flops > pass->flops) pass->graph = graph, pass->node = node, pass->flops = flops;
        const int n = ++seen[op][node->backward];
        if (!of_eval && n > pass->n_nodes) pass->n_nodes = n;
    }
}

static Err build_models(const char *path) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    TRY(grid_load(&grid, path, NULL, 0, "cuda"));
    for (size_t c = 0; c < grid->n_cells; c++) {
        DataFacts facts;
        if (grid->cells[c].seed != grid->seeds[0]) continue;
        FAIL_IF(n_models == MAX_MODELS, ERR_ARG, "%s has too many cells", path);
        TRY(data_facts(&facts, grid->cells[c].settings));
        const ModelSizes sizes = {facts.n_chars, facts.n_steps, facts.n_steps_eval, facts.height, facts.width};
        TRY(model_build(&models[n_models], grid->cells[c].settings, &sizes, DEVICE_CUDA, MODEL_TRAIN_AND_EVAL));
        n_models++;
    }
done:
    grid_free(grid);
    return err;
}

/* ---- calling ---- */

static void print_launch(void *ctx, const EmuLaunch *launch) {
    (void)ctx;
    if (launch->kernel == NULL)
        printf("product\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", launch->m, launch->n, launch->k,
               launch->count);
    else
        printf("launch\t%s\t%u\t%u\t%zu\n", launch->kernel, launch->grid[0], launch->block[0], launch->dynamic_bytes);
}

/* Memory on the device for what a call needs of a tensor. */
typedef struct Operands {
    const Backend *cuda;
    void *block[2 * OP_MAX_X + 2 * OP_MAX_Y + 1];
    size_t bytes[2 * OP_MAX_X + 2 * OP_MAX_Y + 1];
    int n;
} Operands;

static Err take(Operands *o, void **out, size_t bytes) {
    const size_t rounded = (bytes + 63) / 64 * 64;
    *out = NULL;
    if (bytes == 0) return ERR_OK;
    const Err err = o->cuda->alloc(o->cuda, out, rounded);
    o->bytes[o->n] = rounded;
    if (err == ERR_OK) o->block[o->n++] = *out;
    return err;
}

static Err take_operands(Operands *o, OpCall *call, const Graph *graph, const Node *node) {
    Err err = ERR_OK;
    void *x = NULL, *dy = NULL;
    for (int i = 0; i < node->spec.n_x; i++) {
        TRY(take(o, &x, (size_t)bytes_of(graph, &node->x[i], 1)));
        call->x[i] = x;
        if (node->backward) TRY(take(o, &call->dx[i], (size_t)bytes_of(graph, &node->dx[i], 1)));
    }
    for (int i = 0; i < node->spec.n_y; i++) {
        TRY(take(o, &call->y[i], (size_t)bytes_of(graph, &node->y[i], 1)));
        if (!node->backward || i >= node->op->n_out) continue;
        TRY(take(o, &dy, (size_t)bytes_of(graph, &node->dy[i], 1)));
        call->dy[i] = dy;
    }
    TRY(take(o, &call->scratch, (size_t)bytes_of(graph, &node->scratch, 1)));
done:
    return err;
}

static Err print_pass(const Backend *cuda, const Pass *pass) {
    Err err = ERR_OK;
    char shape[96];
    const Node *node = pass->node;
    Operands operands = {.cuda = cuda};
    OpCall call = {.spec = &node->spec, .accumulate = node->accumulate, .context = cuda->context};
    const OpFn fn = cuda->kernel(cuda, node->op, node->backward);
    printf("pass\t%s\t%s\t%d\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", node->op->name,
           node->backward ? "backward" : "forward", pass->n_nodes, shape_text(&node->spec.y[0], shape, sizeof shape),
           pass->flops, operand_bytes(pass->graph, node), bytes_of(pass->graph, &node->scratch, 1));
    FAIL_IF(fn == NULL, ERR_UNSUPPORTED, "%s has no kernels", node->op->name);
    TRY(take_operands(&operands, &call, pass->graph, node));
    TRY(cuda->capture_begin(cuda));
    err = fn(&call);
    const Err ended = cuda->capture_end(cuda, NULL);
    if (err == ERR_OK) err = ended;
done:
    for (int i = 0; i < operands.n; i++) cuda->free(cuda, operands.block[i], operands.bytes[i]);
    return err;
}

static Err print_all(void) {
    Err err = ERR_OK;
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    const Backend *cuda = NULL;
    const CudaSettings settings = {.ordinal = 0};
    emu_devices(1, (size_t)DEVICE_GIB << 30);
    TRY(cuda_backend_open(&cuda, &settings));
    emu_watch(print_launch, NULL);
    for (int i = 0; i < n_ops; i++) {
        for (int backward = 0; backward < 2; backward++)
            if (passes[i][backward].node != NULL) TRY(print_pass(cuda, &passes[i][backward]));
        if (passes[i][0].node == NULL && passes[i][1].node == NULL) printf("absent\t%s\n", ops[i]->name);
    }
done:
    emu_watch(NULL, NULL);
    backend_close(cuda);
    return err;
}

int main(int argc, char **argv) {
    Err err = ERR_OK;
    for (int i = 1; i < argc && err == ERR_OK; i++) err = build_models(argv[i]);
    for (int i = 0; i < n_models; i++) find_in(models[i]->train.graph, false);
    for (int i = 0; i < n_models; i++) find_in(models[i]->eval.graph, true);
    if (err == ERR_OK) err = print_all();
    if (err != ERR_OK) fprintf(stderr, "launches: %s\n", err_message());
    for (int i = 0; i < n_models; i++) model_free(models[i]);
    return err == ERR_OK ? 0 : 1;
}

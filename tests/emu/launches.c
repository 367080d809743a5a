/* launches GRID.yaml ...: how the ops of these models run on CUDA, for tests/check/cuda_table.sh. Of each op's forward
 * and backward pass in each model the node of most operations is called under a capture, which runs nothing. Lines, cut
 * by tabs:
 *   peaks BYTES FLOP                                             an H100's, per second
 *   op NAME                                                      all there are
 *   pass OP forward|backward NODES SHAPE FLOP BYTES SCRATCH      NODES of the pass in the model's training step, 0: of
 * its evaluation; BYTES: each operand once launch SYMBOL BLOCKS THREADS DYNAMIC_BYTES                   of the pass
 * above product M N K COUNT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/loader.h"
#include "harness/grid/grid.h"
#include "kernels/cuda_plugin.h"
#include "kernels/mem.h"
#include "models/model.h"
#include "tests/emu/emu.h"
#include "tests/node_cost.h"

enum { MAX_OPS = 100, DEVICE_GIB = 16 };

/* One pass of an op in a model, at the node that stands for it. */
typedef struct Pass {
    const Graph *graph;
    const Node *node; /* NULL: the model has none */
    int64_t flops;
    int n_nodes; /* of the training step */
} Pass;

static size_t tensor_size(const Graph *graph, TensorId t) { return (size_t)node_tensor_bytes(graph, t); }

/* ---- finding ---- */

/* of_eval: what no training step has. */
static void find_in(Pass passes[MAX_OPS][2], const Graph *graph, bool of_eval) {
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    for (int i = 0; i < graph->n_nodes; i++) {
        const Node *node = &graph->nodes[i];
        const int64_t flops = op_flops(node->op, &node->spec, node->backward);
        int op = 0;
        while (ops[op] != node->op) op++;
        Pass *pass = &passes[op][node->backward];
        if (of_eval && pass->n_nodes > 0) continue;
        pass->n_nodes += !of_eval;
        if (pass->node == NULL || flops > pass->flops) pass->graph = graph, pass->node = node, pass->flops = flops;
    }
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
        TRY(take(o, &x, tensor_size(graph, node->x[i])));
        call->x[i] = x;
        if (node->backward) TRY(take(o, &call->dx[i], tensor_size(graph, node->dx[i])));
    }
    for (int i = 0; i < node->spec.n_y; i++) {
        TRY(take(o, &call->y[i], tensor_size(graph, node->y[i])));
        if (!node->backward || i >= node->op->n_out) continue;
        TRY(take(o, &dy, tensor_size(graph, node->dy[i])));
        call->dy[i] = dy;
    }
    TRY(take(o, &call->scratch, tensor_size(graph, node->scratch)));
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
           pass->flops, node_bytes(pass->graph, node), node_tensor_bytes(pass->graph, node->scratch));
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

static Err print_model(const Backend *cuda, const Model *model) {
    Err err = ERR_OK;
    static Pass passes[MAX_OPS][2];
    memset(passes, 0, sizeof passes);
    find_in(passes, model->train.graph, false);
    find_in(passes, model->eval.graph, true);
    for (int i = 0; i < MAX_OPS; i++)
        for (int backward = 0; backward < 2; backward++)
            if (passes[i][backward].node != NULL) TRY(print_pass(cuda, &passes[i][backward]));
done:
    return err;
}

/* Of one seed: the others have the same models. */
static Err print_grid(const Backend *cuda, const char *path) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    Model *model = NULL;
    TRY(grid_load(&grid, path, NULL, 0, "cuda"));
    for (size_t c = 0; c < grid->n_cells; c++) {
        DataFacts facts;
        if (grid->cells[c].seed != grid->seeds[0]) continue;
        TRY(data_facts(&facts, grid->cells[c].settings));
        const ModelSizes sizes = {facts.n_chars, facts.n_steps, facts.n_steps_eval, facts.height, facts.width};
        TRY(model_build(&model, grid->cells[c].settings, &sizes, DEVICE_CUDA, MODEL_TRAIN_AND_EVAL));
        TRY(print_model(cuda, model));
        model_free(model);
        model = NULL;
    }
done:
    model_free(model);
    grid_free(grid);
    return err;
}

int main(int argc, char **argv) {
    Err err = ERR_OK;
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    const Backend *cuda = NULL;
    const CudaSettings settings = {.ordinal = 0};
    ASSERT(n_ops <= MAX_OPS);
    printf("peaks\t%.0f\t%.0f\n", peaks_h100.bytes, peaks_h100.flops);
    for (int i = 0; i < n_ops; i++) printf("op\t%s\n", ops[i]->name);
    emu_devices(1, (size_t)DEVICE_GIB << 30);
    TRY(cuda_backend_open(&cuda, &settings));
    emu_watch(print_launch, NULL);
    for (int i = 1; i < argc; i++) TRY(print_grid(cuda, argv[i]));
done:
    if (err != ERR_OK) fprintf(stderr, "launches: %s\n", err_message());
    emu_watch(NULL, NULL);
    backend_close(cuda);
    return err == ERR_OK ? 0 : 1;
}

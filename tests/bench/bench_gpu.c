/* make bench-gpu: what each op's kernels reach on cuda:0, at the sizes of real training steps, against what the device
 * can: bytes that must move and operations, over the time of a captured run of many of them.
 *   bench_gpu          measures and prints the table in Markdown
 *   bench_gpu plan     prints bytes, operations and the bound of each op on an H100; needs no device
 * An op's row is its costliest node in the models below, on what a training step left there. Exits with 69 where there
 * is no device. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/exit_code.h"
#include "kernels/cuda_driver.h"
#include "kernels/mem.h"
#include "models/model.h"
#include "tests/made_batch.h"
#include "tests/node_cost.h"

enum { MAX_WORDS = 24, IN_GRAPH = 20, MAX_ROWS = 128, TRIES = 7 };

/* What decides a model; batch and sizes are those of the shipped studies. */
typedef struct Case {
    const char *name;
    const char *pairs[MAX_WORDS];
    ModelSizes sizes;
} Case;

#define STUDY                                                                                                          \
    "model.blstm", "64", "model.attention", "96", "model.decoder", "128", "model.embedding", "32", "train.batch",      \
        "64", "train.clip", "5"

static const Case cases[] = {
    {"crnn-small, kl, adam",
     {STUDY, "focus.kind", "kl", NULL},
     {.n_chars = 36, .n_steps = 9, .height = 32, .width = 128}},
    {"crnn-small, mass, sgd",
     {STUDY, "focus.kind", "mass", "train.optimizer", "sgd", NULL},
     {.n_chars = 36, .n_steps = 9, .height = 32, .width = 128}},
    {"resnet32, original fused, K = 2965, adadelta",
     {"model.encoder", "resnet32", "train.batch", "16", "train.optimizer", "adadelta", "focus.kind", "original",
      "focus.implementation", "fused", "focus.patch", "[32, 32]", NULL},
     {.n_chars = 2965, .n_steps = 9, .height = 32, .width = 256}},
    {"crnn-small, original plain, K = 36",
     {STUDY, "focus.kind", "original", "focus.patch", "[32, 32]", NULL},
     {.n_chars = 36, .n_steps = 9, .height = 32, .width = 128}},
};

typedef struct Row {
    const Op *op;
    bool backward;
    char node[96];
    int64_t bytes, flops;
    double seconds; /* NaN = not measured */
} Row;

typedef struct Table {
    Row row[MAX_ROWS];
    int n;
} Table;

/* ---- what an op must do ---- */

static double bound_seconds(const Row *row, const Peaks *peaks) {
    return fmax((double)row->bytes / peaks->bytes, (double)row->flops / peaks->flops);
}

static Row row_of(const Graph *graph, const Node *node) {
    Row row = {.op = node->op,
               .backward = node->backward,
               .bytes = node_bytes(graph, node),
               .flops = op_flops(node->op, &node->spec, node->backward),
               .seconds = NAN};
    (void)snprintf(row.node, sizeof row.node, "%s", node->name);
    return row;
}

/* The row of an op and pass in the table; a new one if there is none. */
static Row *find_row(Table *table, const Row *like) {
    for (int i = 0; i < table->n; i++)
        if (table->row[i].op == like->op && table->row[i].backward == like->backward) return &table->row[i];
    ASSERT(table->n < MAX_ROWS);
    Row *row = &table->row[table->n++];
    *row = (Row){.op = like->op, .backward = like->backward, .bytes = -1};
    return row;
}

/* ---- a model ---- */

typedef struct Bench {
    Settings *settings;
    Model *model;
    ModelPlan plan;
    Arena *arena;
    Exec *exec;
    MadeBatch *batch;
} Bench;

static Err open_model(Bench *b, const Case *c) {
    Err err = ERR_OK;
    *b = (Bench){0};
    TRY(settings_new(&b->settings));
    for (const char *const *pair = c->pairs; *pair != NULL; pair += 2) TRY(settings_set(b->settings, pair[0], pair[1]));
    TRY(settings_resolve(b->settings));
    TRY(model_build(&b->model, b->settings, &c->sizes, DEVICE_CUDA, MODEL_TRAIN_AND_EVAL));
    TRY(model_plan(&b->plan, b->model, sizeof(float), true));
done:
    return err;
}

/* Takes a step, each tensor in storage of its own, so that afterwards every node finds there what it works on. */
static Err start_model(Bench *b, const Case *c, const Backend *backend) {
    Err err = ERR_OK;
    float loss = NAN, norm = NAN;
    TRY(arena_new(&b->arena, backend, &b->model->params, b->plan.transient_bytes));
    TRY(arena_initialise(b->arena, 1));
    TRY(exec_new(&b->exec, b->plan.train, b->arena, EXEC_SEPARATE, NULL));
    TRY(made_batch_new(&b->batch, b->model, c->sizes.n_chars));
    TRY(made_batch_upload(b->batch, b->exec, b->model, b->settings, 0));
    TRY(exec_run(b->exec));
    TRY(exec_download(b->exec, b->model->train.loss, &loss));
    TRY(exec_download(b->exec, b->model->train.update.norm, &norm));
    printf("- %s: a step with a loss of %.3g, gradients of norm %.3g\n", c->name, (double)loss, (double)norm);
    FAIL_IF(!isfinite(loss) || !isfinite(norm) || norm <= 0, ERR_NUMERIC, "%s: this is no step", c->name);
done:
    return err;
}

static void close_model(Bench *b) {
    made_batch_free(b->batch);
    exec_free(b->exec);
    arena_free(b->arena);
    model_plan_clear(&b->plan);
    model_free(b->model);
    settings_free(b->settings);
}

/* ---- measuring ---- */

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static OpCall call_of(const Bench *b, const Backend *backend, const Node *node) {
    OpCall call = {.spec = &node->spec, .accumulate = node->accumulate, .shards = 1, .context = backend->context};
    for (int i = 0; i < OP_MAX_X; i++) {
        call.x[i] = exec_pointer(b->exec, node->x[i]);
        call.dx[i] = exec_pointer(b->exec, node->dx[i]);
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        call.y[i] = exec_pointer(b->exec, node->y[i]);
        call.dy[i] = exec_pointer(b->exec, node->dy[i]);
    }
    call.scratch = exec_pointer(b->exec, node->scratch);
    return call;
}

static Err wait_for_device(const Bench *b, const Backend *backend) {
    float any;
    return backend->download(backend, &any, exec_pointer(b->exec, b->model->train.loss), 1, DT_REAL);
}

/* *seconds of one run of the node: the fastest of some replays of IN_GRAPH of them in a captured run. */
static Err measure(double *seconds, const Bench *b, const Backend *backend, const Node *node) {
    Err err = ERR_OK;
    void *graph = NULL;
    const OpCall call = call_of(b, backend, node);
    const OpFn run = backend->kernel(backend, node->op, node->backward);
    *seconds = INFINITY;
    TRY(backend->capture_begin(backend));
    for (int i = 0; i < IN_GRAPH && err == ERR_OK; i++) err = run(&call);
    const Err ended = backend->capture_end(backend, err == ERR_OK ? &graph : NULL);
    TRY(err);
    TRY(ended);
    for (int i = 0; i <= TRIES; i++) {
        TRY(wait_for_device(b, backend));
        const double began = now();
        TRY(backend->replay(backend, graph));
        TRY(wait_for_device(b, backend));
        if (i > 0) *seconds = fmin(*seconds, (now() - began) / IN_GRAPH); /* the first warms */
    }
done:
    if (graph != NULL) backend->graph_free(backend, graph);
    return err;
}

/* The costliest node of each op and pass that no earlier model had a costlier one of. */
static Err add_model(Table *table, const Case *c, const Backend *backend, const Peaks *peaks) {
    Err err = ERR_OK;
    Bench b;
    TRY(open_model(&b, c));
    if (backend != NULL) TRY(start_model(&b, c, backend));
    const Graph *graph = b.model->train.graph;
    for (int i = 0; i < graph->n_nodes; i++) {
        Row candidate = row_of(graph, &graph->nodes[i]), *row = find_row(table, &candidate);
        if (row->bytes >= 0 && bound_seconds(row, peaks) >= bound_seconds(&candidate, peaks)) continue;
        if (backend != NULL) TRY(measure(&candidate.seconds, &b, backend, &graph->nodes[i]));
        *row = candidate;
    }
done:
    close_model(&b);
    return err;
}

/* ---- telling ---- */

static void print_row(const Row *row, const Peaks *peaks) {
    const bool memory = (double)row->bytes / peaks->bytes >= (double)row->flops / peaks->flops;
    printf("| %s%s | %s | %.3f | %.3f | %.1f | %s | %.1f |", row->op->name, row->backward ? "'" : "", row->node,
           (double)row->bytes / 1e6, (double)row->flops / 1e6, (double)row->flops / (double)row->bytes,
           memory ? "memory" : "compute", 1e6 * bound_seconds(row, peaks));
    if (!isnan(row->seconds))
        printf(" %.1f | %.0f | %.0f %% | %.2f | %.0f %% |", 1e6 * row->seconds, (double)row->bytes / row->seconds / 1e9,
               100 * (double)row->bytes / row->seconds / peaks->bytes, (double)row->flops / row->seconds / 1e12,
               100 * (double)row->flops / row->seconds / peaks->flops);
    putchar('\n');
}

static void print_table(const Table *table, const Peaks *peaks, bool measured) {
    printf("\n| op | node | MB | MFLOP | FLOP/B | bound | us at the bound |%s\n|---|---|--:|--:|--:|---|--:|%s\n",
           measured ? " us | GB/s | of peak | TFLOP/s | of peak |" : "", measured ? "--:|--:|--:|--:|--:|" : "");
    for (int i = 0; i < table->n; i++) print_row(&table->row[i], peaks);
    if (measured)
        printf(
            "\nA node is run %d times in a row. What it works on, if it fits into the L2 cache (4 MB on a T4, 50 MB on "
            "an "
            "H100), stays\nthere: then its bandwidth is the cache's, above the memory's peak. And no node is faster "
            "than "
            "a launch, 1 to 3 us in a\ncaptured run: rows of less than a few MB say no more of the kernel than that.\n",
            IN_GRAPH);
}

/* Lanes for fp32 of a multiprocessor. */
static int lanes(const CudaDevice *d) { return d->major * 10 + d->minor <= 80 ? 64 : 128; }

static Err device_peaks(Peaks *out, CudaDevice *device) {
    Err err = ERR_OK;
    int n = 0, version = 0;
    TRY(cuda_driver_devices(device, 1, &n, &version));
    out->bytes = 2.0 * 1e3 * device->memory_clock_khz * device->memory_bus_bits / 8;
    out->flops = 2.0 * 1e3 * device->clock_khz * device->n_processors * lanes(device);
    printf("%s, compute capability %d.%d: %.0f GB/s, %.1f TFLOP/s in fp32, by its clocks\n", device->name,
           device->major, device->minor, out->bytes / 1e9, out->flops / 1e12);
    FAIL_IF(!(out->bytes > 0) || !(out->flops > 0), ERR_DEVICE, "the driver does not tell this device's clocks");
done:
    return err;
}

int main(int argc, char **argv) {
    Err err = ERR_OK;
    static Table table;
    CudaDevice device;
    Peaks peaks = peaks_h100;
    const Backend *backend = NULL;
    const bool plan = argc > 1 && strcmp(argv[1], "plan") == 0;
    if (!plan) {
        TRY(backend_open(&backend, &(BackendSpec){.device = DEVICE_CUDA}));
        TRY(device_peaks(&peaks, &device));
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (plan) printf("- %s\n", cases[i].name);
        TRY(add_model(&table, &cases[i], backend, &peaks));
    }
    print_table(&table, &peaks, !plan);
done:
    if (err != ERR_OK) fprintf(stderr, "bench_gpu: %s\n", err_message());
    backend_close(backend);
    return err == ERR_OK ? 0 : exit_code(err);
}

/* The paper's branch, plain against fused, alone: forward and backward at batch 4, 25 steps, patches of 32 x 32 pixels
 * of an image of 32 x 128, every step with a box. Bytes are the plans': the most that activations, their gradients and
 * scratch take at once, parameters with their gradients and the inputs apart; "eager" keeps every tensor in a place of
 * its own, "full reuse" works in place where the ops allow it. Time is processor time of one thread, the two
 * interleaved. --json FILE for programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/machine.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "models/exec.h"
#include "models/focus.h"
#include "models/lifetime.h"
#include "models/plan.h"
#include "tests/bench/peak.h"

enum { BATCH = 4, STEPS = 25, HEIGHT = 32, WIDTH = 128, POSITIONS = 32, DEPTH = 128, SHARDS = 4, MAX_ROUNDS = 32 };
enum { PLAIN, FUSED, N_SIDES };

static const char *const side_names[N_SIDES] = {"plain", "fused"};

typedef struct Side {
    Settings *settings;
    ParamSet params;
    Graph *graph;
    FocusIn in;
    TensorId loss;
    Plan *eager, *plan;
    Arena *arena;
    Exec *exec;
    size_t bytes[2]; /* eager, with full reuse */
    double ms[MAX_ROUNDS];
    float value; /* of the loss */
} Side;

static void side_clear(Side *side) {
    exec_free(side->exec);
    arena_free(side->arena);
    plan_free(side->plan);
    plan_free(side->eager);
    graph_free(side->graph);
    params_clear(&side->params);
    settings_free(side->settings);
}

static Err make_settings(Settings **out, const char *implementation) {
    Err err = ERR_OK;
    TRY(settings_new(out));
    TRY(settings_set(*out, "focus.kind", "original"));
    TRY(settings_set(*out, "focus.implementation", implementation));
    TRY(settings_resolve(*out));
done:
    return err;
}

/* The branch on glimpses that want a gradient, as the decoder's do. */
static Err build(Side *side, int i_side, int n_chars) {
    Err err = ERR_OK;
    float centres[POSITIONS];
    TRY(make_settings(&side->settings, side_names[i_side]));
    TRY(graph_new(&side->graph, &side->params));
    Graph *g = side->graph;
    for (int j = 0; j < POSITIONS; j++) centres[j] = 4.0F * (float)j + 2.0F;
    side->in = (FocusIn){.image = graph_input(g, "image", DT_REAL, SHAPE4(BATCH, HEIGHT, WIDTH, 3)),
                         .label = TENSOR_NONE,
                         .box = graph_input(g, "box", DT_REAL, SHAPE3(STEPS, BATCH, 4)),
                         .mask = graph_input(g, "mask", DT_INT, SHAPE3(BATCH, HEIGHT, WIDTH)),
                         .inv_boxes = graph_input(g, "inv_boxes", DT_REAL, SHAPE0()),
                         .state = TENSOR_NONE,
                         .glimpse = graph_param(g, "glimpse", SHAPE3(STEPS, BATCH, DEPTH), init_uniform(1)),
                         .alpha = graph_input(g, "alpha", DT_REAL, SHAPE3(STEPS, BATCH, POSITIONS)),
                         .centre_x = graph_constant(g, "centre_x", SHAPE1(POSITIONS), centres),
                         .centre_y = HEIGHT / 2.0,
                         .cell = 4,
                         .encoded = {.map = TENSOR_NONE},
                         .n_chars = n_chars};
    graph_enter(g, "focus");
    side->loss = graph_keep(g, focus_find("original")->build(g, side->settings, &side->in));
    graph_leave(g);
    graph_backward(g, side->loss);
    graph_finish(g, DEVICE_CPU, SHARDS);
    TRY(graph_status(g));
done:
    return err;
}

/* Is t counted: activation, gradient of one, scratch? Glimpses are activations of the decoder. */
static bool counts(const Graph *g, TensorId t) {
    Role role = g->tensors[t].role;
    if (role == ROLE_ACTIVATION || role == ROLE_SCRATCH) return true;
    for (TensorId w = 0; role == ROLE_GRAD && w < g->n_tensors; w++)
        if (g->tensors[w].grad == t) return g->tensors[w].param < 0 || strcmp(g->tensors[w].name, "glimpse") == 0;
    return role == ROLE_GRAD;
}

/* The largest sum, over the nodes, of the blocks that hold such tensors. */
static Err branch_bytes(size_t *out, const Plan *plan) {
    Err err = ERR_OK;
    const Graph *g = plan->graph;
    bool *counted = NULL;
    *out = 0;
    TRY(mem_alloc(&counted, (size_t)plan->n_blocks, sizeof *counted));
    for (TensorId t = 0; t < g->n_tensors; t++)
        if (g->tensors[t].base == t && plan->block_of[t] >= 0 && counts(g, t)) counted[plan->block_of[t]] = true;
    for (int node = 0; node < g->n_nodes; node++) {
        size_t live = 0;
        for (int b = 0; b < plan->n_blocks; b++)
            if (counted[b] && plan->blocks[b].first <= node && node <= plan->blocks[b].last)
                live += plan->blocks[b].bytes;
        if (live > *out) *out = live;
    }
done:
    mem_free(counted);
    return err;
}

/* Boxes of a step side by side, the attention on each one's middle; classes at random inside boxes, background around
 * them. */
static Err upload(Side *side, int n_chars) {
    static float image[BATCH * HEIGHT * WIDTH * 3], box[STEPS * BATCH * 4], alpha[STEPS * BATCH * POSITIONS];
    static int32_t mask[BATCH * HEIGHT * WIDTH];
    const float inv_boxes = 1.0F / (STEPS * BATCH);
    Rng rng = rng_at(rng_stream(1, "bench.original"), 0, 0);
    for (size_t i = 0; i < sizeof image / sizeof *image; i++) image[i] = (float)rng_range(&rng, -1, 1);
    for (size_t i = 0; i < sizeof mask / sizeof *mask; i++)
        mask[i] = rng_below(&rng, 7) == 0 ? (int32_t)rng_below(&rng, (uint32_t)n_chars) : n_chars;
    memset(alpha, 0, sizeof alpha);
    for (int k = 0; k < STEPS * BATCH; k++) {
        const int position = k / BATCH * POSITIONS / STEPS;
        const float x = 4.0F * (float)position, values[4] = {x, 4, x + 5, 28};
        memcpy(box + (size_t)k * 4, values, sizeof values);
        alpha[k * POSITIONS + position] = 1.0F;
    }
    Err err = ERR_OK;
    TRY(exec_upload(side->exec, side->in.image, image));
    TRY(exec_upload(side->exec, side->in.box, box));
    TRY(exec_upload(side->exec, side->in.mask, mask));
    TRY(exec_upload(side->exec, side->in.alpha, alpha));
    TRY(exec_upload(side->exec, side->in.inv_boxes, &inv_boxes));
done:
    return err;
}

static Err open_side(Side *side, int i_side, int n_chars) {
    Err err = ERR_OK;
    TRY(build(side, i_side, n_chars));
    TRY(plan_build(&side->eager, side->graph, sizeof(float), false));
    TRY(plan_build(&side->plan, side->graph, sizeof(float), true));
    TRY(branch_bytes(&side->bytes[0], side->eager));
    TRY(branch_bytes(&side->bytes[1], side->plan));
done:
    return err;
}

static Err start_side(Side *side) {
    Err err = ERR_OK;
    TRY(arena_new(&side->arena, backend_cpu(), &side->params, side->plan->transient_bytes));
    TRY(arena_initialise(side->arena, 0));
    TRY(exec_new(&side->exec, side->plan, side->arena, EXEC_ARENA, NULL));
done:
    return err;
}

static Err run_once(Side *side, int n_chars, double *ms) {
    Err err = ERR_OK;
    TRY(upload(side, n_chars));
    double before = bench_cpu();
    TRY(exec_run(side->exec));
    *ms = 1e3 * (bench_cpu() - before);
    TRY(exec_download(side->exec, side->loss, &side->value));
done:
    return err;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static Err measure(Side sides[N_SIDES], int n_chars, int n_rounds) {
    Err err = ERR_OK;
    double ignored = 0;
    for (int i = 0; i < N_SIDES; i++) TRY(start_side(&sides[i]));
    for (int i = 0; i < N_SIDES; i++) TRY(run_once(&sides[i], n_chars, &ignored)); /* touches every page */
    for (int round = 0; round < n_rounds; round++)
        for (int i = 0; i < N_SIDES; i++) TRY(run_once(&sides[i], n_chars, &sides[i].ms[round]));
    for (int i = 0; i < N_SIDES; i++) qsort(sides[i].ms, (size_t)n_rounds, sizeof(double), by_value);
done:
    return err;
}

/* One number of classes; *ms_ratio 0 where this machine has too little memory free for the plain side. */
static Err compare(int n_chars, int n_rounds, double *bytes_ratio, double *ms_ratio) {
    Err err = ERR_OK;
    Side sides[N_SIDES];
    memset(sides, 0, sizeof sides);
    for (int i = 0; i < N_SIDES; i++) params_init(&sides[i].params);
    *ms_ratio = 0;
    for (int i = 0; i < N_SIDES; i++) TRY(open_side(&sides[i], i, n_chars));
    *bytes_ratio = (double)sides[PLAIN].bytes[1] / (double)sides[FUSED].bytes[1];
    MachineMemory memory;
    machine_memory(&memory);
    const bool fits = (double)memory.available_bytes > 1.1 * (double)sides[PLAIN].plan->transient_bytes;
    if (fits) TRY(measure(sides, n_chars, n_rounds));
    for (int i = 0; i < N_SIDES; i++) {
        printf("%-6d %-8s %12.2f %12.2f", n_chars, side_names[i], (double)sides[i].bytes[0] / (1 << 20),
               (double)sides[i].bytes[1] / (1 << 20));
        if (fits) printf(" %12.1f %14.7g", sides[i].ms[n_rounds / 2], (double)sides[i].value);
        printf("\n");
    }
    if (fits) *ms_ratio = sides[PLAIN].ms[n_rounds / 2] / sides[FUSED].ms[n_rounds / 2];
    printf("%-6d %-8s %11.0fx %11.0fx", n_chars, "ratio", (double)sides[PLAIN].bytes[0] / (double)sides[FUSED].bytes[0],
           *bytes_ratio);
    if (fits)
        printf(" %11.1fx %14.1e\n", *ms_ratio,
               fabs((double)sides[FUSED].value - (double)sides[PLAIN].value) / fabs((double)sides[PLAIN].value));
    else
        printf("   not timed: too little memory is free\n");
done:
    for (int i = 0; i < N_SIDES; i++) side_clear(&sides[i]);
    return err;
}

int main(int argc, char **argv) {
    static const int sizes[][2] = {{36, 15}, {3000, 3}}; /* classes, rounds */
    enum { N_SIZES = sizeof sizes / sizeof sizes[0] };
    double bytes[N_SIZES], ms[N_SIZES];
    printf("the paper's branch: batch %d, %d steps, patches of 32 x 32, %d shards, one thread\n", BATCH, STEPS, SHARDS);
    printf("%-6s %-8s %12s %12s %12s %14s\n", "K", "", "eager MiB", "reuse MiB", "cpu ms", "loss");
    for (int i = 0; i < N_SIZES; i++)
        if (compare(sizes[i][0], sizes[i][1], &bytes[i], &ms[i]) != ERR_OK) {
            fprintf(stderr, "bench_original: %s\n", err_message());
            return 1;
        }
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        FILE *file = fopen(argv[2], "w");
        if (file == NULL) return 1;
        for (int i = 0; i < N_SIZES; i++)
            fprintf(file, "%s\"%d\": {\"bytes_ratio\": %.1f, \"ms_ratio\": %.2f}%s", i == 0 ? "{" : " ", sizes[i][0],
                    bytes[i], ms[i], i + 1 < N_SIZES ? ",\n" : "}\n");
        if (fclose(file) != 0) return 1;
    }
    return 0;
}

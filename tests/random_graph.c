#include "tests/random_graph.h"

#include <stdio.h>

#include "kernels/mem.h"
#include "kernels/rng.h"
#include "models/nn.h"

enum { MAX_POOL = 64, N_RUNS = 3 };

void random_graph_clear(RandomGraph *b) {
    graph_free(b->g);
    params_clear(&b->params);
}

/* Random ops over tensors of one shape, slices of a buffer, reductions and shared weights; the sum of squares of some
 * of them is the loss. */
Err random_graph_build(RandomGraph *b, uint64_t seed, Device device) {
    Err err = ERR_OK;
    Rng rng = rng_at(rng_stream(seed, "test.graph"), 0, 0);
    int64_t rows = 2 + rng_below(&rng, 4), cols = 3 + rng_below(&rng, 40);
    Shape shape = SHAPE2(rows, cols);
    TensorId pool[MAX_POOL];
    int n = 0;
    *b = (RandomGraph){.n_weights = 0};
    params_init(&b->params);
    TRY(graph_new(&b->g, &b->params));
    Graph *g = b->g;
    b->input = graph_input(g, "input", DT_REAL, shape);
    pool[n++] = b->input;
    b->n_weights = 1 + (int)rng_below(&rng, 3);
    for (int i = 0; i < b->n_weights; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%d", i);
        pool[n++] = graph_param(g, name, i == 2 ? SHAPE1(cols) : shape, init_uniform(0.5));
    }
    int n_ops = 4 + (int)rng_below(&rng, 24);
    for (int i = 0; i < n_ops && n < MAX_POOL; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "op%d.y", i);
        TensorId a = pool[rng_below(&rng, (uint32_t)n)], c = pool[rng_below(&rng, (uint32_t)n)];
        if (graph_shape(g, a)->rank != 2) a = b->input;
        switch (rng_below(&rng, 7)) {
        case 0: pool[n++] = g_tanh(g, name, a); break;
        case 1: pool[n++] = g_scale(g, name, a, 0.7, 0.1); break;
        case 2: pool[n++] = g_log_softmax(g, name, a); break;
        case 3: pool[n++] = g_add(g, name, a, c); break;
        case 4: pool[n++] = g_tanh(g, name, g_mul(g, "product", a, c)); break;
        case 5: pool[n++] = g_mul(g, name, a, g_sum(g, "row", g_tanh(g, "t", a), 1, true)); break;
        default: { /* two rows of a buffer, written by two nodes, read as a whole and in part */
            TensorId buffer = graph_buffer(g, name, DT_REAL, SHAPE3(2, rows, cols));
            for (int64_t k = 0; k < 2; k++) {
                TensorId into = graph_slice(g, buffer, k), in = k == 0 ? a : pool[0];
                (void)graph_op_into(g, "tanh", "part", NULL, &in, 1, &into, NULL);
            }
            TensorId whole = g_sum(g, "whole", buffer, 0, false);
            pool[n++] = g_add(g, "parts", whole, graph_slice(g, buffer, 1));
            break;
        }
        }
        TRY(graph_status(g));
    }
    TensorId total = g_sum(g, "total", g_tanh(g, "last", pool[n - 1]), -1, false);
    for (int i = 1; i <= b->n_weights; i++) /* every weight matters, so that every one has a gradient */
        total = g_add(g, "total", total, g_sum(g, "square", g_mul(g, "sq", pool[i], pool[i]), -1, false));
    b->loss = graph_keep(g, total);
    graph_backward(g, total);
    for (int i = 1; i <= b->n_weights; i++) (void)graph_keep(g, graph_grad(g, pool[i]));
    graph_finish(g, device, 2);
    TRY(graph_status(g));
done:
    if (err != ERR_OK) random_graph_clear(b);
    return err;
}

/* What earlier runs leave behind must not matter. */
static Err run_often(Exec *exec, const RandomGraph *b) {
    Err err = ERR_OK;
    float *input = NULL;
    const size_t n = (size_t)shape_count(graph_shape(b->g, b->input));
    TRY(mem_alloc(&input, n, sizeof *input));
    for (int k = N_RUNS; k > 0; k--) {
        for (size_t i = 0; i < n; i++) input[i] = (float)((int)(i * 37 % 19) - 9) / (float)(10 * k);
        TRY(exec_upload(exec, b->input, input));
        TRY(exec_run(exec));
    }
done:
    mem_free(input);
    return err;
}

static Err download_all(float *out, const Exec *exec, const RandomGraph *b) {
    Err err = exec_download(exec, b->loss, out++);
    for (TensorId t = 0; err == ERR_OK && t < b->g->n_tensors; t++) {
        const Tensor *tensor = &b->g->tensors[t];
        if (tensor->param < 0 || tensor->base != t || tensor->grad == TENSOR_NONE) continue;
        err = exec_download(exec, tensor->grad, out);
        out += shape_count(&tensor->shape);
    }
    return err;
}

Err random_graph_run(float **out, size_t *n, size_t *peak, const RandomGraph *b, const Plan *plan,
                     const Backend *backend, ExecMode mode) {
    Err err = ERR_OK;
    Arena *arena = NULL;
    Exec *exec = NULL;
    Par *par = NULL;
    *out = NULL;
    *n = 1;
    for (int i = 0; i < b->params.n; i++) *n += (size_t)shape_count(&b->params.items[i].shape);
    TRY(par_new(&par, 2));
    TRY(arena_new(&arena, backend, &b->params, mode == EXEC_SEPARATE ? 0 : plan->transient_bytes));
    TRY(arena_initialise(arena, 5));
    TRY(exec_new(&exec, plan, arena, mode, par));
    TRY(run_often(exec, b));
    TRY(mem_alloc(out, *n, sizeof **out));
    TRY(download_all(*out, exec, b));
    *peak = exec_peak_bytes(exec);
done:
    exec_free(exec);
    arena_free(arena);
    par_free(par);
    if (err != ERR_OK) {
        mem_free(*out);
        *out = NULL;
    }
    return err;
}

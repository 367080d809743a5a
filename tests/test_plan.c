/* Plans of random graphs: proven by plan_verify, by storage that follows lifetimes (checked mode), by NaN in what is
 * free (poison mode), and by equal bits in all of them; against the best of all placements where graphs are small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/rng.h"
#include "models/nn.h"
#include "tests/brute_place.h"
#include "tests/random_graph.h"

enum { N_GRAPHS = 60 };

#define OK(call) assert_true_with(call, #call, __LINE__)
static void assert_true_with(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static float *run(const RandomGraph *b, const Plan *plan, ExecMode mode, size_t *n, size_t *peak) {
    float *out = NULL;
    OK(random_graph_run(&out, n, peak, b, plan, backend_cpu(), mode));
    return out;
}

static void test_modes_agree(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
        RandomGraph b;
        OK(random_graph_build(&b, seed, DEVICE_CPU));
        for (int in_place = 0; in_place < 2; in_place++) {
            Plan *plan = NULL;
            size_t n = 0, peak = 0;
            OK(plan_build(&plan, b.g, sizeof(float), in_place));
            OK(plan_verify(plan));
            assert_true(plan->transient_bytes >= plan->live_bytes);
            float *arena = run(&b, plan, EXEC_ARENA, &n, &peak);
            float *poison = run(&b, plan, EXEC_POISON, &n, &peak);
            float *separate = run(&b, plan, EXEC_SEPARATE, &n, &peak);
            float *checked = run(&b, plan, EXEC_CHECKED, &n, &peak);
            assert_int_equal(peak, plan->live_bytes);
            assert_memory_equal(arena, poison, n * sizeof *arena);
            assert_memory_equal(arena, separate, n * sizeof *arena);
            assert_memory_equal(arena, checked, n * sizeof *arena);
            for (size_t i = 0; i < n; i++) assert_true(arena[i] == arena[i]);
            mem_free(arena);
            mem_free(poison);
            mem_free(separate);
            mem_free(checked);
            plan_free(plan);
        }
        random_graph_clear(&b);
    }
}

/* What in-place reuse is for: it never costs a byte. */
static void test_reuse_never_costs(void **state) {
    (void)state;
    int n_less = 0;
    for (uint64_t seed = 0; seed < 5 * N_GRAPHS; seed++) {
        RandomGraph b;
        Plan *eager = NULL, *full = NULL;
        OK(random_graph_build(&b, seed, DEVICE_CPU));
        OK(plan_build(&eager, b.g, sizeof(float), false));
        OK(plan_build(&full, b.g, sizeof(float), true));
        OK(plan_verify(eager));
        OK(plan_verify(full));
        assert_int_equal(full->live_bytes, brute_bound(full->blocks, full->n_blocks));
        assert_true(full->live_bytes <= eager->live_bytes);
        assert_true(full->transient_bytes <= eager->transient_bytes);
        n_less += full->transient_bytes < eager->transient_bytes;
        plan_free(eager);
        plan_free(full);
        random_graph_clear(&b);
    }
    assert_true(n_less > N_GRAPHS);
}

/* A few ops over tensors of two sizes, [r,c] and [1,c], which go together in any way; no backward pass. */
static Graph *small_graph(ParamSet *params, uint64_t seed) {
    Rng rng = rng_at(rng_stream(seed, "test.graph.small"), 0, 0);
    Graph *g = NULL;
    TensorId pool[8];
    int n = 1, n_ops = 3 + (int)rng_below(&rng, 4);
    params_init(params);
    OK(graph_new(&g, params));
    pool[0] = graph_input(g, "input", DT_REAL, SHAPE2(1 + rng_below(&rng, 9), 16 * (1 + rng_below(&rng, 4))));
    for (int i = 0; i < n_ops; i++, n++) {
        TensorId a = pool[rng_below(&rng, (uint32_t)n)], c = pool[rng_below(&rng, (uint32_t)n)];
        switch (rng_below(&rng, 4)) {
        case 0: pool[n] = g_tanh(g, "tanh", a); break;
        case 1: pool[n] = g_sum(g, "sum", a, 0, true); break;
        case 2: pool[n] = g_add(g, "add", a, c); break;
        default: pool[n] = g_mul(g, "mul", a, g_scale(g, "copy", c, 2, 0)); break;
        }
    }
    (void)graph_keep(g, pool[n - 1]);
    graph_finish(g, DEVICE_CPU, 1);
    OK(graph_status(g));
    return g;
}

/* Whole graphs against the best of all placements of their blocks. */
static void test_small_graphs_against_all_orders(void **state) {
    (void)state;
    int n_plans = 0, n_best = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        ParamSet params;
        Graph *g = small_graph(&params, seed);
        for (int in_place = 0; in_place < 2; in_place++) {
            Plan *plan = NULL;
            OK(plan_build(&plan, g, sizeof(float), in_place));
            OK(plan_verify(plan));
            if (plan->n_blocks <= 8) {
                size_t best = brute_best(plan->blocks, plan->n_blocks);
                assert_true(best >= plan->live_bytes && plan->transient_bytes >= best);
                assert_true((double)plan->transient_bytes <= 1.05 * (double)best);
                n_best += plan->transient_bytes == best;
                n_plans++;
            }
            plan_free(plan);
        }
        graph_free(g);
        params_clear(&params);
    }
    print_message("    %d of %d plans as low as any\n", n_best, n_plans);
    assert_true(n_plans > 300);
    assert_true(n_best >= n_plans - 1);
}

/* The loss of the reference as a function of one element of one weight. */
static double ref_loss(Exec *exec, Arena *arena, const RandomGraph *b, const float *input, int i_param, int64_t e,
                       double value, double *gradient) {
    const Graph *g = b->g;
    OK(exec_upload(exec, b->input, input));
    (void)arena;
    TensorId weight = TENSOR_NONE;
    for (TensorId t = 0; t < g->n_tensors; t++)
        if (g->tensors[t].param == i_param && g->tensors[t].base == t) weight = t;
    double *at = (double *)exec_pointer(exec, weight) + e, before = *at;
    *at += value;
    OK(exec_run(exec));
    *at = before;
    if (gradient != NULL) *gradient = ((const double *)exec_pointer(exec, g->tensors[weight].grad))[e];
    return *(const double *)exec_pointer(exec, b->loss);
}

static void test_gradients(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        RandomGraph b;
        Plan *plan = NULL;
        Arena *arena = NULL;
        Exec *exec = NULL;
        float *input = NULL;
        OK(random_graph_build(&b, seed, DEVICE_CPU));
        size_t n_in = (size_t)shape_count(graph_shape(b.g, b.input));
        OK(mem_alloc(&input, n_in, sizeof *input));
        for (size_t i = 0; i < n_in; i++) input[i] = (float)((int)(i * 29 % 23) - 11) / 12.0f;
        OK(plan_build(&plan, b.g, sizeof(double), true));
        OK(arena_new(&arena, backend_ref(), &b.params, 0));
        OK(arena_initialise(arena, 7));
        OK(exec_new(&exec, plan, arena, EXEC_SEPARATE, NULL));
        for (int p = 0; p < b.params.n; p++) {
            int64_t count = shape_count(&b.params.items[p].shape);
            for (int64_t e = 0; e < count; e += 1 + count / 3) {
                double h = 1e-5, gradient = 0;
                (void)ref_loss(exec, arena, &b, input, p, e, 0, &gradient);
                double up = ref_loss(exec, arena, &b, input, p, e, h, NULL);
                double down = ref_loss(exec, arena, &b, input, p, e, -h, NULL);
                double difference = (up - down) / (2 * h), scale = 1 + (gradient < 0 ? -gradient : gradient);
                assert_true(fabs(gradient - difference) <= 1e-6 * scale);
            }
        }
        exec_free(exec);
        arena_free(arena);
        plan_free(plan);
        mem_free(input);
        random_graph_clear(&b);
    }
}

/* A chain needs what its widest node needs, and no byte more. */
static void test_chain_is_exact(void **state) {
    (void)state;
    RandomGraph b;
    Plan *plan = NULL;
    params_init(&b.params);
    OK(graph_new(&b.g, &b.params));
    TensorId x = graph_input(b.g, "input", DT_REAL, SHAPE1(1000));
    x = g_add(b.g, "bias", x, graph_param(b.g, "w", SHAPE1(1000), init_uniform(1)));
    for (int i = 0; i < 20; i++) x = g_tanh(b.g, "y", x);
    TensorId loss = graph_keep(b.g, g_sum(b.g, "sum", x, -1, false));
    graph_backward(b.g, loss);
    graph_finish(b.g, DEVICE_CPU, 1);
    for (int in_place = 0; in_place < 2; in_place++) {
        OK(plan_build(&plan, b.g, sizeof(float), in_place));
        OK(plan_verify(plan));
        assert_int_equal(plan->transient_bytes, plan->live_bytes);
        assert_true(plan_ratio(plan) == 1.0);
        plan_free(plan);
    }
    random_graph_clear(&b);
}

/* plan_verify must see a plan that is wrong: every block moved onto its neighbour is refused, unless nobody minds. */
static void test_verify_sees_overlaps(void **state) {
    (void)state;
    RandomGraph b;
    Plan *plan = NULL;
    int refused = 0, moved = 0;
    OK(random_graph_build(&b, 3, DEVICE_CPU));
    OK(plan_build(&plan, b.g, sizeof(float), true));
    OK(plan_verify(plan));
    for (int i = 0; i < plan->n_blocks; i++)
        for (int j = 0; j < plan->n_blocks; j++) {
            const PlanBlock *p = &plan->blocks[i], *q = &plan->blocks[j];
            if (i == j || p->last < q->first || q->last < p->first) continue;
            size_t was = plan->blocks[i].offset;
            plan->blocks[i].offset = plan->blocks[j].offset;
            moved++;
            refused += plan_verify(plan) == ERR_GATE;
            plan->blocks[i].offset = was;
        }
    assert_true(moved > 10);
    assert_int_equal(refused, moved);
    plan_free(plan);
    random_graph_clear(&b);
}

static void test_builder_errors(void **state) {
    (void)state;
    RandomGraph b;
    params_init(&b.params);
    OK(graph_new(&b.g, &b.params));
    TensorId x = graph_input(b.g, "x", DT_REAL, SHAPE2(3, 4));
    TensorId y = graph_input(b.g, "y", DT_REAL, SHAPE2(3, 5));
    TensorId bad = g_add(b.g, "sum", x, y);
    assert_int_equal(bad, TENSOR_NONE);
    assert_int_equal(g_tanh(b.g, "after", bad), TENSOR_NONE);
    assert_int_equal(graph_status(b.g), ERR_SHAPE);
    assert_non_null(strstr(err_message(), "sum"));
    random_graph_clear(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_agree),
        cmocka_unit_test(test_reuse_never_costs),
        cmocka_unit_test(test_small_graphs_against_all_orders),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_chain_is_exact),
        cmocka_unit_test(test_verify_sees_overlaps),
        cmocka_unit_test(test_builder_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The README's examples, compiled from its text: the branch against its formula and its gradient, the metric by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/exec.h"

#include "gen/guide_branch.inc"
#include "gen/guide_metric.inc"

extern const Focus focus_middle;
extern const Metric metric_drifted_words;

#define OK(call) assert_true_with(call, #call, __LINE__)
static void assert_true_with(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

enum { T = 3, N = 2, L = 4, N_BOXES = 4 };
static const float centre_x[L] = {2, 6, 10, 14};
static const float box[T][N][4] = {
    {{0, 0, 8, 8}, {2, 0, 5, 8}},
    {{8, 0, 12, 8}, {0, 0, 0, 0}}, /* no box */
    {{4, 0, 16, 8}, {0, 0, 0, 0}},
};

/* L = 1/boxes sum over boxes of sum_j alpha_j ((x_j - m) / w)^2; its gradient by alpha is what alpha_j is times. */
static double expected(const float *alpha, float gradient[T * N * L]) {
    double loss = 0;
    for (int t = 0; t < T; t++)
        for (int n = 0; n < N; n++)
            for (int j = 0; j < L; j++) {
                double x0 = (double)box[t][n][0], x1 = (double)box[t][n][2], away = 0;
                int i = (t * N + n) * L + j;
                if (x1 > x0) away = ((double)centre_x[j] - 0.5 * (x0 + x1)) / (x1 - x0);
                gradient[i] = (float)(away * away / N_BOXES);
                loss += (double)alpha[i] * away * away / N_BOXES;
            }
    return loss;
}

typedef struct Built {
    ParamSet params;
    Graph *g;
    TensorId alpha, box, inv_boxes, loss;
} Built;

static void build_branch(Built *b) {
    params_init(&b->params);
    OK(graph_new(&b->g, &b->params));
    Graph *g = b->g;
    b->alpha = graph_param(g, "alpha", SHAPE3(T, N, L), init_uniform(1));
    b->box = graph_input(g, "box", DT_REAL, SHAPE3(T, N, 4));
    b->inv_boxes = graph_input(g, "inv_boxes", DT_REAL, SHAPE0());
    FocusIn in = {.alpha = b->alpha, .box = b->box, .inv_boxes = b->inv_boxes, .cell = 4};
    in.centre_x = graph_constant(g, "centre_x", SHAPE1(L), centre_x);
    graph_enter(g, "focus");
    b->loss = graph_keep(g, focus_middle.build(g, NULL, &in));
    graph_leave(g);
    graph_backward(g, b->loss);
    (void)graph_keep(g, graph_grad(g, b->alpha));
    graph_finish(g, DEVICE_CPU, 1);
    OK(graph_status(g));
}

static void check_on(const Built *b, const Plan *plan, const Backend *backend) {
    Arena *arena = NULL;
    Exec *exec = NULL;
    float alpha[T * N * L], gradient[T * N * L], wanted[T * N * L], loss = 0, inv_boxes = 1.0F / N_BOXES;
    OK(arena_new(&arena, backend, &b->params, plan->transient_bytes));
    OK(arena_initialise(arena, 3));
    OK(exec_new(&exec, plan, arena, EXEC_ARENA, NULL));
    OK(exec_upload(exec, b->box, box));
    OK(exec_upload(exec, b->inv_boxes, &inv_boxes));
    OK(exec_run(exec));
    OK(arena_get_param(arena, params_find(&b->params, "alpha"), alpha));
    OK(exec_download(exec, b->loss, &loss));
    OK(exec_download(exec, b->g->tensors[b->alpha].grad, gradient));
    double expected_loss = expected(alpha, wanted);
    assert_true(fabs((double)loss - expected_loss) <= 1e-5 * fmax(1, fabs(expected_loss)));
    for (int i = 0; i < T * N * L; i++) assert_true(fabsf(gradient[i] - wanted[i]) <= 1e-5F * fmaxf(1, wanted[i]));
    exec_free(exec);
    arena_free(arena);
}

static void the_branch_computes_its_formula(void **state) {
    (void)state;
    const Backend *backends[] = {backend_cpu(), backend_ref()};
    Built b;
    build_branch(&b);
    for (int i = 0; i < 2; i++) {
        Plan *plan = NULL;
        OK(plan_build(&plan, b.g, backends[i]->real_bytes, true));
        OK(plan_verify(plan));
        check_on(&b, plan, backends[i]);
        plan_free(plan);
    }
    graph_free(b.g);
    params_clear(&b.params);
}

static void the_metric_counts_words(void **state) {
    (void)state;
    static const float alpha[2][L] = {{1, 0, 0, 0}, {0, 0, 0, 1}};
    static const float inside[2][4] = {{0, 0, 8, 8}, {8, 0, 16, 8}}, outside[2][4] = {{0, 0, 8, 8}, {0, 0, 8, 8}};
    static const double centres[L] = {2, 6, 10, 14};
    MetricSample sample = {.n_chars = 2, .boxes = inside[0], .n_positions = L, .centre_x = centres, .cell = 4};
    MetricLook look = {alpha[0], L, 2};
    MetricSum sum = {0, 0};
    metric_drifted_words.add(&sum, &sample, &look);
    assert_true(sum.sum == 0 && sum.weight == 1);
    sample.boxes = outside[0];
    metric_drifted_words.add(&sum, &sample, &look);
    assert_true(sum.sum == 1 && sum.weight == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_branch_computes_its_formula),
        cmocka_unit_test(the_metric_counts_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

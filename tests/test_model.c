/* The models as a whole: sizes, receptive fields, and every branch's training graph against the double-precision
 * reference and against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/rng.h"
#include "models/model.h"
#include "tests/sanitized.h"
#include "tests/small_model.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static int64_t count_below(const ParamSet *set, const char *prefix) {
    int64_t n = 0;
    for (int i = 0; i < set->n; i++)
        if (set->items[i].kind == PARAM_WEIGHT && strncmp(set->items[i].name, prefix, strlen(prefix)) == 0)
            n += shape_count(&set->items[i].shape);
    return n;
}

static void test_sizes(void **state) {
    (void)state;
    Settings *settings = settings_of(NULL);
    ModelSizes sizes = {.n_chars = 36, .n_steps = 9, .height = 32, .width = 128};
    Model *model = NULL;
    OK(model_build(&model, settings, &sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    assert_int_equal(count_below(&model->params, "encoder."), 180752);
    assert_int_equal(count_below(&model->params, "decoder."), 183973);
    assert_int_equal(model->n_positions, 32);
    for (int j = 0; j < 32; j++) assert_true(model->centre_x[j] == (float)(4 * j + 2));
    assert_true(model->cell == 4.0 && model->centre_y == 16.0);
    model_free(model);
    settings_free(settings);
}

/* The paper's network: its parameters, and the receptive field of PAPER 1.4 layer by layer against its closed form. */
static void test_resnet32(void **state) {
    (void)state;
    static const char *const pairs[] = {"model.encoder",      "resnet32", "model.blstm", "256",
                                        "model.blstm_layers", "2",        "train.batch", "1",
                                        "eval.batch",         "1",        NULL};
    Settings *settings = settings_of(pairs);
    ModelSizes sizes = {.n_chars = 36, .n_steps = 3, .height = 32, .width = 256};
    Model *model = NULL;
    OK(model_build(&model, settings, &sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    int64_t blstm = count_below(&model->params, "encoder.blstm");
    assert_int_equal(blstm, 2 * 4 * 256 * (512 + 256 + 2) * 2);
    assert_int_equal(count_below(&model->params, "encoder.") - blstm, 44264480);
    assert_int_equal(model->n_positions, 65);
    for (int j = 0; j < 65; j++) assert_true(model->centre_x[j] == (float)(4 * j));
    assert_true(model->centre_y == 16.0 && model->field == 208.0 && model->cell == 4.0);
    model_free(model);
    settings_free(settings);
}

static void test_image_too_small(void **state) {
    (void)state;
    static const int64_t sizes[][2] = {{31, 128}, {32, 3}, {64, 128}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        Settings *settings = settings_of(NULL);
        ModelSizes wrong = {.n_chars = 36, .n_steps = 9, .height = sizes[i][0], .width = sizes[i][1]};
        Model *model = NULL;
        assert_int_equal(model_build(&model, settings, &wrong, DEVICE_CPU, MODEL_TRAIN_AND_EVAL), ERR_SPEC);
        assert_null(model);
        assert_non_null(strstr(err_message(), "data.image"));
        settings_free(settings);
    }
}

/* What the tests below say of every branch is said of every one that there is. */
static void test_no_branch_is_left_out(void **state) {
    (void)state;
    int n = 0;
    const Focus *const *table = focus_table(&n);
    for (int i = 0; i < n; i++) {
        bool found = false;
        for (int b = 0; b < SMALL_BRANCHES; b++) found = found || strcmp(small_branches[b][1], table[i]->kind) == 0;
        if (!found) fail_msg("branch %s is not among small_branches", table[i]->kind);
    }
}

/* A name means one tensor, also where a branch gave it twice or an op needed a copy: traces and locks go by names. */
static void test_names_are_unique(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        Settings *settings = small_settings(small_branches[b]);
        Model *model = NULL;
        OK(model_build(&model, settings, &small_sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
        const Graph *const graphs[] = {model->train.graph, model->eval.graph};
        for (int i = 0; i < 2; i++)
            for (TensorId t = 0; t < graphs[i]->n_tensors; t++) {
                const Tensor *tensor = graph_tensor(graphs[i], t);
                if (tensor->base == t && graph_find(graphs[i], tensor->name) != t)
                    fail_msg("branch %d: two tensors are called %s", b, tensor->name);
            }
        model_free(model);
        settings_free(settings);
    }
}

/* The second and third of a name; what a parameter is called is taken, too. */
static void test_names_given_twice(void **state) {
    (void)state;
    static const char *const expected[] = {"part.w", "part.w.2", "part.w.3", "part.x", "part.x.2"};
    ParamSet params;
    Graph *g = NULL;
    TensorId made[5];
    params_init(&params);
    OK(graph_new(&g, &params));
    graph_enter(g, "part");
    made[0] = graph_param(g, "w", SHAPE1(3), init_uniform(1));
    made[1] = g_relu(g, "w", made[0]);
    made[2] = g_tanh(g, "w", made[1]);
    made[3] = g_relu(g, "x", made[2]);
    made[4] = g_relu(g, "x", made[3]);
    for (int i = 0; i < 400; i++) (void)g_relu(g, "many", made[4]); /* the index grows */
    OK(graph_status(g));
    for (int i = 0; i < 5; i++) {
        assert_string_equal(graph_tensor(g, made[i])->name, expected[i]);
        assert_int_equal(graph_find(g, expected[i]), made[i]);
    }
    assert_int_equal(graph_find(g, "part.many.400"), made[4] + 400);
    assert_int_equal(graph_find(g, "part.many.401"), TENSOR_NONE);
    graph_free(g);
    params_clear(&params);
}

/* Longer than a name may be: cut, and told apart by their ends. */
static void test_long_names_given_twice(void **state) {
    (void)state;
    ParamSet params;
    Graph *g = NULL;
    char name[2000];
    TensorId made[12];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    params_init(&params);
    OK(graph_new(&g, &params));
    TensorId x = graph_input(g, "x", DT_REAL, SHAPE1(3));
    for (int i = 0; i < 12; i++) made[i] = g_relu(g, name, x);
    OK(graph_status(g));
    for (int i = 0; i < 12; i++) assert_int_equal(graph_find(g, graph_tensor(g, made[i])->name), made[i]);
    const char *last = graph_tensor(g, made[11])->name;
    assert_string_equal(last + strlen(last) - 4, "n.12");
    graph_free(g);
    params_clear(&params);
}

/* Is it a weight, with a gradient, whose name begins with prefix? */
static bool is_weight_of(const Tensor *tensor, TensorId t, const char *prefix) {
    return tensor->base == t && tensor->param >= 0 && tensor->grad != TENSOR_NONE &&
           strncmp(tensor->name, prefix, strlen(prefix)) == 0;
}

/* The weights below prefix, moved by `by` times a random direction. */
static void move_weights(Step *s, const char *prefix, double by) {
    const Graph *g = s->model->train.graph;
    Rng rng = rng_at(rng_stream(17, prefix), 0, 0);
    for (TensorId w = 0; w < g->n_tensors; w++) {
        if (!is_weight_of(&g->tensors[w], w, prefix)) continue;
        double *at = exec_pointer(s->exec, w);
        for (int64_t e = 0; e < shape_count(&g->tensors[w].shape); e++) at[e] += by * rng_range(&rng, -1, 1);
    }
}

/* d loss / d that direction, from the gradients of the last step; *n = how many weights. */
static double along_gradient(const Step *s, const char *prefix, int64_t *n) {
    const Graph *g = s->model->train.graph;
    Rng rng = rng_at(rng_stream(17, prefix), 0, 0);
    double sum = 0;
    *n = 0;
    for (TensorId w = 0; w < g->n_tensors; w++) {
        if (!is_weight_of(&g->tensors[w], w, prefix)) continue;
        const double *grad = exec_pointer(s->exec, g->tensors[w].grad);
        const int64_t count = shape_count(&g->tensors[w].shape);
        for (int64_t e = 0; e < count; e++) sum += grad[e] * rng_range(&rng, -1, 1);
        *n += count;
    }
    return sum;
}

static bool is_before_loss(void *ctx, int i_node) {
    const Step *s = ctx;
    const Node *node = &s->model->train.graph->nodes[i_node];
    for (int k = 0; k < OP_MAX_Y; k++)
        if (node->y[k] == s->model->train.loss) return false;
    return true;
}

/* The loss with weights moved. The update changes them: they start afresh. */
static double loss_beside(Step *s, const char *prefix, double by) {
    OK(arena_initialise(s->arena, 3));
    upload_batch(s);
    move_weights(s, prefix, by);
    OK(exec_run_watched(s->exec, is_before_loss, s));
    return *(const double *)exec_pointer(s->exec, s->model->train.loss);
}

enum { PREFIXES_MOST = 64 };

/* In double precision, a random direction over all weights of each prefix: by the backward pass and by central
 * differences. */
static void check_directions(Step *s, int branch, const char *const *prefix, int n) {
    const double h = 1e-6;
    double gradient[PREFIXES_MOST];
    int64_t count[PREFIXES_MOST];
    assert_true(n <= PREFIXES_MOST);
    OK(arena_initialise(s->arena, 3));
    upload_batch(s);
    OK(exec_run(s->exec));
    for (int i = 0; i < n; i++) gradient[i] = along_gradient(s, prefix[i], &count[i]);
    if (IS_SANITIZED) return; /* what memory is used has been seen; figures are the same in every build */
    for (int i = 0; i < n; i++) {
        if (count[i] == 0) continue;
        const double difference = (loss_beside(s, prefix[i], h) - loss_beside(s, prefix[i], -h)) / (2 * h);
        if (fabs(difference - gradient[i]) > 1e-6 * (1 + fabs(gradient[i])))
            fail_msg("branch %d, %s*: gradient %.12g, central difference %.12g", branch, prefix[i], gradient[i],
                     difference);
    }
}

/* Every branch's whole graph, by module; weight by weight for the paper's branch. The crop's centres
 * move with the attention, but not by so little that a rounded one changes. */
static void test_gradients(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        const char *prefix[PREFIXES_MOST] = {"encoder.", "decoder.", "focus."}; /* not all have weights of their own */
        int n = 3;
        Step s;
        open_step(&s, small_branches[b], backend_ref(), EXEC_SEPARATE, 1);
        const ParamSet *params = &s.model->params;
        for (int i = 0; b == 4 && i < params->n && n < PREFIXES_MOST; i++)
            if (params->items[i].kind == PARAM_WEIGHT) prefix[n++] = params->items[i].name;
        check_directions(&s, b, prefix, n);
        close_step(&s);
    }
}

/* One step on the CPU against the reference: losses, norm and updated statistics. Adam's first step is the sign of the
 * gradient, so weights are compared through their gradients. */
static void test_cpu_against_ref(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        Step cpu, ref;
        size_t n = 0;
        open_step(&cpu, small_branches[b], backend_cpu(), EXEC_SEPARATE, 2);
        open_step(&ref, small_branches[b], backend_ref(), EXEC_SEPARATE, 1);
        float *a = train_steps(&cpu, 1, &n), *c = train_steps(&ref, 1, &n);
        for (int i = 0; i < 3; i++) assert_float_equal(a[i], c[i], 1e-4f * (1 + fabsf(c[i])));
        const Graph *g = cpu.model->train.graph;
        for (TensorId w = 0; w < g->n_tensors; w++) {
            if (g->tensors[w].base != w || g->tensors[w].param < 0 || g->tensors[w].grad == TENSOR_NONE) continue;
            int64_t count = shape_count(&g->tensors[w].shape);
            const float *x = exec_pointer(cpu.exec, g->tensors[w].grad);
            const double *y = exec_pointer(ref.exec, g->tensors[w].grad);
            double largest = 1e-6;
            for (int64_t e = 0; e < count; e++) largest = fmax(largest, fabs(y[e]));
            for (int64_t e = 0; e < count; e++)
                if (fabs((double)x[e] - y[e]) > 1e-3 * largest)
                    fail_msg("branch %d, %s'[%lld]: %g, reference %g", b, g->tensors[w].name, (long long)e,
                             (double)x[e], y[e]);
        }
        mem_free(a);
        mem_free(c);
        close_step(&cpu);
        close_step(&ref);
    }
}

/* ---- plain and fused ---- */

static double value_at(const Step *s, TensorId t, int64_t i) {
    const void *values = exec_pointer(s->exec, t);
    const bool ref = exec_backend(s->exec)->device == DEVICE_REF;
    return ref ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

/* The most by which tensor y of b differs from x of a, relative to the largest magnitude in x. */
static double relative_error(const Step *a, TensorId x, const Step *b, TensorId y) {
    const int64_t n = shape_count(graph_shape(a->model->train.graph, x));
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        const double p = value_at(a, x, i), q = value_at(b, y, i);
        largest = fmax(largest, fabs(p));
        worst = fmax(worst, isnan(p - q) ? INFINITY : fabs(p - q));
    }
    return worst > 0 ? worst / largest : 0;
}

/* Is t a weight of the branch, or what it is given: glimpses, map? */
static bool belongs_to_branch(const Graph *fused, TensorId t) {
    for (int i = 0; i < fused->n_nodes; i++)
        for (int k = 0; k < OP_MAX_X && strcmp(fused->nodes[i].op->name, "patch_nll") == 0; k++)
            if (fused->nodes[i].x[k] != TENSOR_NONE && graph_tensor(fused, fused->nodes[i].x[k])->base == t)
                return true;
    return false;
}

/* One step, plain and fused, in float and in double precision: same names, and, but for the branch, same tensors. */
typedef struct Four {
    Step plain, fused, plain_ref, fused_ref;
    const char *switches;
} Four;

static TensorId gradient_of(const Step *s, const char *name) {
    const Graph *g = s->model->train.graph;
    const TensorId t = graph_find(g, name);
    return t == TENSOR_NONE ? TENSOR_NONE : graph_tensor(g, t)->grad;
}

static void expect_error(const Four *f, const char *name, const char *where, double error, double tolerance) {
    if (!(error <= tolerance))
        fail_msg("%s: %s in %s: plain and fused differ by %.3g of the largest value, expected at most %.3g",
                 f->switches, name, where, error, tolerance);
}

/* The branch's own differ by a few roundings; behind it, where sums cancel (the bias of keys: softmax does not see what
 * all positions share), rounding is magnified, whoever did it. */
static void compare_gradients(const Four *f, const char *name, bool of_branch) {
    const TensorId x = gradient_of(&f->plain, name), y = gradient_of(&f->fused, name),
                   x_ref = gradient_of(&f->plain_ref, name), y_ref = gradient_of(&f->fused_ref, name);
    expect_error(f, name, "ref", relative_error(&f->plain_ref, x_ref, &f->fused_ref, y_ref), 1e-12);
    expect_error(f, name, "cpu", relative_error(&f->plain, x, &f->fused, y), of_branch ? 1e-6 : 1e-5);
}

static void compare_losses(const Four *f) {
    const TrainGraph *plain = &f->plain.model->train, *fused = &f->fused.model->train,
                     *plain_ref = &f->plain_ref.model->train, *fused_ref = &f->fused_ref.model->train;
    expect_error(f, "loss", "cpu", relative_error(&f->plain, plain->loss, &f->fused, fused->loss), 1e-6);
    expect_error(f, "loss_focus", "cpu", relative_error(&f->plain, plain->loss_focus, &f->fused, fused->loss_focus),
                 1e-6);
    expect_error(f, "loss", "ref", relative_error(&f->plain_ref, plain_ref->loss, &f->fused_ref, fused_ref->loss),
                 1e-12);
    expect_error(f, "loss_focus", "ref",
                 relative_error(&f->plain_ref, plain_ref->loss_focus, &f->fused_ref, fused_ref->loss_focus), 1e-12);
}

/* Losses, and the gradient of every tensor that both have. */
static void compare_steps(const Four *f) {
    const Graph *p = f->plain.model->train.graph, *g = f->fused.model->train.graph;
    int n_at_branch = 0, n_behind = 0;
    compare_losses(f);
    for (TensorId t = 0; t < p->n_tensors; t++) {
        const Tensor *tensor = graph_tensor(p, t);
        if (tensor->base != t || tensor->grad == TENSOR_NONE) continue;
        TensorId same = graph_find(g, tensor->name);
        assert_true(tensor->param < 0 || same != TENSOR_NONE);
        if (same == TENSOR_NONE) continue;
        bool of_branch = belongs_to_branch(g, same);
        compare_gradients(f, tensor->name, of_branch);
        n_at_branch += of_branch;
        n_behind += !of_branch;
    }
    assert_int_equal(n_at_branch, strstr(f->switches, "features") != NULL ? 5 : 4);
    assert_true(n_behind > 20);
}

static void run_one(Step *s, const char *const *branch, const Backend *backend) {
    open_step(s, branch, backend, EXEC_SEPARATE, 1);
    upload_batch(s);
    OK(exec_run(s->exec));
}

static void check_agreement(const char *const *plain_branch, const char *switches) {
    const char *fused_branch[32];
    Four f = {.switches = switches};
    int n = 0;
    for (; plain_branch[n] != NULL; n++) fused_branch[n] = plain_branch[n];
    fused_branch[n++] = "focus.implementation";
    fused_branch[n++] = "fused";
    fused_branch[n] = NULL;
    run_one(&f.plain, plain_branch, backend_cpu());
    run_one(&f.fused, fused_branch, backend_cpu());
    run_one(&f.plain_ref, plain_branch, backend_ref());
    run_one(&f.fused_ref, fused_branch, backend_ref());
    compare_steps(&f);
    close_step(&f.plain);
    close_step(&f.fused);
    close_step(&f.plain_ref);
    close_step(&f.fused_ref);
}

/* The fused branch is the plain one, whatever the switches. */
static void test_fused_is_plain(void **state) {
    (void)state;
    static const char *const switches[][3] = {{"focus.source", "image", "features"},
                                              {"focus.tanh", "true", "false"},
                                              {"focus.reduction", "sum", "mean"},
                                              {"focus.labels", "pixel", "target"},
                                              {"focus.background", "true", "false"}};
    enum { N_SWITCHES = sizeof switches / sizeof switches[0] };
    for (unsigned set = 0; set < 1u << N_SWITCHES; set++) {
        const char *branch[16] = {"focus.kind", "original", "focus.patch", "[8, 10]"};
        char text[256] = "";
        for (int i = 0; i < N_SWITCHES; i++) {
            branch[4 + 2 * i] = switches[i][0];
            branch[5 + 2 * i] = switches[i][1 + (set >> i & 1)];
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, " %s=%s", branch[4 + 2 * i] + strlen("focus."),
                           branch[5 + 2 * i]);
        }
        check_agreement(branch, text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_resnet32),
        cmocka_unit_test(test_image_too_small),
        cmocka_unit_test(test_no_branch_is_left_out),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_names_given_twice),
        cmocka_unit_test(test_long_names_given_twice),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_cpu_against_ref),
        cmocka_unit_test(test_fused_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

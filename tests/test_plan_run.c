/* The plan is the run: every branch, both encoders, both kinds of reuse, and every experiment that is shipped, trained
 * and evaluated in every mode of memory. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/grid/grid.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "tests/sanitized.h"
#include "tests/small_model.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

/* The first two have all that a sanitizer can look at: one arena, and blocks of their own. */
static const ExecMode modes[] = {EXEC_ARENA, EXEC_CHECKED, EXEC_POISON, EXEC_SEPARATE};
enum { N_MODES = IS_SANITIZED ? 2 : sizeof modes / sizeof modes[0] };

/* Maps and readings, teacher-forced and greedy, of one random batch. */
static float *evaluate(Step *s, ExecMode mode, size_t *n) {
    const EvalGraph *e = &s->model->eval;
    const TensorId kept[] = {e->alpha, e->alpha_free, e->predicted, e->predicted_free};
    Exec *exec = NULL;
    float *out = NULL, *image = NULL;
    int32_t *token = NULL;
    size_t n_image = (size_t)shape_count(graph_shape(e->graph, e->image));
    size_t n_token = (size_t)shape_count(graph_shape(e->graph, e->token_in)), at = 0;
    Rng rng = rng_at(rng_stream(13, "test.evaluation"), 0, 0);
    OK(mem_alloc(&image, n_image, sizeof *image));
    OK(mem_alloc(&token, n_token, sizeof *token));
    for (size_t i = 0; i < n_image; i++) image[i] = (float)rng_range(&rng, -1, 1);
    for (size_t i = 0; i < n_token; i++) token[i] = (int32_t)rng_below(&rng, (uint32_t)s->sizes.n_chars);
    OK(exec_new(&exec, s->plan.eval, s->arena, mode, s->par));
    OK(exec_upload(exec, e->image, image));
    OK(exec_upload(exec, e->token_in, token));
    OK(exec_run(exec));
    *n = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) *n += (size_t)shape_count(graph_shape(e->graph, kept[i]));
    OK(mem_alloc(&out, *n, sizeof *out));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        OK(exec_download(exec, kept[i], out + at));
        at += (size_t)shape_count(graph_shape(e->graph, kept[i]));
    }
    if (mode == EXEC_CHECKED) assert_int_equal(exec_peak_bytes(exec), s->plan.eval->live_bytes);
    exec_free(exec);
    mem_free(image);
    mem_free(token);
    return out;
}

/* Values after some steps and of an evaluation behind each other; what the modes promise is asserted on the way. */
static float *train_and_evaluate_step(Step *s, ExecMode mode, int n_steps, size_t *n) {
    size_t n_train = 0, n_eval = 0;
    uint64_t allocs = mem_stats().n_allocs;
    float *values = train_steps(s, n_steps, &n_train);
    if (mode == EXEC_ARENA) assert_int_equal(mem_stats().n_allocs, allocs + 1); /* the result's own */
    if (mode == EXEC_CHECKED) assert_int_equal(exec_peak_bytes(s->exec), s->plan.train->live_bytes);
    float *maps = evaluate(s, mode, &n_eval);
    OK(mem_grow(&values, n_train, n_train + n_eval, sizeof *values));
    memcpy(values + n_train, maps, n_eval * sizeof *values);
    *n = n_train + n_eval;
    bool finite = true;
    for (size_t i = 0; i < n_train; i++) finite = finite && values[i] == values[i];
    assert_true(finite);
    mem_free(maps);
    return values;
}

static float *train_and_evaluate(const char *const *pairs, ExecMode mode, int n_steps, int n_threads, size_t *n) {
    Step s;
    open_step(&s, pairs, backend_cpu(), mode, n_threads);
    float *values = train_and_evaluate_step(&s, mode, n_steps, n);
    close_step(&s);
    return values;
}

static void expect_same(const float *first, size_t n_first, float *values, size_t n) {
    assert_int_equal(n, n_first);
    assert_memory_equal(first, values, n * sizeof *values);
    mem_free(values);
}

/* All ways of using memory, by one thread or three, and both kinds of reuse give the same bits; storage that follows
 * lifetimes peaks at the planned live bytes. */
static void test_branches(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        float *first = NULL;
        size_t n_first = 0;
        for (size_t m = 0; m < 2 * N_MODES; m++) {
            const char *pairs[SMALL_WORDS + 2] = {"memory.reuse", m < N_MODES ? "full" : "eager"};
            size_t n = 0;
            for (int i = 0; small_branches[b][i] != NULL; i++) pairs[2 + i] = small_branches[b][i];
            float *values = train_and_evaluate(pairs, modes[m % N_MODES], 3, m == N_MODES ? 3 : 1, &n);
            if (first != NULL) {
                expect_same(first, n_first, values, n);
            } else {
                first = values;
                n_first = n;
            }
        }
        mem_free(first);
    }
}

/* The paper's encoder and branch, as experiments/memory.yaml plans them for a card: 44 million weights, so one step
 * each, on small images, and no state of an optimiser but one. The fused branch differs in its bits. */
static void test_resnet32(void **state) {
    (void)state;
#define PAPER "model.encoder", "resnet32", "train.optimizer", "sgd", "focus.kind", "original", "focus.patch", "[8, 10]"
    static const char *const full[] = {PAPER, NULL}, *const eager[] = {PAPER, "memory.reuse", "eager", NULL},
                             *const fused[] = {PAPER, "focus.implementation", "fused", NULL};
    size_t n_first = 0, n = 0;
    float *first = train_and_evaluate(full, EXEC_POISON, 1, 1, &n_first);
    float *values = train_and_evaluate(full, EXEC_CHECKED, 1, 1, &n);
    expect_same(first, n_first, values, n);
    values = train_and_evaluate(eager, EXEC_CHECKED, 1, 1, &n);
    expect_same(first, n_first, values, n);
    mem_free(train_and_evaluate(fused, EXEC_CHECKED, 1, 1, &n));
    mem_free(first);
}

/* ---- the experiments ---- */

static float *run_cell(const Settings *settings, const ModelSizes *sizes, ExecMode mode, size_t *n) {
    Step s;
    Settings *own = NULL;
    OK(settings_copy(&own, settings));
    open_step_of(&s, own, sizes, backend_cpu(), mode, 2);
    float *values = train_and_evaluate_step(&s, mode, 1, n);
    close_step(&s);
    return values;
}

/* One step and one evaluation: in the arena, which ends on a protected page, and with every block counted. */
static void check_cell(const Cell *cell, const char *key, const char *value) {
    size_t n_first = 0, n = 0;
    Settings *settings = NULL;
    OK(settings_copy(&settings, cell->settings));
    if (key != NULL) OK(settings_set(settings, key, value));
    print_message("    %s%s%s\n", cell->name, key != NULL ? ", as " : "", key != NULL ? value : "");
    const ModelSizes sizes = sizes_of(settings);
    float *first = run_cell(settings, &sizes, EXEC_ARENA, &n_first);
    float *values = run_cell(settings, &sizes, EXEC_CHECKED, &n);
    expect_same(first, n_first, values, n);
    mem_free(first);
    settings_free(settings);
}

/* As the experiment has it; the paper's branch with the other kind of reuse and in the other implementation, too. */
static void check_variant(const Cell *cell) {
    check_cell(cell, NULL, NULL);
    if (!settings_is(cell->settings, "focus.kind", "original")) return;
    check_cell(cell, "memory.reuse", "eager");
    const bool fused = settings_is(cell->settings, "focus.implementation", "fused");
    check_cell(cell, "focus.implementation", fused ? "plain" : "fused");
}

/* The first cell of each variant, on small batches. What is only planned is test_resnet32's. */
static void check_grid(const char *path) {
    static const char *const small[] = {"train.batch=4", "eval.batch=4"};
    Grid *grid = NULL;
    OK(grid_load(&grid, path, small, sizeof small / sizeof small[0], "cpu"));
    print_message("  %s\n", path);
    for (size_t c = 0; c < grid->n_cells && !grid->plan_only && grid->cells[c].seed == grid->seeds[0]; c++)
        if (c == 0 || grid->cells[c].variant != grid->cells[c - 1].variant) check_variant(&grid->cells[c]);
    grid_free(grid);
}

static void test_experiments(void **state) {
    (void)state;
    glob_t files;
    assert_int_equal(glob("experiments/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) check_grid(files.gl_pathv[i]);
    assert_true(files.gl_pathc >= 5);
    globfree(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_branches), cmocka_unit_test(test_resnet32),
                                       cmocka_unit_test(test_experiments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

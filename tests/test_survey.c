/* Looking at a grid before it runs: which cells share a plan, what stays a cell's own, and how long a large grid takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "harness/run/survey.h"
#include "kernels/mem.h"
#include "models/questions.h"
#include "tests/data_settings.h"
#include "tests/sanitized.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static const char head[] = "experiment: t\n"
                           "question: q\n"
                           "plan_only: true\n"
                           "base:\n"
                           "  data:\n"
                           "    image: [32, 32]\n"
                           "    train: {lines: {source: synthetic, count: 10, length: [1, 3]}}\n"
                           "    valid: {lines: {source: synthetic, count: 10, seed: 1}}\n"
                           "    test: {lines: {source: synthetic, count: 10, seed: 2}}\n"
                           "  train: {steps: 10, batch: 4}\n"
                           "  memory: {budget: 1MiB}\n"
                           "seeds: 2\n";

static void open_grid(Grid **grid, Surveys *surveys, const char *tail) {
    char text[4096];
    (void)snprintf(text, sizeof text, "%s%s", head, tail);
    const char *path = write_test_file("grid.yaml", text, strlen(text));
    OK(grid_load(grid, path, NULL, 0, "cpu"));
    OK(survey_grid(surveys, *grid, NULL, false));
}

static void close_grid(Grid *grid, Surveys *surveys) {
    surveys_clear(surveys);
    grid_free(grid);
}

/* What decides how a cell learns and no shape: one plan, and every cell's budget its own. */
static void test_what_shares_a_plan(void **state) {
    (void)state;
    static const char *const same[] = {
        "grid: {train.lr: [0.1, 0.2, 0.3]}\n",
        "grid: {train.clip: [1, 2], train.decay_at: [0.5, 0.6]}\n",
        "grid: {focus.lambda: [0.1, 0.9], focus.start: [0, 5]}\nvariants: {kl: {focus.kind: kl}}\n",
        "grid: {focus.labelled: [0.5, 1.0], focus.boxes: [true, shuffled]}\nvariants: {mass: {focus.kind: mass}}\n",
        "grid: {train.steps: [10, 20], record.checkpoint_every: [5, 10]}\n",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        Grid *grid = NULL;
        Surveys surveys;
        open_grid(&grid, &surveys, same[i]);
        assert_true(surveys.n >= 2);
        assert_int_equal(grid->n_cells, 2 * surveys.n); /* two seeds */
        if (surveys.n_plans != 1) fail_msg("%s: %zu plans", same[i], surveys.n_plans);
        for (size_t k = 0; k < surveys.n; k++) assert_ptr_equal(surveys.item[k].record, surveys.item[0].record);
        close_grid(grid, &surveys);
    }
}

static void test_what_has_a_plan_of_its_own(void **state) {
    (void)state;
    static const char *const different[] = {
        "grid: {train.batch: [4, 5]}\n",
        "grid: {eval.batch: [4, 5]}\n",
        "grid: {train.shards: [1, 2]}\n",
        "grid: {memory.reuse: [full, eager]}\n",
        "grid: {train.optimizer: [adam, sgd]}\n",
        "grid: {data.charset: [digits, latin36]}\n",
        "grid: {data.image: [[32, 32], [32, 48]]}\n",
        "grid: {data.train.lines.length: [[1, 3], [1, 4]]}\n",
        "grid: {data.test.lines.length: [[1, 3], [1, 4]]}\n",
        "grid: {model.blstm: [16, 32]}\n",
        "variants: {a: {}, b: {focus.kind: kl}}\nbaseline: a\n",
        "variants: {a: {focus.kind: original}, b: {focus.kind: original, focus.implementation: fused}}\nbaseline: a\n",
    };
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        Grid *grid = NULL;
        Surveys surveys;
        open_grid(&grid, &surveys, different[i]);
        assert_int_equal(surveys.n, 2);
        if (surveys.n_plans != 2) fail_msg("%s: %zu plans", different[i], surveys.n_plans);
        close_grid(grid, &surveys);
    }
}

/* Budgets are judged cell by cell. */
static void test_budgets_are_each_cells_own(void **state) {
    (void)state;
    Grid *grid = NULL;
    Surveys surveys;
    open_grid(&grid, &surveys, "grid: {memory.budget: [1MiB, 1GiB], memory.reserve: [0, 1GiB]}\n");
    assert_int_equal(surveys.n, 4);
    assert_int_equal(surveys.n_plans, 1);
    for (size_t i = 0; i < surveys.n; i++) {
        const Survey *s = &surveys.item[i];
        bool small = settings_int(s->settings, "memory.budget") < 1 << 30;
        assert_int_equal(s->over_budget, small || settings_int(s->settings, "memory.reserve") > 0);
        assert_int_equal(s->peak_bytes, surveys.item[0].peak_bytes);
    }
    close_grid(grid, &surveys);
}

/* A setting that nobody asked for makes no difference; one that somebody asked for does, also if it was not there. */
static void test_questions(void **state) {
    (void)state;
    Settings *asked = data_settings("train.lr=0.1\ntrain.batch=8\n"),
             *other = data_settings("train.lr=0.2\ntrain.batch=8\n");
    Settings *third = data_settings("train.lr=0.1\ntrain.batch=9\ndata.train.b.source=synthetic\n");
    Questions *questions = NULL, *none = NULL;
    char *mine = NULL, *same = NULL, *different = NULL, **names = NULL;
    size_t n = 0;
    OK(questions_new(&questions));
    OK(questions_new(&none));
    settings_watch(asked, questions);
    assert_int_equal(settings_int(asked, "train.batch"), 8);
    assert_int_equal(settings_int(asked, "train.batch"), 8);
    assert_false(settings_has(asked, "data.nowhere"));
    OK(settings_names(asked, "data.train.*", &names, &n));
    settings_watch(asked, NULL);
    assert_true(settings_has(asked, "train.lr")); /* no longer noted */
    OK(questions_answers(&mine, questions, asked));
    OK(questions_answers(&same, questions, other));
    OK(questions_answers(&different, questions, third));
    assert_string_equal(mine, "data.nowhere\ntrain.batch=8\n");
    assert_string_equal(mine, same);
    assert_non_null(strstr(different, "data.train.b.source\n"));
    assert_non_null(strstr(different, "train.batch=9\n"));
    assert_true(questions_equal(questions, questions));
    assert_false(questions_equal(questions, none));
    mem_free(names);
    mem_free(mine);
    mem_free(same);
    mem_free(different);
    questions_free(questions);
    questions_free(none);
    settings_free(asked);
    settings_free(other);
    settings_free(third);
}

static void test_failing_allocations(void **state) {
    (void)state;
    Grid *grid = NULL;
    Surveys surveys;
    open_grid(&grid, &surveys, "grid: {train.lr: [0.1, 0.2]}\n");
    surveys_clear(&surveys);
    uint64_t live = mem_stats().live_blocks;
    for (uint64_t k = 1;; k += k < 64 ? 1 : 97) {
        mem_fail_at(k);
        Err err = survey_grid(&surveys, grid, NULL, false);
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        surveys_clear(&surveys);
        assert_int_equal(mem_stats().live_blocks, live);
        if (err == ERR_OK) break;
    }
    grid_free(grid);
}

/* A thousand cells of two hundred shapes: under two seconds of one core where nothing else runs, see make bench. The
 * limit here allows for a loaded machine and for sanitizers. */
static void test_a_thousand_cells(void **state) {
    (void)state;
    Grid *grid = NULL;
    Surveys surveys;
    const double limit = IS_SANITIZED ? 60 : 6;
    clock_t start = clock();
    OK(grid_load(&grid, "tests/bench/plan.yaml", NULL, 0, "cpu"));
    OK(survey_grid(&surveys, grid, NULL, false));
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("    %zu cells, %zu plans, %.2f s of processor time\n", grid->n_cells, surveys.n_plans, seconds);
    assert_int_equal(grid->n_cells, 1000);
    assert_int_equal(surveys.n_plans, 200);
    assert_true(seconds < limit);
    close_grid(grid, &surveys);
}

static int remove_files(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_shares_a_plan),         cmocka_unit_test(test_what_has_a_plan_of_its_own),
        cmocka_unit_test(test_budgets_are_each_cells_own), cmocka_unit_test(test_questions),
        cmocka_unit_test(test_failing_allocations),        cmocka_unit_test(test_a_thousand_cells),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}

/* Every experiment that is shipped parses, expands, and plans: each distinct model is built, its plan verified, and its
 * ratio to the lower bound held to 1.03. Data sets that users bring are replaced by drawn lines of the same size. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/grid/grid.h"
#include "kernels/device.h"
#include "models/model.h"
#include "tests/small_model.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static size_t plan_model(const Model *model, bool in_place, double *ratio) {
    ModelPlan plan;
    OK(model_plan(&plan, model, sizeof(float), in_place));
    const size_t peak = plan.peak_bytes;
    *ratio = (double)peak / (double)plan.lower_bound_bytes;
    assert_true(*ratio <= 1.03);
    model_plan_clear(&plan);
    return peak;
}

/* The peak, with every reuse. */
static size_t plan_cell(const Cell *cell, const ModelSizes *sizes, Device device) {
    Model *model = NULL;
    double ratio = 0, eager_ratio = 0;
    OK(model_build(&model, cell->settings, sizes, device, MODEL_TRAIN_AND_EVAL));
    const size_t peak = plan_model(model, true, &ratio), eager = plan_model(model, false, &eager_ratio);
    print_message("    %-40s %-10s %9.1f MiB, %.4f of the lower bound; eager %9.1f, %.4f\n", cell->name,
                  device_class(device), (double)peak / (1 << 20), ratio, (double)eager / (1 << 20), eager_ratio);
    assert_true(peak <= eager);
    assert_true(peak > device_workspace_bytes(device));
    model_free(model);
    return peak;
}

/* CUDA's plan needs no CUDA, and is the same whenever it is made. */
static void plan_on_both(const Cell *cell) {
    const ModelSizes sizes = sizes_of(cell->settings);
    (void)plan_cell(cell, &sizes, DEVICE_CPU);
    const size_t peak = plan_cell(cell, &sizes, DEVICE_CUDA);
    assert_int_equal(plan_cell(cell, &sizes, DEVICE_CUDA), peak);
}

/* Of a grid that is only planned, with its hundreds of cells, the first and the last of each variant:
 * tests/cli/plan.sh plans them all. */
static bool is_wanted(const Grid *grid, size_t c) {
    const Cell *cell = &grid->cells[c];
    if (cell->seed != grid->seeds[0]) return false;
    return !grid->plan_only || c == 0 || cell->variant != (cell - 1)->variant || c + 1 == grid->n_cells ||
           cell->variant != (cell + 1)->variant;
}

static void test_every_experiment(void **state) {
    (void)state;
    glob_t files;
    assert_int_equal(glob("experiments/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        Grid *grid = NULL;
        OK(grid_load(&grid, files.gl_pathv[i], NULL, 0, "cpu"));
        print_message("  %s: %zu cells\n", files.gl_pathv[i], grid->n_cells);
        assert_true(strlen(grid->question) > 0);
        for (size_t c = 0; c < grid->n_cells; c++)
            if (is_wanted(grid, c)) plan_on_both(&grid->cells[c]);
        grid_free(grid);
    }
    assert_true(files.gl_pathc >= 5);
    globfree(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_experiment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

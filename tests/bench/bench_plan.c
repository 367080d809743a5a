/* How long a grid takes to read and to plan, in processor time of one core; nothing is kept on the disk between runs.
 *     bench_plan GRID.yaml */
#include <stdio.h>
#include <string.h>

#include "harness/run/survey.h"
#include "tests/bench/peak.h"

static Err run(const char *path) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    Surveys surveys = {0};
    double start = bench_cpu();
    TRY(grid_load(&grid, path, NULL, 0, "cpu"));
    double read = bench_cpu();
    TRY(survey_grid(&surveys, grid, NULL, false));
    double planned = bench_cpu();
    printf("plan: %zu cells with %zu plans, %.2f s of one core: %.2f to read the grid, %.2f to plan it\n",
           grid->n_cells, surveys.n_plans, planned - start, read - start, planned - read);
done:
    surveys_clear(&surveys);
    grid_free(grid);
    return err;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: bench_plan GRID.yaml\n");
        return 64;
    }
    Err err = run(argv[1]);
    if (err != ERR_OK) fprintf(stderr, "bench_plan: %s\n", err_message());
    return err != ERR_OK;
}

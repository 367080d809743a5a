/* A grid file, read, checked and expanded: nothing else is there that it could extend. */
#include "harness/grid/grid.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void run(const uint8_t *data, size_t n) {
    Grid *grid = NULL;
    Err err = grid_load(&grid, scratch_file("grid.yaml", data, n), NULL, 0, "cpu");
    (void)err;
    grid_free(grid);
}

const FuzzTarget fuzz_grid = {.name = "grid", .run = run};

/* KEY=VALUE, one a line, over a small grid; and the same text as the settings that a results file holds. */
#include <stdlib.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static const char base[] = "experiment: small\nseeds: [0, 1]\nbaseline: plain\n"
                           "base: {train: {steps: 12, lr: 1e-2}, data.charset: digits}\n"
                           "variants: {plain: {}, pulled: {focus.kind: kl, focus.lambda: 0.5}}\n"
                           "grid: {model.blstm: [8, 16]}\nzip: {train.batch: [4, 8], train.clip: [1, 5]}\n";

static void run(const uint8_t *data, size_t n) {
    enum { MOST = 64 };
    const char *lines[MOST];
    size_t n_lines = 0;
    Grid *grid = NULL;
    Settings *settings = NULL;
    char *text = scratch_text(data, n);
    Err err = grid_read_settings(&settings, "settings", text);
    settings_free(settings);
    for (char *at = strtok(text, "\n"); at != NULL && n_lines < MOST; at = strtok(NULL, "\n")) lines[n_lines++] = at;
    err = grid_load(&grid, scratch_file("base.yaml", base, sizeof base - 1), lines, n_lines, "cpu");
    (void)err;
    grid_free(grid);
    free(text);
}

const FuzzTarget fuzz_override = {.name = "override", .run = run};

/* refocus data preview: a contact sheet of a grid's data or of a dataset file. */
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/grid_operands.h"
#include "harness/data/preview.h"

static const CommandOption options[] = {
    {.name = "output", .letter = 'o', .arg = "FILE.png", .help = "the picture to write (required)"},
    {.name = "count", .arg = "N", .help = "samples of each set, or of each split (12)"},
    {.name = "cell", .arg = "CELL", .help = "of a grid: whose data to show (the first)"},
    COMMAND_OPTION_END};

static bool is_dataset(const char *path) {
    size_t len = strlen(path);
    return len > 3 && strcmp(path + len - 3, ".h5") == 0;
}

static Err find_cell(const Cell **out, const Grid *grid, const char *pattern) {
    *out = NULL;
    for (size_t i = 0; i < grid->n_cells && *out == NULL; i++)
        if (pattern == NULL || grid_match(pattern, grid->cells[i].name)) *out = &grid->cells[i];
    return *out != NULL ? ERR_OK : err_set(ERR_NOTHING, "no cell of %s is named '%s'", grid->path, pattern);
}

static Err preview_grid(Picture *out, const CommandLine *line, int count) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    const Cell *cell = NULL;
    char title[300];
    TRY(grid_operands_load(&grid, line, "cpu"));
    TRY(find_cell(&cell, grid, command_value(line, "cell")));
    snprintf(title, sizeof title, "%.140s: %.140s", grid->experiment, cell->name);
    err = preview_settings(out, title, cell->settings, (uint64_t)cell->seed, count);
    if (err != ERR_OK) TRY(grid_blame(err, grid, cell));

done:
    grid_free(grid);
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Picture picture = {0};
    int64_t count = 0;
    const char *input = command_operand(line, 0), *output = command_value(line, "output");
    FAIL_IF(output == NULL, ERR_ARG, "where to write is missing: add -o FILE.png");
    TRY(command_int(&count, line, "count", 12, 1, 500));
    if (is_dataset(input)) {
        bool extra = command_n_operands(line) > 1 || command_has(line, "cell");
        FAIL_IF(extra, ERR_ARG, "KEY=VALUE and --cell are for grids; %s is a dataset", input);
        TRY(preview_dataset(&picture, input, (int)count));
    } else {
        TRY(preview_grid(&picture, line, (int)count));
    }
    TRY(picture_write(&picture, output));
    printf("%s: %d x %d pixels\n", output, (int)picture.width, (int)picture.height);

done:
    picture_clear(&picture);
    return err;
}

const Command cmd_data_preview = {
    .name = "data preview",
    .summary = "draw a contact sheet of data, with boxes and masks",
    .usage = "GRID.yaml|DATASET.h5 [KEY=VALUE ...]",
    .about =
        "Of a grid: what a cell's model gets, set by set: pictures at their final size, the boxes that the branch\n"
        "is given with the character that each is given for, and below each picture the class mask.\n"
        "Of a dataset: the photographs as they are in the file, split by split.",
    .example = "refocus data preview experiments/quickstart.yaml -o preview.png\n"
               "refocus data preview iiit5k.h5 -o preview.png --count 20",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run};

/* refocus pack: the results file of a grid, built again from its sealed cells. */
#include <stdio.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/command/grid_operands.h"
#include "harness/run/publish.h"
#include "kernels/mem.h"

static const CommandOption options[] = {{.name = "results", .arg = "DIR", .help = "folder of all results (results)"},
                                        COMMAND_OPTION_DEVICE_KIND,
                                        COMMAND_OPTION_END};

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    char *path = NULL, *folder = NULL;
    const char *results = command_value(line, "results") != NULL ? command_value(line, "results") : "results";
    TRY(grid_operands_load(&grid, line, device_kind_option(line)));
    TRY(publish_folder(&folder, results, grid));
    FAIL_IF(access(folder, R_OK | X_OK) != 0, ERR_MISSING, "%s has no results in %s: run `refocus run %s` first",
            grid->experiment, folder, grid->path);
    TRY(publish_pack(results, grid, NULL));
    TRY(publish_file(&path, results, grid));
    puts(path);
done:
    mem_free(path);
    mem_free(folder);
    grid_free(grid);
    return err;
}

const Command cmd_pack = {
    .name = "pack",
    .summary = "build a grid's results file again from its sealed cells",
    .usage = "GRID.yaml [KEY=VALUE ...]",
    .about = "`refocus run` does this by itself. Cells that are not sealed are listed as missing.",
    .example = "refocus pack experiments/quickstart.yaml",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run,
};

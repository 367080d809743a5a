/* refocus clean: removes the folders of cells that a grid no longer has, after asking. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/command/grid_operands.h"
#include "harness/run/orphan.h"
#include "harness/run/size_text.h"

static const CommandOption options[] = {{.name = "yes", .letter = 'y', .help = "do not ask: for scripts"},
                                        {.name = "dry-run", .letter = 'n', .help = "only list what would be removed"},
                                        {.name = "results", .arg = "DIR", .help = "folder of all results (results)"},
                                        COMMAND_OPTION_END};

/* What there is to remove; cells that another process is at stay. */
static size_t list(const Orphans *orphans) {
    char size[SIZE_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < orphans->n; i++) {
        const Orphan *o = &orphans->item[i];
        printf("%s  %s, %" PRId64 " file%s%s%s\n", o->path, size_text(o->bytes, size), o->n_files,
               o->n_files == 1 ? "" : "s", o->is_sealed ? ", a finished result" : "",
               o->is_busy ? "; another process is at it: left alone" : "");
        n += !o->is_busy;
    }
    (void)fflush(stdout);
    return n;
}

/* True for y or yes. */
static bool ask(size_t n, const Orphans *orphans) {
    char size[SIZE_TEXT], answer[16] = "";
    fprintf(stderr, "Remove %s, %s? They cannot be restored. [y/N] ", n == 1 ? "this folder" : "these folders",
            size_text(orphans->bytes, size));
    if (fgets(answer, sizeof answer, stdin) == NULL) fputc('\n', stderr);
    answer[strcspn(answer, "\n")] = '\0';
    return strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0;
}

static Err remove_all(const Orphans *orphans) {
    Err err = ERR_OK;
    char size[SIZE_TEXT];
    uint64_t bytes = 0;
    size_t n = 0;
    for (size_t i = 0; i < orphans->n; i++) {
        bool busy = orphans->item[i].is_busy;
        if (!busy) TRY(orphan_remove(&orphans->item[i], &busy));
        if (busy) {
            fprintf(stderr, "refocus: %s is left alone: another process is at it\n", orphans->item[i].path);
            continue;
        }
        bytes += orphans->item[i].bytes;
        n++;
    }
done:
    fprintf(stderr, "removed %zu folder%s, %s\n", n, n == 1 ? "" : "s", size_text(bytes, size));
    return err;
}

static Err clean(const CommandLine *line, const Orphans *orphans) {
    Err err = ERR_OK;
    size_t n = list(orphans);
    if (n == 0 || command_has(line, "dry-run")) return ERR_OK;
    bool asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    FAIL_IF(!command_has(line, "yes") && !asks, ERR_ARG,
            "nothing was removed: there is no terminal to ask on; --yes removes without asking");
    if (!command_has(line, "yes") && !ask(n, orphans)) {
        fputs("nothing was removed\n", stderr);
        return ERR_OK;
    }
    TRY(remove_all(orphans));
done:
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Grid *grid = NULL, *other = NULL;
    Orphans orphans = {0};
    const char *results = command_value(line, "results") != NULL ? command_value(line, "results") : "results";
    TRY(grid_operands_load(&grid, line, "cpu"));
    TRY(grid_operands_load(&other, line, "cuda")); /* its cells are the grid's too */
    TRY(orphans_find(&orphans, results, (const Grid *const[]){grid, other}, 2));
    if (orphans.n == 0) fprintf(stderr, "%s: no orphans\n", grid->experiment);
    TRY(clean(line, &orphans));
done:
    orphans_clear(&orphans);
    grid_free(other);
    grid_free(grid);
    return err;
}

const Command cmd_clean = {
    .name = "clean",
    .summary = "remove the folders of cells that a grid no longer has",
    .usage = "GRID.yaml [KEY=VALUE ...]",
    .about = "Lists them with their sizes and asks; without a terminal it refuses, unless --yes says so. Cells of the\n"
             "grid, for any device, are never touched, nor are folders and files that refocus did not make.",
    .example = "refocus clean experiments/quickstart.yaml\n"
               "refocus clean experiments/quickstart.yaml --dry-run",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run};

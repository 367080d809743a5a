/* refocus status: how far the cells of a grid are. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/command/grid_operands.h"
#include "harness/report/jsonio.h"
#include "harness/report/listing.h"
#include "harness/run/orphan.h"
#include "harness/run/publish.h"
#include "harness/run/size_text.h"
#include "harness/run/status.h"
#include "harness/terminal.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "cells", .help = "every cell, not only those that need attention"},
    {.name = "jobs", .letter = 'j', .arg = "N", .help = "estimate the time for N cells at once (as many as run now)"},
    {.name = "results", .arg = "DIR", .help = "folder of all results (results)"},
    COMMAND_OPTION_DEVICE_KIND,
    COMMAND_OPTION_ISA,
    COMMAND_OPTION_JSON,
    COMMAND_OPTION_END};

typedef struct Look {
    const CommandLine *line;
    const char *results;
    int64_t n_jobs;
    Grid *grid;
    char *folder;
    Surveys surveys;
    Agenda agenda;
    Status status;
    Orphans orphans;
} Look;

/* ---- looking ---- */

/* Data that cannot be opened here do not hide how far the cells are, where plans can be made without them: only what
 * changed in the data is not known then. */
static Err survey(Look *look) {
    char why[300];
    Err err = survey_grid(&look->surveys, look->grid, NULL, true);
    if (err != ERR_MISSING && err != ERR_DATA) return err;
    (void)snprintf(why, sizeof why, "%.*s", (int)strcspn(err_message(), "\n"), err_message());
    surveys_clear(&look->surveys);
    err = survey_grid(&look->surveys, look->grid, NULL, false);
    if (err == ERR_OK) fprintf(stderr, "refocus: whether the training data changed is not known: %s\n", why);
    return err;
}

static Err look_at(Look *look) {
    Err err = ERR_OK;
    bool *all = NULL;
    size_t n = 0;
    Grid *other = NULL;
    TRY(survey(look));
    TRY(agenda_select(&all, &n, look->grid, NULL, 0));
    TRY(agenda_make(&look->agenda, look->grid, &look->surveys, look->results, all, (CellRetry){false, false}));
    TRY(status_make(&look->status, &look->agenda));
    TRY(grid_operands_load(&other, look->line, strcmp(look->grid->device, "cuda") == 0 ? "cpu" : "cuda"));
    TRY(orphans_find(&look->orphans, look->results, (const Grid *const[]){look->grid, other}, 2));
done:
    grid_free(other);
    mem_free(all);
    return err;
}

/* Of all processes together; NaN = not known. */
static double seconds_left(const Look *look) {
    int64_t n = look->n_jobs > 0 ? look->n_jobs : (int64_t)look->status.count[STATUS_RUNNING];
    return look->status.seconds_left / (double)(n > 1 ? n : 1);
}

/* ---- text ---- */

static void print_counts(const Look *look) {
    const char *separator = "  ";
    size_t n_same = 0;
    for (size_t i = 0; i < look->grid->n_cells; i++) n_same += look->grid->cells[i].same_as != i;
    printf("%s: %zu cells", look->grid->experiment, look->grid->n_cells);
    if (n_same > 0) printf(", %zu of them trained as others", n_same);
    printf("; %s\n", look->folder);
    for (int kind = 0; kind < STATUS_KIND_COUNT; kind++) {
        if (look->status.count[kind] == 0) continue;
        printf("%s%zu %s", separator, look->status.count[kind], status_kind_words((StatusKind)kind));
        separator = ", ";
    }
    putchar('\n');
}

/* True if cell k tells the same as cell i, so that one line does for both. */
static bool is_alike(const Look *look, size_t i, size_t k) {
    const StatusCell *a = &look->status.cell[i], *b = &look->status.cell[k];
    return look->grid->cells[k].same_as == k && a->kind == b->kind && a->kind != STATUS_RUNNING &&
           strcmp(a->why, b->why) == 0;
}

/* Without --cells: what needs attention, the first of those that are alike. */
static bool is_shown(const Look *look, size_t i) {
    StatusKind kind = look->status.cell[i].kind;
    if (command_has(look->line, "cells")) return true;
    if (look->grid->cells[i].same_as != i || kind == STATUS_DONE || kind == STATUS_WAITING) return false;
    for (size_t k = 0; k < i; k++)
        if (is_alike(look, i, k)) return false;
    return true;
}

static size_t count_more(const Look *look, size_t i) {
    size_t n = 0;
    for (size_t k = i + 1; k < look->grid->n_cells && !command_has(look->line, "cells"); k++) n += is_alike(look, i, k);
    return n;
}

static Err add_name(Listing *listing, const Look *look, size_t i) {
    size_t n_more = count_more(look, i);
    if (n_more == 0) return listing_field(listing, "  %s", look->grid->cells[i].name);
    return listing_field(listing, "  %s and %zu more", look->grid->cells[i].name, n_more);
}

static Err add_cell(Listing *listing, const Look *look, size_t i) {
    Err err = ERR_OK;
    char time[SIZE_TEXT];
    const Cell *cell = &look->grid->cells[i];
    const StatusCell *s = &look->status.cell[i];
    TRY(listing_row(listing));
    TRY(add_name(listing, look, i));
    TRY(listing_field(listing, "%s", status_kind_words(s->kind)));
    TRY(listing_field(listing, "%" PRId64 "/%" PRId64, s->step, s->n_steps));
    bool one = count_more(look, i) == 0;
    TRY(!one || !(s->seconds_left > 0) ? listing_field(listing, "%s", one && isnan(s->seconds_left) ? "?" : "")
                                       : listing_field(listing, "%s", time_text(s->seconds_left, time)));
    if (cell->same_as != i)
        TRY(listing_field(listing, "as %s", look->grid->cells[cell->same_as].name));
    else if (s->kind == STATUS_RUNNING && isfinite(s->loss))
        TRY(listing_field(listing, "loss %.3f; %s", s->loss, s->why));
    else
        TRY(listing_field(listing, "%s", strcmp(s->why, status_kind_words(s->kind)) == 0 ? "" : s->why));
done:
    return err;
}

static Err print_cells(const Look *look) {
    Err err = ERR_OK;
    Listing listing = {0};
    TRY(listing_column(&listing, LISTING_KEY, "  cell"));
    TRY(listing_column(&listing, LISTING_WORDS, "state"));
    TRY(listing_column(&listing, LISTING_NUMBER, "step"));
    TRY(listing_column(&listing, LISTING_NUMBER, "left"));
    TRY(listing_column(&listing, LISTING_WORDS, ""));
    for (size_t i = 0; i < look->grid->n_cells; i++)
        if (is_shown(look, i)) TRY(add_cell(&listing, look, i));
    if (listing.n_rows > 0) {
        putchar('\n');
        (void)listing_text(stdout, &listing, 0);
        putchar('\n');
    }
done:
    listing_clear(&listing);
    return err;
}

static void print_rest(const Look *look) {
    char text[SIZE_TEXT];
    const Status *s = &look->status;
    double seconds = seconds_left(look);
    if (s->n_left > 0) {
        printf("  left: %zu cell%s, %" PRId64 " steps", s->n_left, s->n_left == 1 ? "" : "s", s->steps_left);
        int64_t n = look->n_jobs > 0 ? look->n_jobs : (int64_t)s->count[STATUS_RUNNING];
        if (isnan(seconds))
            printf("; how long is known when one is done\n");
        else if (n > 1)
            printf(", about %s, %" PRId64 " at a time\n", time_text(seconds, text), n);
        else
            printf(", about %s, one at a time\n", time_text(seconds, text));
    }
    if (look->orphans.n > 0)
        printf("  %zu orphan%s, %s: folders of cells that the grid no longer has; `refocus clean %s` removes them\n",
               look->orphans.n, look->orphans.n == 1 ? "" : "s", size_text(look->orphans.bytes, text),
               look->grid->path);
    for (size_t i = 0; i < look->orphans.n && command_has(look->line, "cells"); i++)
        printf("    %s  %s\n", look->orphans.item[i].name, size_text(look->orphans.item[i].bytes, text));
}

/* ---- JSON ---- */

static json_t *cell_object(const Look *look, size_t i) {
    json_t *object = json_object();
    const Cell *cell = &look->grid->cells[i];
    const StatusCell *s = &look->status.cell[i];
    jsonio_set(&object, "cell", json_string(cell->name));
    jsonio_set(&object, "variant", json_string(cell->variant));
    jsonio_set(&object, "seed", json_integer(cell->seed));
    jsonio_set(&object, "state", json_string(status_kind_name(s->kind)));
    jsonio_set(&object, "same_as", jsonio_text(cell->same_as != i ? look->grid->cells[cell->same_as].name : NULL));
    jsonio_set(&object, "step", json_integer(s->step));
    jsonio_set(&object, "steps", json_integer(s->n_steps));
    jsonio_set(&object, "loss", jsonio_number(s->loss));
    jsonio_set(&object, "seconds_left", jsonio_number(s->seconds_left));
    jsonio_set(&object, "why", json_string(s->why));
    jsonio_set(&object, "folder", jsonio_text(look->agenda.item[i].folder));
    return object;
}

static json_t *orphan_object(const Orphan *orphan) {
    json_t *object = json_object();
    jsonio_set(&object, "folder", json_string(orphan->path));
    jsonio_set(&object, "bytes", json_integer((json_int_t)orphan->bytes));
    jsonio_set(&object, "sealed", json_boolean(orphan->is_sealed));
    return object;
}

static Err print_json(const Look *look) {
    json_t *root = json_object(), *counts = json_object(), *cells = json_array(), *orphans = json_array();
    for (int kind = 0; kind < STATUS_KIND_COUNT; kind++)
        jsonio_set(&counts, status_kind_name((StatusKind)kind), json_integer((json_int_t)look->status.count[kind]));
    for (size_t i = 0; i < look->grid->n_cells; i++) jsonio_append(&cells, cell_object(look, i));
    for (size_t i = 0; i < look->orphans.n; i++) jsonio_append(&orphans, orphan_object(&look->orphans.item[i]));
    jsonio_set(&root, "experiment", json_string(look->grid->experiment));
    jsonio_set(&root, "folder", json_string(look->folder));
    jsonio_set(&root, "counts", counts);
    jsonio_set(&root, "cells_left", json_integer((json_int_t)look->status.n_left));
    jsonio_set(&root, "steps_left", json_integer(look->status.steps_left));
    jsonio_set(&root, "seconds_left", jsonio_number(seconds_left(look)));
    jsonio_set(&root, "cells", cells);
    jsonio_set(&root, "orphans", orphans);
    return jsonio_put(stdout, root);
}

/* ---- the command ---- */

static Err print(const Look *look) {
    Err err = ERR_OK;
    errno = 0;
    print_counts(look);
    TRY(print_cells(look));
    print_rest(look);
    TRY(terminal_flush(stdout, "to stdout"));
done:
    return err;
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Look look = {.line = line, .results = command_value(line, "results")};
    if (look.results == NULL) look.results = "results";
    TRY(command_int(&look.n_jobs, line, "jobs", 0, 1, 256));
    TRY(grid_operands_load(&look.grid, line, device_kind_option(line)));
    FAIL_IF(look.grid->plan_only, ERR_SPEC, "%s says plan_only: it is planned, never trained", look.grid->path);
    TRY(publish_folder(&look.folder, look.results, look.grid));
    TRY(look_at(&look));
    TRY(command_has(line, "json") ? print_json(&look) : print(&look));
done:
    orphans_clear(&look.orphans);
    status_clear(&look.status);
    agenda_clear(&look.agenda);
    surveys_clear(&look.surveys);
    mem_free(look.folder);
    grid_free(look.grid);
    return err;
}

const Command cmd_status = {
    .name = "status",
    .summary = "show how far the cells of a grid are, and how long the rest will take",
    .usage = "GRID.yaml [KEY=VALUE ...]",
    .about = "Done, running, interrupted, failed, diverged, over budget, deferred, stale, and orphans: cells that the\n"
             "grid no longer has. Times are estimated from what finished cells took. Changes nothing.",
    .example = "refocus status experiments/quickstart.yaml\n"
               "refocus status experiments/quickstart.yaml --cells --jobs 2",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run,
};

/* refocus run: trains what a grid asks for and is not finished yet. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/data/output.h"
#include "harness/grid/grid.h"
#include "harness/run/child.h"
#include "harness/run/devices.h"
#include "harness/run/folder.h"
#include "harness/run/publish.h"
#include "harness/run/room.h"
#include "harness/run/scheduler.h"
#include "harness/run/size_text.h"
#include "kernels/device.h"
#include "kernels/machine.h"
#include "kernels/mem.h"
#include "models/text.h"

static const CommandOption options[] = {
    {.name = "jobs", .letter = 'j', .arg = "N", .help = "cells that run at once (1, or one on each of the devices)"},
    {.name = "threads", .letter = 't', .arg = "N", .help = "threads of each cell (all cores divided by jobs)"},
    {.name = "device",
     .arg = "DEVICE",
     .help =
         "where cells compute: cpu, cuda, or devices of CUDA by number, cuda:0,1, one for each cell that runs (cpu)"},
    {.name = "pack", .help = "several cells on one CUDA device, as many of --jobs as its memory holds"},
    COMMAND_OPTION_ISA,
    {.name = "cells",
     .letter = 'c',
     .arg = "CELL",
     .help = "only cells with such names, '*' and '?' are wild; may be "
             "repeated"},
    {.name = "retry",
     .arg = "WHICH",
     .choices = "failed|diverged|all",
     .help = "train cells again that failed or diverged before; otherwise they stay what they are"},
    {.name = "fail-fast", .help = "start no further cell after one has failed"},
    {.name = "results", .arg = "DIR", .help = "folder of all results (results)"},
    {.name = "dry-run", .letter = 'n', .help = "show what would happen to each cell, and why; writes nothing"},
    COMMAND_OPTION_END};

typedef struct Run {
    const CommandLine *line;
    const char *results, *device;
    RunDevices devices;
    bool pack;
    int64_t n_jobs, n_threads;
    Grid *grid;
    bool *selected;
    size_t n_selected;
    Surveys surveys;
    Agenda agenda;
    char *command, *again;
} Run;

/* ---- reading ---- */

static Err read_devices(Run *run) {
    Err err = ERR_OK;
    const RunDevices *devices = &run->devices;
    run->device = device_kind_option(run->line);
    run->pack = command_has(run->line, "pack");
    TRY(devices_open(&run->devices, run->device));
    TRY(command_int(&run->n_jobs, run->line, "jobs", devices->n, 1, 256));
    FAIL_IF(run->pack && devices->kind != DEVICE_CUDA, ERR_ARG, "--pack is for cells on --device cuda");
    FAIL_IF(run->pack && run->n_jobs <= devices->n, ERR_ARG,
            "--pack puts several cells on a device: --jobs %" PRId64 " leaves each of %d no more than one", run->n_jobs,
            devices->n);
    FAIL_IF(!run->pack && devices->kind == DEVICE_CUDA && run->n_jobs > devices->n, ERR_ARG,
            "--jobs %" PRId64 ": a cell has a device to itself, and --device %s names %d; --pack lets cells share one",
            run->n_jobs, run->device, devices->n);
done:
    return err;
}

static Err read_options(Run *run) {
    Err err = ERR_OK;
    const CommandLine *line = run->line;
    int cores = machine_n_cores();
    run->results = command_value(line, "results") != NULL ? command_value(line, "results") : "results";
    TRY(isa_check());
    TRY(read_devices(run));
    int64_t share = cores / run->n_jobs > 0 ? cores / run->n_jobs : 1;
    TRY(command_int(&run->n_threads, line, "threads", share, 1, 1024));
done:
    return err;
}

static Err read_grid(Run *run) {
    Err err = ERR_OK;
    const CommandLine *line = run->line;
    size_t n_overrides = (size_t)command_n_operands(line) - 1, n_patterns = (size_t)command_n_values(line, "cells");
    const char **overrides = NULL, **patterns = NULL;
    TRY(mem_alloc(&overrides, n_overrides, sizeof *overrides));
    TRY(mem_alloc(&patterns, n_patterns, sizeof *patterns));
    for (size_t i = 0; i < n_overrides; i++) overrides[i] = command_operand(line, (int)i + 1);
    for (size_t i = 0; i < n_patterns; i++) patterns[i] = command_value_at(line, "cells", (int)i);
    TRY(grid_load(&run->grid, command_operand(line, 0), overrides, n_overrides, device_name(run->devices.kind)));
    FAIL_IF(run->grid->plan_only, ERR_SPEC, "%s says plan_only: it is planned, never trained", run->grid->path);
    TRY(agenda_select(&run->selected, &run->n_selected, run->grid, patterns, n_patterns));
done:
    mem_free(overrides);
    mem_free(patterns);
    return err;
}

/* A word as a shell takes it. */
static Err add_word(Text *text, const char *word) {
    static const char *const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
    bool quoted = word[0] == '\0' || word[strspn(word, plain)] != '\0';
    Err err = text_add(text, quoted ? " '" : " ");
    for (const char *c = word; err == ERR_OK && *c != '\0'; c++) err = text_add(text, *c == '\'' ? "'\\''" : "%c", *c);
    return err == ERR_OK && quoted ? text_add(text, "'") : err;
}

/* The command line that runs one cell of this grid again, but for its name; and this one. All that decides which cells
 * and bits come of it: how many at once, and who fails first, does not. */
static Err make_commands(Run *run) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "refocus run"));
    for (int i = 0; i < command_n_operands(run->line); i++) TRY(add_word(&text, command_operand(run->line, i)));
    if (strcmp(run->results, "results") != 0) {
        TRY(text_add(&text, " --results"));
        TRY(add_word(&text, run->results));
    }
    if (run->devices.kind != DEVICE_CPU) TRY(text_add(&text, " --device %s", run->device));
    if (isa_is_pinned()) TRY(text_add(&text, " --isa %s", isa_name(isa_in_use())));
    TRY(mem_strdup(&run->command, text.data));
    TRY(text_add(&text, " --cells"));
    TRY(text_take(&text, &run->again));
done:
    text_clear(&text);
    return err;
}

/* ---- telling ---- */

/* What the data leave out, once for all cells of which it is the same. */
static void say_left_out(const Run *run) {
    for (size_t i = 0; i < run->surveys.n; i++) {
        const char *text = run->surveys.item[i].left_out;
        bool said = text == NULL;
        for (size_t k = 0; k < i && !said; k++) said = strcmp(run->surveys.item[k].left_out, text) == 0;
        for (size_t len; !said && *text != '\0'; text += len) {
            len = strcspn(text, "\n") + 1;
            command_say(stderr, "  %.*s", (int)len, text);
        }
    }
}

/* Results that stand and tell of files that are others by now. */
static void say_observed(const Run *run) {
    size_t n = 0, first = 0;
    for (size_t i = 0; i < run->grid->n_cells; i++)
        if (run->agenda.item[i].selected && run->agenda.item[i].state.is_observed_anew && n++ == 0) first = i;
    if (n == 0) return;
    command_say(stderr, "  %s: %s", run->grid->cells[first].name, run->agenda.item[first].state.why);
    if (n > 1) fprintf(stderr, "; and %zu more like it", n - 1);
    fputc('\n', stderr);
}

static void say_head(const Run *run) {
    const Agenda *agenda = &run->agenda;
    size_t by_action[CELL_BUSY + 1] = {0}, n_failed = 0, n_diverged = 0;
    for (size_t i = 0; i < run->grid->n_cells; i++) {
        const CellState *state = &agenda->item[i].state;
        if (!agenda->item[i].selected) continue;
        if (state->action == CELL_SKIP && state->status == CELL_FAILED)
            n_failed++;
        else if (state->action == CELL_SKIP && state->status == CELL_DIVERGED)
            n_diverged++;
        else
            by_action[state->action]++;
    }
    fprintf(stderr, "%s: %zu cells", run->grid->experiment, run->grid->n_cells);
    if (run->n_selected != run->grid->n_cells) fprintf(stderr, ", %zu of them selected", run->n_selected);
    for (int a = 0; a <= CELL_BUSY; a++) {
        static const char *const words[] = {"to train", "to resume",          "to check against changed code",
                                            "finished", "the same as others", "in other hands"};
        if (by_action[a] > 0) fprintf(stderr, "; %zu %s", by_action[a], words[a]);
    }
    if (n_failed > 0) fprintf(stderr, "; %zu failed before (--retry failed)", n_failed);
    if (n_diverged > 0) fprintf(stderr, "; %zu diverged before (--retry diverged)", n_diverged);
    fputc('\n', stderr);
    say_observed(run);
    for (size_t i = 0; i < run->grid->n_notes; i++) fprintf(stderr, "  %s\n", run->grid->notes[i]);
    say_left_out(run);
}

/* The room that cannot hold the cell now: the host's, or the device's that has most; NULL = there is room. */
static const Room *full_room(RoomNeed *need, const Run *run, const Survey *survey, const Room *host, Room *device) {
    const RunDevices *devices = &run->devices;
    *need = devices_host_need(devices, survey, machine_resident(0).now_bytes);
    if (!room_holds(host, need)) return host;
    for (int i = 0; devices->kind == DEVICE_CUDA && i < devices->n; i++) {
        Room room;
        bool counted;
        devices_look(&room, devices, i, &counted);
        if (i == 0 || room_left(&room) > room_left(device)) *device = room;
    }
    if (devices->kind != DEVICE_CUDA) return NULL;
    *need = devices_need(devices, survey, 0); /* what a context takes, the first cell finds out */
    return room_holds(device, need) ? NULL : device;
}

/* Why a cell would not be trained now although there is work in it; "" = it would. */
static void say_obstacle(char why[ROOM_TEXT], const Run *run, const Survey *survey, const Room *host) {
    RoomNeed need;
    Room device;
    char text[ROOM_TEXT];
    why[0] = '\0';
    if (survey->over_budget)
        (void)snprintf(why, ROOM_TEXT, "; over budget: %s", survey->why);
    else if (devices_never_hold(&run->devices, survey, 0))
        (void)snprintf(why, ROOM_TEXT, "; over budget: no device has as much memory");
    else {
        const Room *full = full_room(&need, run, survey, host, &device);
        if (full != NULL) (void)snprintf(why, ROOM_TEXT, "; deferred: %s", room_text(text, full, &need));
    }
}

static void print_dry_run(const Run *run) {
    int width = 4;
    Room room;
    room_look(&room);
    for (size_t i = 0; i < run->grid->n_cells; i++)
        if (run->agenda.item[i].selected && (int)strlen(run->grid->cells[i].name) > width)
            width = (int)strlen(run->grid->cells[i].name);
    for (size_t i = 0; i < run->grid->n_cells; i++) {
        const AgendaItem *item = &run->agenda.item[i];
        char peak[SIZE_TEXT], obstacle[ROOM_TEXT] = "";
        if (!item->selected) continue;
        const Survey *survey = survey_of(&run->surveys, i);
        if (agenda_is_work(&item->state)) say_obstacle(obstacle, run, survey, &room);
        command_say(stdout, "%-*s  %-10s  %9s  %s%s\n", width, run->grid->cells[i].name,
                    cell_action_name(item->state.action), size_text(survey->peak_bytes, peak), item->state.why,
                    obstacle);
    }
}

static void say_end(const Run *run, const SchedulerCount *n, const char *file) {
    const struct {
        size_t n;
        const char *word;
    } parts[] = {{n->n_done, "done"},         {n->n_over_budget, "over budget"}, {n->n_diverged, "diverged"},
                 {n->n_failed, "failed"},     {n->n_interrupted, "interrupted"}, {n->n_busy, "in other hands"},
                 {n->n_deferred, "deferred"}, {n->n_not_started, "not begun"}};
    const char *separator = "";
    fprintf(stderr, "%s: ", run->grid->experiment);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n == 0) continue;
        fprintf(stderr, "%s%zu %s", separator, parts[i].n, parts[i].word);
        separator = ", ";
    }
    if (access(file, F_OK) == 0) fprintf(stderr, "; %s", file);
    fputc('\n', stderr);
}

/* ---- before anything is written ---- */

/* The folder that is there, of a path of which some may have to be made. */
static Err existing_part(char **out, const char *path) {
    Err err = mem_strdup(out, path);
    while (err == ERR_OK && access(*out, F_OK) != 0) {
        char *slash = strrchr(*out, '/');
        if (slash == NULL || slash == *out) {
            mem_free(*out);
            return mem_strdup(out, slash == NULL ? "." : "/");
        }
        *slash = '\0';
    }
    return err;
}

/* Bytes that the work before us may put on the disk: checkpoints beside their successors, sealed cells, the pack. */
static uint64_t disk_needed(const Run *run) {
    uint64_t sealed = 0, largest = 0;
    for (size_t i = 0; i < run->grid->n_cells; i++) {
        if (!run->agenda.item[i].selected || !agenda_is_work(&run->agenda.item[i].state)) continue;
        const Survey *survey = survey_of(&run->surveys, i);
        uint64_t params = (uint64_t)survey->n_params * sizeof(float);
        sealed += 2 * params + (1 << 20);
        if (12 * params > largest) largest = 12 * params; /* now and best, with two moments each, twice */
    }
    return 2 * sealed + largest * (uint64_t)run->n_jobs;
}

/* Looked at before the folder is made: what cannot be filled is not left behind. */
static Err check_disk(const Run *run, const char *folder) {
    Err err = ERR_OK;
    struct statvfs disk;
    char need[SIZE_TEXT], have[SIZE_TEXT], *there = NULL;
    TRY(existing_part(&there, folder));
    /* what is no disk, or takes nothing, says so itself */
    if (statvfs(there, &disk) != 0 || disk.f_blocks == 0 || (disk.f_flag & ST_RDONLY) != 0) goto done;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize, needed = disk_needed(run);
    FAIL_IF(free_bytes < needed, ERR_IO,
            "the disk of %s has %s left and this run may need %s: make room, or --results DIR", folder,
            size_text(free_bytes, have), size_text(needed, need));
done:
    mem_free(there);
    return err;
}

static Err check_writable(const char *folder) {
    if (access(folder, W_OK | X_OK) == 0) return ERR_OK;
    return err_set(ERR_CREATE, "cannot write into %s: %s", folder, strerror(errno));
}

/* What would only be found when the first cell is done: a file where a cell's folder goes, no place for the results. */
static Err check_places(const Run *run, const char *file) {
    Err err = ERR_OK;
    struct stat at;
    char *place = NULL;
    TRY(output_file(&place, file, &output_hdf5));
    for (size_t i = 0; i < run->grid->n_cells; i++) {
        const AgendaItem *item = &run->agenda.item[i];
        if (!item->selected || !agenda_is_work(&item->state) || stat(item->folder, &at) != 0) continue;
        FAIL_IF(!S_ISDIR(at.st_mode), ERR_CREATE, "cannot make the folder %s: there is a file of that name",
                item->folder);
        TRY(check_writable(item->folder));
    }
done:
    mem_free(place);
    return err;
}

static Err make_folder(const Run *run, const char *folder, const char *file) {
    Err err = ERR_OK;
    TRY(check_places(run, file));
    TRY(check_disk(run, folder));
    TRY(folder_ensure(folder));
    TRY(check_writable(folder));
    TRY(check_writable(run->results)); /* the file that is packed comes beside the folder */
done:
    return err;
}

static Err train(Run *run) {
    Err err = ERR_OK;
    char *folder = NULL, *file = NULL;
    SchedulerCount count;
    TRY(publish_folder(&folder, run->results, run->grid));
    TRY(publish_file(&file, run->results, run->grid));
    TRY(make_folder(run, folder, file));
    TRY(make_commands(run));
    if (run->agenda.n_work > 0)
        fprintf(stderr, "%" PRId64 " at a time, %" PRId64 " thread%s each, logs below %s\n", run->n_jobs,
                run->n_threads, run->n_threads == 1 ? "" : "s", folder);
    SchedulerSpec spec = {.agenda = &run->agenda,
                          .results = run->results,
                          .n_jobs = (int)run->n_jobs,
                          .n_threads = (int)run->n_threads,
                          .devices = &run->devices,
                          .pack = run->pack,
                          .fail_fast = command_has(run->line, "fail-fast"),
                          .again = run->again,
                          .command = run->command};
    err = scheduler_run(&spec, &count);
    say_end(run, &count, file);
    if (err == ERR_OK) printf("%s\n", file);
done:
    mem_free(folder);
    mem_free(file);
    return err;
}

static CellRetry retry_of(const CommandLine *line) {
    CellRetry retry = {false, false};
    for (int i = 0; i < command_n_values(line, "retry"); i++) {
        const char *which = command_value_at(line, "retry", i);
        retry.failed = retry.failed || strcmp(which, "diverged") != 0;
        retry.diverged = retry.diverged || strcmp(which, "failed") != 0;
    }
    return retry;
}

static Err run_command(const CommandLine *line) {
    Err err = ERR_OK;
    Run run = {.line = line};
    TRY(child_clean_self());
    TRY(read_options(&run));
    TRY(read_grid(&run));
    TRY(survey_grid(&run.surveys, run.grid, run.selected, true));
    TRY(surveys_check_precision(&run.surveys, run.grid, run.selected));
    TRY(devices_check(&run.devices, &run.surveys));
    surveys_run_on(&run.surveys, devices_class(&run.devices));
    TRY(agenda_make(&run.agenda, run.grid, &run.surveys, run.results, run.selected, retry_of(line)));
    say_head(&run);
    if (command_has(line, "dry-run"))
        print_dry_run(&run);
    else
        TRY(train(&run));
done:
    agenda_clear(&run.agenda);
    surveys_clear(&run.surveys);
    mem_free(run.selected);
    mem_free(run.command);
    mem_free(run.again);
    grid_free(run.grid);
    return err;
}

const Command cmd_run = {
    .name = "run",
    .summary = "train what a grid asks for and is not finished yet",
    .usage = "GRID.yaml [KEY=VALUE ...]",
    .about =
        "The same command resumes, skips what is finished, and extends: a cell is trained once for its settings\n"
        "and code. Ctrl-C stops cleanly; twice kills. A cell whose process is killed goes on from its checkpoint;\n"
        "killed twice without a new one it is failed. KEY=VALUE changes a setting of every cell; such runs are\n"
        "kept apart from the plain grid's. Prints the path of the results file; progress goes to stderr.\n"
        "A cell that failed or diverged stays as it is until --retry asks for another try.\n"
        "A cell over memory.budget is recorded as that and not trained. One that this machine cannot hold beside\n"
        "those that run waits; one that it cannot hold at all now is deferred: exit code 75, run again to try again.\n"
        "With --device cuda:0,1 cells run side by side, one on each device; --pack lets as many share a device as "
        "their\n"
        "exact plans, with what a context takes, leave room for. CUDA's cells are other cells than the CPU's.\n"
        "Several such commands at once share the cells of a grid: each waits for what another is at.",
    .example = "refocus run experiments/quickstart.yaml --jobs 2\n"
               "refocus run experiments/quickstart.yaml --cells 'revised@*' --dry-run\n"
               "refocus run experiments/drift.yaml --device cuda:0,1",
    .options = options,
    .n_operands_min = 1,
    .n_operands_max = -1,
    .run = run_command};

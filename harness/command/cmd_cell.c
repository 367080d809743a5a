/* refocus cell: what `run` starts for each cell. Hidden: people run cells by `refocus run --cells NAME`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/command/device_option.h"
#include "harness/grid/grid.h"
#include "harness/record/results.h"
#include "harness/run/checkpoint.h"
#include "harness/run/child.h"
#include "harness/run/folder.h"
#include "harness/run/trainer_verify.h"
#include "kernels/device.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

static const CommandOption options[] = {
    {.name = "name", .arg = "NAME", .help = "the cell's name"},
    {.name = "variant", .arg = "NAME", .help = "its variant"},
    {.name = "axis", .arg = "KEY=VALUE", .help = "its place on an axis of the grid; may be repeated"},
    {.name = "id", .arg = "HEX", .help = "its identity, which the settings must have"},
    {.name = "seed", .arg = "N", .help = "its seed"},
    {.name = "threads", .arg = "N", .help = "threads to compute with"},
    {.name = "device", .arg = "DEVICE", .help = "cpu, cuda:0, cuda:1, ... (cpu)"},
    {.name = "revalidate", .help = "check the sealed cell instead of training"},
    {.name = "against", .arg = "RESULTS.h5", .help = "compare with the cell of that name there instead"},
    {.name = "verify-steps", .arg = "N", .help = "of it, at most so many steps; 0 = all"},
    COMMAND_OPTION_END};

typedef struct CellRun {
    const CommandLine *line;
    const char *folder, *name, *id, *device;
    Settings *settings;
    int64_t seed, n_threads;
    const volatile sig_atomic_t *stop;
    int lock;
    bool busy; /* another process holds the lock, or has sealed the cell */
} CellRun;

static void tell(ChildKind kind, Err err, CellStatus status, const char *text) {
    ChildMessage message = {.kind = (uint32_t)kind, .err = err, .status = (int32_t)status};
    (void)snprintf(message.text, sizeof message.text, "%s", text);
    child_tell(&message);
}

static void pass_news(void *ctx, const TrainerNews *news) {
    ChildMessage message = {.kind = CHILD_NEWS, .news = *news};
    (void)ctx;
    child_tell(&message);
}

static void log_text(const char *text) {
    char stamp[32] = "";
    struct tm utc;
    time_t now = time(NULL);
    if (gmtime_r(&now, &utc) != NULL) (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(stderr, "%s %s\n", stamp, text);
}

static void log_line(void *ctx, const char *text) {
    (void)ctx;
    log_text(text);
    tell(CHILD_NOTE, ERR_OK, CELL_DONE, text);
}

static void log_and_say(void *ctx, const char *text) {
    (void)ctx;
    log_text(text);
    tell(CHILD_WARNING, ERR_OK, CELL_DONE, text);
}

/* The settings as `run` left them in the folder, proven to be those of the cell. */
static Err read_settings(CellRun *run) {
    Err err = ERR_OK;
    char *text = NULL, id[GRID_ID_LEN];
    Device kind;
    size_t n = 0;
    TRY(folder_read(&text, &n, run->folder, FOLDER_SETTINGS));
    TRY(grid_read_settings(&run->settings, FOLDER_SETTINGS, text));
    TRY(device_find(&kind, run->device));
    TRY(grid_cell_id(id, run->settings, run->seed, device_name(kind)));
    FAIL_IF(strcmp(id, run->id) != 0, ERR_SPEC, "the settings in %s are of cell %.8s, not %.8s", run->folder, id,
            run->id);
done:
    mem_free(text);
    return err;
}

static Err put_labels(const CellRun *run, CellRecord *record) {
    Err err = ERR_OK;
    int n = command_n_values(run->line, "axis");
    const char **axes = NULL;
    TRY(record_text(record, &record->name, run->name));
    TRY(record_text(record, &record->variant, command_value(run->line, "variant")));
    TRY(record_alloc(record, &axes, (size_t)n, sizeof *axes));
    for (int i = 0; i < n; i++) TRY(record_text(record, &axes[i], command_value_at(run->line, "axis", i)));
    record->axes = axes;
    record->n_axes = (size_t)n;
done:
    return err;
}

static TrainerSpec trainer_spec(const CellRun *run) {
    return (TrainerSpec){.settings = run->settings,
                         .seed = run->seed,
                         .id = run->id,
                         .folder = run->folder,
                         .n_threads = (int)run->n_threads,
                         .device = run->device,
                         .mode = EXEC_ARENA,
                         .stop = run->stop,
                         .news = pass_news,
                         .note = log_line,
                         .warn = log_and_say};
}

/* `run` clears the way for a cell that is to be trained: one that is sealed now was sealed since, by another process.
 */
static Err refuse_sealed(CellRun *run) {
    if (!folder_has(run->folder, FOLDER_SEALED)) return ERR_OK;
    run->busy = true;
    return err_set(ERR_INTERRUPTED, "another process has just sealed it");
}

/* What is left of the run once it is sealed. */
static Err drop_traces(const CellRun *run) {
    Err err = ERR_OK;
    TRY(checkpoint_drop(run->folder));
    fault_point("seal");
    TRY(folder_drop(run->folder, FOLDER_JOURNAL));
    TRY(folder_drop(run->folder, FOLDER_KILLED));
    fault_point("seal");
done:
    return err;
}

/* The cell is what it is; the next run tries again to remove what stays. */
static void tidy(const CellRun *run) {
    if (drop_traces(run) == ERR_OK) return;
    log_and_say(NULL, err_message());
    err_clear();
}

static Err train(CellRun *run) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    TrainerSpec spec = trainer_spec(run);
    TRY(refuse_sealed(run));
    TRY(trainer_run(&record, &spec, NULL));
    TRY(put_labels(run, record));
    TRY(record_seal(record, run->folder));
    if (cell_status_is_result(record->status)) tidy(run);
    fprintf(stderr, "%s%s%s\n", cell_status_name(record->status), record->cause[0] != '\0' ? ": " : "", record->cause);
    tell(CHILD_SEALED, ERR_OK, record->status, record->cause);
done:
    record_free(record);
    return err;
}

/* With the settings that the cell was sealed with, where they can still be read: what only observes may be others by
 * now. */
static Err sealed_settings(Settings **out, const CellRecord *record, const Settings *now) {
    if (grid_read_settings(out, "sealed settings", record->settings) == ERR_OK) return ERR_OK;
    err_clear();
    return settings_copy(out, now);
}

static Err revalidate(CellRun *run) {
    enum { REPLAYED_STEPS = 20 };
    Err err = ERR_OK;
    char *path = NULL, why[256] = "";
    Results *results = NULL;
    CellRecord *record = NULL;
    Settings *settings = NULL;
    bool same = false;
    TRY(folder_path(&path, run->folder, FOLDER_SEALED));
    TRY(results_open(&results, path));
    TRY(results_read(results, 0, PART_CURVES | PART_EVALUATION | PART_FINAL, &record));
    TRY(sealed_settings(&settings, record, run->settings));
    TrainerSpec spec = trainer_spec(run);
    spec.settings = settings;
    TRY(trainer_revalidate(&spec, record, REPLAYED_STEPS, &same, why, sizeof why));
    fprintf(stderr, "revalidation: %s\n", same ? "same bits" : why);
    tell(same ? CHILD_VALID : CHILD_STALE, ERR_OK, record->status, why);
done:
    settings_free(settings);
    record_free(record);
    results_close(results);
    mem_free(path);
    return err;
}

/* The verdict goes into the folder, for the parent; the message has it in words. */
static Err verify(CellRun *run) {
    Err err = ERR_OK;
    Results *results = NULL;
    CellRecord *record = NULL;
    Verdict verdict;
    int64_t n_steps = 0;
    size_t i = 0;
    TRY(command_int(&n_steps, run->line, "verify-steps", 0, 0, INT64_MAX));
    TRY(results_open(&results, command_value(run->line, "against")));
    TRY(results_find(results, run->name, &i));
    TRY(results_read(results, i, PART_ALL, &record));
    TrainerSpec spec = trainer_spec(run);
    TRY(trainer_verify(&spec, record, n_steps, &verdict));
    TRY(folder_write(run->folder, FOLDER_VERDICT, &verdict, sizeof verdict));
    fprintf(stderr, "verification: %s\n", verdict.same ? "same bits" : verdict.why);
    tell(verdict.same ? CHILD_VALID : CHILD_STALE, ERR_OK, record->status, verdict.why);
done:
    record_free(record);
    results_close(results);
    return err;
}

static Err take_lock(CellRun *run) {
    FolderOwner owner;
    char text[FOLDER_OWNER_TEXT];
    Err err = folder_lock(&run->lock, run->folder, &owner);
    if (err != ERR_OK || run->lock >= 0) return err;
    run->busy = true;
    return err_set(ERR_INTERRUPTED, "%s", folder_owner_text(&owner, text));
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    CellRun cell = {.line = line,
                    .folder = command_operand(line, 0),
                    .name = command_value(line, "name"),
                    .id = command_value(line, "id"),
                    .device = device_kind_option(line),
                    .lock = -1};
    FAIL_IF(cell.name == NULL || cell.id == NULL || command_value(line, "variant") == NULL, ERR_ARG,
            "cell is called by run; to run one cell: refocus run GRID.yaml --cells NAME");
    TRY(command_int(&cell.seed, line, "seed", 0, 0, INT64_MAX));
    TRY(command_int(&cell.n_threads, line, "threads", 1, 1, 1024));
    child_begin(&cell.stop);
    TRY(take_lock(&cell));
    folder_sweep(cell.folder);
    TRY(read_settings(&cell));
    if (command_has(line, "against"))
        TRY(verify(&cell));
    else if (command_has(line, "revalidate"))
        TRY(revalidate(&cell));
    else
        TRY(train(&cell));
done:
    if (err != ERR_OK) tell(cell.busy ? CHILD_BUSY : CHILD_ERROR, err, CELL_FAILED, err_message());
    settings_free(cell.settings);
    folder_unlock(cell.lock);
    return err;
}

const Command cmd_cell = {.name = "cell",
                          .summary = NULL,
                          .usage = "FOLDER",
                          .about = "Runs one cell in this process. Called by refocus run.",
                          .example = "refocus run experiments/quickstart.yaml --cells 'baseline@0'",
                          .options = options,
                          .n_operands_min = 1,
                          .n_operands_max = 1,
                          .run = run};

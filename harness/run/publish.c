/* From cells to one file. */
#include "harness/run/publish.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/provenance.h"
#include "harness/record/results.h"
#include "harness/run/checkpoint.h"
#include "harness/run/evaluate.h"
#include "harness/run/folder.h"
#include "harness/run/journal.h"
#include "harness/run/trainer.h"
#include "kernels/mem.h"
#include "models/text.h"

Err publish_folder(char **out, const char *results, const Grid *grid) {
    return mem_printf(out, "%s/%s", results, grid->results);
}
Err publish_file(char **out, const char *results, const Grid *grid) {
    return mem_printf(out, "%s/%s.h5", results, grid->results);
}
Err publish_cell_folder(char **out, const char *results, const Grid *grid, const Cell *cell) {
    return mem_printf(out, "%s/%s/%s", results, grid->results, cell->folder);
}

/* ---- packing ---- */

/* What a pack borrows. */
typedef struct Packing {
    PackEntry *entries;
    char **folders;
    char ***axes;
    size_t n;
    const char **trials;    /* of tuning, one per variant */
    CellRecord *provenance; /* holds the lines of provenance, and what else is text */
    char *settings;
} Packing;

static void packing_clear(Packing *p) {
    for (size_t i = 0; i < p->n; i++) {
        if (p->folders != NULL) mem_free(p->folders[i]);
        for (size_t a = 0; p->axes != NULL && p->axes[i] != NULL && a < p->entries[i].n_axes; a++)
            mem_free(p->axes[i][a]);
        if (p->axes != NULL) mem_free(p->axes[i]);
    }
    mem_free(p->entries);
    mem_free(p->folders);
    mem_free(p->axes);
    mem_free(p->settings);
    mem_free(p->trials);
    record_free(p->provenance);
}

static Err add_entry(Packing *p, size_t i, const char *results, const Grid *grid) {
    Err err = ERR_OK;
    const Cell *cell = &grid->cells[i];
    PackEntry *entry = &p->entries[i];
    entry->n_axes = cell->n_axes;
    TRY(publish_cell_folder(&p->folders[i], results, grid, cell));
    TRY(mem_alloc(&p->axes[i], cell->n_axes, sizeof **p->axes));
    for (size_t a = 0; a < cell->n_axes; a++)
        TRY(mem_printf(&p->axes[i][a], "%s=%s", cell->axes[a].key, cell->axes[a].shown));
    entry->name = cell->name;
    entry->variant = cell->variant;
    entry->axes = (const char *const *)p->axes[i];
    entry->seed = cell->seed;
    entry->folder = p->folders[i];
done:
    return err;
}

/* The settings of each variant and point of the axes, as one YAML document: those of its first cell, indented. */
static Err dump_settings(char **out, const Grid *grid) {
    Err err = ERR_OK;
    Text text = {0};
    char *dump = NULL;
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        bool first = true;
        for (size_t k = 0; k < i; k++) first = first && grid->cells[k].settings != cell->settings;
        if (!first) continue;
        size_t name_len = (size_t)(strrchr(cell->name, '@') - cell->name);
        TRY(text_add(&text, "\"%.*s\":\n", (int)name_len, cell->name));
        TRY(settings_dump(cell->settings, &dump));
        for (const char *line = dump; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            TRY(text_add(&text, "  %.*s\n", (int)len, line));
            line += len + (line[len] == '\n');
        }
        mem_free(dump);
        dump = NULL;
    }
    TRY(text_take(&text, out));
done:
    mem_free(dump);
    text_clear(&text);
    return err;
}

/* "baseline=6" for each variant. */
static Err list_trials(Packing *p, const Grid *grid) {
    Err err = ERR_OK;
    char *text = NULL;
    TRY(mem_alloc(&p->trials, grid->n_variants, sizeof *p->trials));
    for (size_t v = 0; grid->tuning.file != NULL && v < grid->n_variants; v++) {
        TRY(mem_printf(&text, "%s=%zu", grid->variants[v], grid->tuning.n_trials[v]));
        TRY(record_text(p->provenance, &p->trials[v], text));
        mem_free(text);
        text = NULL;
    }
done:
    mem_free(text);
    return err;
}

static Err prepare(Packing *p, const char *results, const Grid *grid, const char *command) {
    Err err = ERR_OK;
    ProvenanceRun run = {.device = grid->device};
    TRY(mem_alloc(&p->entries, grid->n_cells, sizeof *p->entries));
    TRY(mem_alloc(&p->folders, grid->n_cells, sizeof *p->folders));
    TRY(mem_alloc(&p->axes, grid->n_cells, sizeof *p->axes));
    p->n = grid->n_cells;
    for (size_t i = 0; i < grid->n_cells; i++) TRY(add_entry(p, i, results, grid));
    TRY(dump_settings(&p->settings, grid));
    TRY(record_new(&p->provenance));
    TRY(provenance_fill(p->provenance, &run));
    if (command != NULL) TRY(record_provenance(p->provenance, "command", command));
    if (grid->overrides[0] != '\0') TRY(record_provenance(p->provenance, "overrides", grid->overrides));
    if (grid->extends_text != NULL) TRY(record_provenance(p->provenance, "extends", grid->extends_text));
    if (grid->tuning.file != NULL) TRY(record_provenance(p->provenance, "tuning", grid->tuning.text));
    TRY(list_trials(p, grid));
done:
    return err;
}

/* Files that killed packers left beside the results file; a packer at work, here or on another machine, writes its own
 * all the time. */
static void sweep_packs(const char *results, const Grid *grid) {
    DIR *dir = opendir(results);
    size_t len = strlen(grid->results);
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        long pid = 0;
        int end = 0;
        if (strncmp(e->d_name, grid->results, len) != 0) continue;
        if (sscanf(e->d_name + len, ".h5.%ld.tmp%n", &pid, &end) != 1 || end == 0 ||
            e->d_name[len + (size_t)end] != '\0')
            continue;
        if (folder_age(results, e->d_name) >= FOLDER_DEAD_SECONDS) (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir != NULL) (void)closedir(dir);
}

Err publish_pack(const char *results, const Grid *grid, const char *command) {
    Err err = ERR_OK;
    Packing p = {0};
    char *path = NULL;
    const GridPrimary *primary = &grid->primary;
    bool declared = primary->variant != NULL;
    TRY(prepare(&p, results, grid, command));
    TRY(publish_file(&path, results, grid));
    sweep_packs(results, grid);
    PackGrid pack = {.experiment = grid->experiment,
                     .question = grid->question,
                     .grid = grid->text,
                     .settings = p.settings,
                     .baseline = grid->baseline,
                     .primary_variant = primary->variant,
                     .primary_metric = declared ? primary->metric : NULL,
                     .primary_set = declared ? primary->set : NULL,
                     .primary_at = declared ? primary->at : NULL,
                     .primary_margin = declared ? primary->margin : (double)NAN,
                     .tuning = grid->tuning.file,
                     .n_tuning_trials = grid->n_variants,
                     .tuning_trials = p.trials,
                     .n_pairs = p.provenance->provenance.n,
                     .provenance = p.provenance->provenance.item,
                     .n_entries = grid->n_cells,
                     .entries = p.entries};
    TRY(record_pack(&pack, path));
done:
    mem_free(path);
    packing_clear(&p);
    return err;
}

/* ---- cells without an end ---- */

static Err add_history(CellRecord *record, const char *folder, const Cell *cell) {
    Err err = ERR_OK;
    History *history = NULL;
    RecordMetric *columns = NULL;
    if (journal_read(&history, folder, cell->id) != ERR_OK) { /* it ended before its first row */
        err_clear();
        return ERR_OK;
    }
    if (history->shape.n_columns != metric_n_columns()) goto done;
    TRY(mem_alloc(&columns, (size_t)metric_n_columns(), sizeof *columns));
    evaluate_columns(columns);
    TRY(history_to_record(history, columns, NAN, record));
done:
    mem_free(columns);
    history_free(history);
    return err;
}

static Err put_labels(CellRecord *record, const Cell *cell) {
    Err err = ERR_OK;
    const char **axes = NULL;
    TRY(record_text(record, &record->name, cell->name));
    TRY(record_text(record, &record->variant, cell->variant));
    TRY(record_alloc(record, &axes, cell->n_axes, sizeof *axes));
    record->axes = axes;
    for (size_t a = 0; a < cell->n_axes; a++) {
        char *axis = NULL;
        TRY(mem_printf(&axis, "%s=%s", cell->axes[a].key, cell->axes[a].shown));
        err = record_text(record, &axes[a], axis);
        mem_free(axis);
        if (err != ERR_OK) goto done;
        record->n_axes = a + 1;
    }
done:
    return err;
}

/* Whether the folder's sealed cell, which its child may have told nobody of, is a result. */
static Err has_result(bool *out, const char *folder) {
    Err err = ERR_OK;
    char *path = NULL;
    Results *results = NULL;
    *out = false;
    if (!folder_has(folder, FOLDER_SEALED)) return ERR_OK;
    TRY(folder_path(&path, folder, FOLDER_SEALED));
    err = results_open(&results, path);
    if (err == ERR_NOMEM) goto done;
    *out = err == ERR_OK && results_count(results) == 1 && cell_status_is_result(results_cell(results, 0)->status);
    err_clear();
    err = ERR_OK;
done:
    results_close(results);
    mem_free(path);
    return err;
}

Err publish_unfinished(const char *folder, const Cell *cell, CellStatus status, const char *cause) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    bool has = false;
    int lock = -1;
    TRY(folder_ensure(folder));
    TRY(folder_lock(&lock, folder, NULL));
    if (lock < 0) return ERR_OK; /* another process took the cell over by now */
    TRY(has_result(&has, folder));
    if (has) goto done;
    TRY(record_new(&record));
    TRY(trainer_head(record, cell->settings, cell->seed));
    TRY(put_labels(record, cell));
    record->status = status;
    TRY(record_text(record, &record->cause, cause));
    TRY(add_history(record, folder, cell));
    TRY(folder_drop(folder, FOLDER_SEALED));
    TRY(record_seal(record, folder));
done:
    folder_unlock(lock);
    record_free(record);
    return err;
}

static bool is_tidy(const char *folder) {
    static const char *const traces[] = {FOLDER_JOURNAL, FOLDER_CHECKPOINT, FOLDER_CHECKPOINT_BEFORE, FOLDER_KILLED};
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++)
        if (folder_has(folder, traces[i])) return false;
    return true;
}

void publish_tidy(const char *folder, CellStatus status) {
    int lock = -1;
    if (!cell_status_is_result(status) || is_tidy(folder)) return;
    Err err = folder_lock(&lock, folder, NULL);
    if (err == ERR_OK && lock >= 0) {
        folder_sweep(folder);
        err = checkpoint_drop(folder);
        if (err == ERR_OK) err = folder_drop(folder, FOLDER_JOURNAL);
        if (err == ERR_OK) err = folder_drop(folder, FOLDER_KILLED);
    }
    folder_unlock(lock);
    if (err != ERR_OK) err_clear();
}

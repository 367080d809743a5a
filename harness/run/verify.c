/* From a results file to an agenda, and from the folders of its jobs to verdicts. */
#include "harness/run/verify.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/grid/sources.h"
#include "harness/record/provenance.h"
#include "harness/run/folder.h"
#include "harness/run/inputs.h"
#include "kernels/mem.h"
#include "kernels/near.h"

/* ---- which cells ---- */

static bool matches(const VerifySpec *spec, const char *name) {
    for (size_t i = 0; i < spec->n_patterns; i++)
        if (grid_match(spec->patterns[i], name)) return true;
    return spec->n_patterns == 0;
}

static Err check_pattern(const Verification *v, const char *pattern) {
    char hint[160];
    Near near = near_start(pattern);
    for (size_t i = 0; i < results_count(v->results); i++) {
        const char *name = results_cell(v->results, i)->name;
        if (grid_match(pattern, name)) return ERR_OK;
        near_offer(&near, name);
    }
    return err_set(ERR_NOTHING, "%s has no cell that matches '%s'%s", v->spec->path, pattern,
                   near_hint(&near, "", hint, (int)sizeof hint));
}

/* What a cell without a result says of itself. */
static bool has_result(VerifyCell *c) {
    const CellRecord *cell = c->cell;
    bool over = cell->status == CELL_OVER_BUDGET;
    if (cell->status == CELL_MISSING)
        (void)snprintf(c->why, sizeof c->why, "it has no result");
    else if (!over && c->record->curves.n == 0)
        (void)snprintf(c->why, sizeof c->why, "%s before its first step: %.200s", cell_status_name(cell->status),
                       cell->cause);
    else
        return true;
    return false;
}

static Err add_cell(Verification *v, size_t i) {
    Err err = ERR_OK;
    VerifyCell *c = &v->cell[v->n];
    c->cell = results_cell(v->results, i);
    c->as = v->n++;
    TRY(results_read(v->results, i, PART_PROVENANCE | PART_CURVES, &c->record));
    c->has_result = has_result(c);
    if (!c->has_result) goto done;
    err = results_check_digest(v->results, i);
    c->is_damaged = err == ERR_DATA;
    if (c->is_damaged) {
        err_clear();
        err = ERR_OK;
    }
done:
    return err;
}

static Err read_cells(Verification *v) {
    Err err = ERR_OK;
    const VerifySpec *spec = v->spec;
    size_t n = 0;
    TRY(results_open_tried(&v->results, spec->path, NULL, PART_PROVENANCE | PART_CURVES));
    for (size_t i = 0; i < spec->n_patterns; i++) TRY(check_pattern(v, spec->patterns[i]));
    TRY(mem_alloc(&v->cell, results_count(v->results), sizeof *v->cell));
    for (size_t i = 0; i < results_count(v->results); i++)
        if (matches(spec, results_cell(v->results, i)->name)) TRY(add_cell(v, i));
    for (size_t i = 0; i < v->n; i++) n += v->cell[i].has_result;
    FAIL_IF(n == 0, ERR_NOTHING, "%s has no result to verify%s", spec->path,
            spec->n_patterns > 0 ? " among these cells" : "");
done:
    return err;
}

/* ---- the cells as a grid ---- */

/* Cells of one text of settings share them, so that their data and plans are looked at once. */
static Err read_settings(Verification *v, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (v->grid_cells[k].settings != NULL && strcmp(v->cell[k].cell->settings, v->cell[i].cell->settings) == 0) {
            v->grid_cells[i].settings = v->grid_cells[k].settings;
            return ERR_OK;
        }
    Settings *settings = NULL;
    Err err = grid_read_settings(&settings, v->cell[i].cell->name, v->cell[i].cell->settings);
    v->grid_cells[i].settings = settings;
    return err;
}

/* The first cell that was trained for this one as well: the file has its parts once. */
static size_t same_cell(const Verification *v, size_t i) {
    const char *digest = v->cell[i].cell->digest;
    for (size_t k = 0; k < i; k++) {
        const char *other = v->cell[k].cell->digest;
        bool same = v->cell[k].has_result && digest != NULL && other != NULL && strcmp(digest, other) == 0;
        if (same && strcmp(v->grid_cells[k].id, v->grid_cells[i].id) == 0 &&
            v->cell[k].is_damaged == v->cell[i].is_damaged)
            return v->cell[k].as;
    }
    return i;
}

static Err make_grid(Verification *v) {
    Err err = ERR_OK;
    TRY(mem_alloc(&v->grid_cells, v->n, sizeof *v->grid_cells));
    TRY(mem_alloc(&v->folder, v->n, sizeof *v->folder));
    TRY(mem_alloc(&v->selected, v->n, sizeof *v->selected));
    v->grid = (Grid){.path = v->spec->path,
                     .text = "",
                     .overrides = "",
                     .experiment = results_info(v->results)->experiment,
                     .question = "",
                     .device = device_name(v->devices.kind),
                     .results = "cells",
                     .cells = v->grid_cells,
                     .n_cells = v->n};
    for (size_t i = 0; i < v->n; i++) {
        const CellRecord *record = v->cell[i].cell;
        Cell *cell = &v->grid_cells[i];
        *cell = (Cell){.name = record->name, .variant = record->variant, .seed = record->seed, .same_as = i};
        (void)snprintf(v->folder[i], sizeof v->folder[i], "%zu", i);
        cell->folder = v->folder[i];
        if (!v->cell[i].has_result) continue;
        TRY(read_settings(v, i));
        TRY(grid_cell_id(cell->id, cell->settings, cell->seed, v->grid.device));
        v->cell[i].as = cell->same_as = same_cell(v, i);
        v->selected[i] = cell->same_as == i;
    }
done:
    return err;
}

/* ---- devices ---- */

/* A cell of another kind of device is another cell: no bit of it is promised here. */
static Err check_device(const Verification *v) {
    const char *here = device_name(v->devices.kind);
    for (size_t i = 0; i < v->n; i++) {
        const char *then = record_provenance_find(v->cell[i].record, "device");
        if (!v->cell[i].has_result || then == NULL || strcmp(then, here) == 0) continue;
        return err_set(ERR_ARG, "%s: %s was trained with --device %s, and this is --device %s: verify it with that",
                       v->spec->path, v->cell[i].cell->name, then, here);
    }
    return ERR_OK;
}

/* ---- inputs ---- */

static Err check_listing(const VerifyCell *c, const char *key, const char *now, const char *what) {
    Err err = ERR_OK;
    char *changes = NULL;
    TRY(inputs_changes(&changes, record_provenance_find(c->record, key), now));
    FAIL_IF(changes[0] != '\0', ERR_DATA, "%s: not the files that it was %s: %s", c->cell->name, what, changes);
done:
    mem_free(changes);
    return err;
}

static Err check_inputs(const Verification *v) {
    Err err = ERR_OK;
    for (size_t i = 0; i < v->n; i++) {
        if (!v->selected[i]) continue;
        const Survey *survey = survey_of(&v->surveys, i);
        TRY(check_listing(&v->cell[i], INPUTS_KEY, survey->inputs, "trained on"));
        TRY(check_listing(&v->cell[i], INPUTS_OBSERVED_KEY, survey->observed, "evaluated on"));
    }
done:
    return err;
}

/* ---- where it was computed, and where it is now ---- */

/* Lines of the provenance that have no part in the bits. */
static bool is_circumstance(const char *key) {
    static const char *const keys[] = {"cores",       "memory",     "host",      "system",    "threads",
                                       "command",     INPUTS_KEY,   SOURCES_KEY, "bit_class", INPUTS_OBSERVED_KEY,
                                       "revalidated", "accelerator"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return strncmp(key, "evaluation.", 11) == 0;
}

static Err add_other(VerifyCell *c, const char *key, const char *here, const char *recorded) {
    Err err = ERR_OK;
    if (here != NULL && recorded != NULL && strcmp(here, recorded) == 0) return ERR_OK;
    TRY(mem_grow(&c->other, c->n_other, c->n_other + 1, sizeof *c->other));
    c->other[c->n_other++] = (VerifyOther){
        .key = key, .here = here != NULL ? here : "nothing", .recorded = recorded != NULL ? recorded : "nothing"};
done:
    return err;
}

static Err compare_places(Verification *v, size_t i) {
    Err err = ERR_OK;
    VerifyCell *c = &v->cell[i];
    const RecordPairs *then = &c->record->provenance, *now = &v->here->provenance;
    const char *class = record_provenance_find(c->record, "bit_class");
    const char *code = survey_of(&v->surveys, v->cell[i].as)->code;
    for (size_t k = 0; k < now->n; k++)
        if (!is_circumstance(now->item[k].key))
            TRY(add_other(c, now->item[k].key, now->item[k].value,
                          record_provenance_find(c->record, now->item[k].key)));
    for (size_t k = 0; k < then->n; k++)
        if (!is_circumstance(then->item[k].key) && record_provenance_find(v->here, then->item[k].key) == NULL)
            TRY(add_other(c, then->item[k].key, NULL, then->item[k].value));
    c->same_class = class != NULL && strcmp(class, record_provenance_find(v->here, "bit_class")) == 0;
    c->same_code = c->cell->code_digest != NULL && strcmp(c->cell->code_digest, code) == 0;
    const char *listing = record_provenance_find(c->record, SOURCES_KEY);
    if (!c->same_code && listing != NULL)
        TRY(sources_changes(&c->sources, listing, survey_of(&v->surveys, v->cell[i].as)->sources));
    if (!c->same_code) TRY(add_other(c, "sources", c->sources != NULL ? c->sources : code, c->cell->code_digest));
done:
    return err;
}

/* ---- the agenda ---- */

static Err make_agenda(Verification *v, const char *scratch) {
    Err err = ERR_OK;
    Agenda *agenda = &v->agenda;
    agenda->grid = &v->grid;
    agenda->surveys = &v->surveys;
    TRY(mem_alloc(&agenda->item, v->n, sizeof *agenda->item));
    for (size_t i = 0; i < v->n; i++) {
        AgendaItem *item = &agenda->item[i];
        item->selected = v->cell[i].has_result;
        item->state = (CellState){.action = v->selected[i] ? CELL_TRAIN : CELL_SAME, .status = CELL_MISSING};
        if (!v->selected[i]) continue;
        int64_t n = settings_int(v->grid_cells[i].settings, "train.steps");
        TRY(mem_printf(&item->folder, "%s/%s", scratch, v->folder[i]));
        agenda->n_work++;
        agenda->n_steps += v->spec->n_steps > 0 && v->spec->n_steps < n ? v->spec->n_steps : n;
    }
done:
    return err;
}

Err verify_open(Verification *out, const VerifySpec *spec) {
    Err err = ERR_OK;
    ProvenanceRun run = {.device = "cpu"};
    out->spec = spec;
    TRY(read_cells(out));
    TRY(devices_open(&out->devices, spec->device));
    TRY(check_device(out));
    TRY(make_grid(out));
    TRY(survey_grid(&out->surveys, &out->grid, out->selected, true));
    TRY(surveys_check_precision(&out->surveys, &out->grid, out->selected));
    TRY(devices_check(&out->devices, &out->surveys));
    surveys_run_on(&out->surveys, devices_class(&out->devices));
    run.device = out->grid.device;
    run.accelerator_class = devices_class(&out->devices);
    TRY(check_inputs(out));
    TRY(record_new(&out->here));
    TRY(provenance_fill(out->here, &run));
    for (size_t i = 0; i < out->n; i++)
        if (out->cell[i].has_result) TRY(compare_places(out, i));
done:
    return err;
}

/* ---- the folder for temporary files ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

enum { N_CAUGHT = 3 };
static const int caught[N_CAUGHT] = {SIGINT, SIGTERM, SIGHUP};

/* A leftover is no failure of the verification. */
static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir))
        (void)unlinkat(dirfd(dir), e->d_name, 0); /* "." and ".." are refused */
    if (dir != NULL) (void)closedir(dir);
    (void)rmdir(folder);
}

static void remove_scratch(const Verification *v, const char *scratch) {
    for (size_t i = 0; v->agenda.item != NULL && i < v->n; i++)
        if (v->agenda.item[i].folder != NULL) remove_folder(v->agenda.item[i].folder);
    (void)rmdir(scratch);
}

/* ---- verdicts ---- */

static Err read_verdict(VerifyCell *c, const char *folder) {
    Err err = ERR_OK;
    char *bytes = NULL;
    size_t n = 0;
    if (!folder_has(folder, FOLDER_VERDICT)) {
        (void)snprintf(c->why, sizeof c->why, "it could not be trained to the end");
        return ERR_OK;
    }
    TRY(folder_read(&bytes, &n, folder, FOLDER_VERDICT));
    FAIL_IF(n != sizeof c->verdict, ERR_IO, "%s/%s has %zu bytes, expected %zu", folder, FOLDER_VERDICT, n,
            sizeof c->verdict);
    memcpy(&c->verdict, bytes, n);
    c->outcome = c->verdict.same && !c->is_damaged ? VERIFY_SAME : VERIFY_DIFFERS;
done:
    mem_free(bytes);
    return err;
}

static Err read_verdicts(Verification *v, bool *any_differs) {
    Err err = ERR_OK;
    *any_differs = false;
    for (size_t i = 0; i < v->n; i++) {
        VerifyCell *c = &v->cell[i];
        if (v->selected[i]) TRY(read_verdict(c, v->agenda.item[i].folder));
        if (c->has_result && c->as != i) {
            const VerifyCell *other = &v->cell[c->as];
            c->outcome = other->outcome;
            c->verdict = other->verdict;
            (void)snprintf(c->why, sizeof c->why, "%s", other->why);
        }
        *any_differs = *any_differs || c->outcome == VERIFY_DIFFERS;
    }
done:
    return err;
}

/* A cell that is equal and whose file was changed all the same is no verified cell. */
static Err train(Verification *v, const char *scratch) {
    Err err = ERR_OK;
    bool any_differs = false;
    char message[512];
    TRY(make_agenda(v, scratch));
    FAIL_IF(interrupted != 0, ERR_INTERRUPTED, "interrupted");
    const SchedulerSpec spec = {.agenda = &v->agenda,
                                .results = scratch,
                                .n_jobs = v->spec->n_jobs,
                                .n_threads = v->spec->n_threads,
                                .devices = &v->devices,
                                .pack = v->devices.kind == DEVICE_CUDA && v->spec->n_jobs > v->devices.n,
                                .against = v->spec->path,
                                .verify_steps = v->spec->n_steps};
    Err came = scheduler_run(&spec, &v->count);
    (void)snprintf(message, sizeof message, "%s", err_message());
    TRY(read_verdicts(v, &any_differs));
    if (came != ERR_OK) return err_set(any_differs ? ERR_GATE : came, "%s", message);
    FAIL_IF(any_differs, ERR_GATE, "not all cells are as recorded");
done:
    return err;
}

Err verify_run(Verification *v) {
    Err err = ERR_OK;
    const char *tmp = getenv("TMPDIR");
    char *scratch = NULL;
    struct sigaction before[N_CAUGHT], action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    interrupted = 0;
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &action, &before[i]);
    TRY(mem_printf(&scratch, "%s/refocus-verify-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp"));
    if (mkdtemp(scratch) == NULL) {
        err = err_set(ERR_CREATE, "cannot create a folder '%s': %s", scratch, strerror(errno));
    } else {
        err = train(v, scratch);
        remove_scratch(v, scratch);
    }
done:
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &before[i], NULL);
    mem_free(scratch);
    return err;
}

void verify_clear(Verification *v) {
    for (size_t i = 0; i < v->n; i++) {
        bool owns = v->grid_cells != NULL && v->grid_cells[i].settings != NULL;
        for (size_t k = 0; owns && k < i; k++) owns = v->grid_cells[k].settings != v->grid_cells[i].settings;
        if (owns) settings_free((Settings *)v->grid_cells[i].settings);
        record_free(v->cell[i].record);
        mem_free(v->cell[i].other);
        mem_free(v->cell[i].sources);
    }
    if (v->agenda.grid != NULL) agenda_clear(&v->agenda);
    surveys_clear(&v->surveys);
    record_free(v->here);
    mem_free(v->selected);
    mem_free(v->folder);
    mem_free(v->grid_cells);
    mem_free(v->cell);
    results_close(v->results);
    *v = (Verification){0};
}

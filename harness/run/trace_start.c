/* Beginnings of a traced step. */
#include "harness/run/trace_start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/file.h"
#include "harness/record/results.h"
#include "harness/run/folder.h"
#include "kernels/mem.h"

static bool at_is(const TraceStart *start, const char *what) {
    return start->spec->at != NULL && strcmp(start->spec->at, what) == 0;
}

/* ---- a checkpoint ---- */

static Err copy_part(const TraceStart *start, const char *file) {
    Err err = ERR_OK;
    char *from = NULL, *to = NULL;
    TRY(folder_path(&from, start->spec->folder, file));
    TRY(folder_path(&to, start->scratch, file));
    TRY(file_copy(from, to));
done:
    mem_free(from);
    mem_free(to);
    return err;
}

/* The checkpoint first: a journal may be longer than a checkpoint says, never shorter. */
static Err copy_checkpoint(TraceStart *start) {
    Err err = ERR_OK;
    const char *tmp = getenv("TMPDIR");
    char *scratch = NULL;
    FAIL_IF(!folder_has(start->spec->folder, FOLDER_CHECKPOINT), ERR_MISSING,
            "%s has no checkpoint: a cell keeps one while it is being trained (--at last for one that is done)",
            start->spec->folder);
    TRY(mem_printf(&scratch, "%s/refocus-trace-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp"));
    FAIL_IF(mkdtemp(scratch) == NULL, ERR_CREATE, "cannot create a folder '%s': %s", scratch, strerror(errno));
    start->scratch = scratch;
    scratch = NULL;
    TRY(copy_part(start, FOLDER_CHECKPOINT));
    if (folder_has(start->spec->folder, FOLDER_CHECKPOINT_BEFORE)) TRY(copy_part(start, FOLDER_CHECKPOINT_BEFORE));
    TRY(copy_part(start, FOLDER_JOURNAL));
done:
    mem_free(scratch);
    return err;
}

Err trace_start_open(TraceStart *out, const TraceSpec *spec) {
    *out = (TraceStart){.spec = spec};
    return at_is(out, "checkpoint") ? copy_checkpoint(out) : ERR_OK;
}

void trace_start_close(TraceStart *start) {
    static const char *const files[] = {FOLDER_CHECKPOINT, FOLDER_CHECKPOINT_BEFORE, FOLDER_JOURNAL, FOLDER_SOURCES};
    if (start->scratch == NULL) return;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (folder_drop(start->scratch, files[i]) != ERR_OK) err_clear(); /* a leftover is no failure of the trace */
    folder_sweep(start->scratch);
    (void)rmdir(start->scratch);
    mem_free(start->scratch);
    start->scratch = NULL;
}

void trace_start_note(void *ctx, const char *text) {
    TraceStart *start = ctx;
    static const char refused[] = "begins anew: ";
    if (strncmp(text, refused, sizeof refused - 1) == 0)
        (void)snprintf(start->refusal, sizeof start->refusal, "%s", text + sizeof refused - 1);
    else if (start->spec->note != NULL)
        start->spec->note(start->spec->ctx, text);
}

/* ---- kept parameters ---- */

static Err take_kept(TraceStart *start, Trainer *trainer) {
    Err err = ERR_OK;
    Results *results = NULL;
    CellRecord *record = NULL;
    char *path = NULL;
    size_t i = 0;
    bool best = at_is(start, "best");
    FAIL_IF(!folder_has(start->spec->folder, FOLDER_SEALED), ERR_MISSING,
            "%s has no %s: the cell is not done (--at checkpoint for one that is being trained)", start->spec->folder,
            FOLDER_SEALED);
    TRY(folder_path(&path, start->spec->folder, FOLDER_SEALED));
    TRY(results_open_tried(&results, path, NULL, PART_FINAL | PART_BEST));
    TRY(results_find(results, NULL, &i));
    TRY(results_read(results, i, PART_FINAL | PART_BEST, &record));
    const RecordParams *kept = best ? &record->best : &record->final;
    FAIL_IF(kept->n == 0, ERR_DATA, "'%s' kept no %s parameters", path, start->spec->at);
    TRY(snapshot_restore(kept, trainer->rig.arena, &trainer->rig.model->params));
    start->step = kept->step;
    (void)snprintf(start->text, sizeof start->text,
                   "the %s parameters, kept after step %" PRId64 "; the optimiser's state begins anew",
                   best ? "best" : "last", kept->step);
done:
    record_free(record);
    results_close(results);
    mem_free(path);
    return err;
}

Err trace_start_take(TraceStart *start, Trainer *trainer) {
    (void)snprintf(start->text, sizeof start->text, "the beginning");
    if (start->spec->at == NULL) return ERR_OK;
    if (!at_is(start, "checkpoint")) return take_kept(start, trainer);
    if (trainer->state.step == 0)
        return err_set(ERR_DATA, "the checkpoint in %s cannot be used: %s", start->spec->folder, start->refusal);
    start->step = trainer->state.step;
    (void)snprintf(start->text, sizeof start->text, "the checkpoint after step %" PRId64, start->step);
    return ERR_OK;
}

/* ---- the step ---- */

Err trace_start_step(TraceStart *start, Trainer *trainer, int64_t *step) {
    Err err = ERR_OK;
    const int64_t n_steps = settings_int(trainer->settings, "train.steps");
    const bool kept = start->spec->at != NULL && !at_is(start, "checkpoint");
    *step = start->spec->step > 0 ? start->spec->step : start->step + 1;
    FAIL_IF(*step <= trainer->state.step, ERR_ARG,
            "--step %" PRId64 ": the checkpoint is after step %" PRId64 " already; without --at training begins anew",
            *step, trainer->state.step);
    FAIL_IF(*step > n_steps && !kept, ERR_ARG, "--step %" PRId64 ": the cell has %" PRId64 " steps (train.steps)",
            *step, n_steps);
    if (kept) trainer->state.step = *step - 1; /* any batch, on those parameters */
done:
    return err;
}

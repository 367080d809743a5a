/* Reading a cell's folder. */
#include "harness/run/cell_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/grid/sources.h"
#include "harness/record/provenance.h"
#include "harness/record/results.h"
#include "harness/run/cell_past.h"
#include "harness/run/checkpoint.h"
#include "harness/run/folder.h"
#include "harness/run/inputs.h"
#include "harness/run/journal.h"
#include "kernels/mem.h"

const char *cell_action_name(CellAction action) {
    static const char *const names[] = {"train", "resume", "revalidate", "skip", "same", "busy"};
    return names[action];
}

/* What is looked at. */
typedef struct CellLook {
    const char *folder;
    const Cell *cell;
    const Survey *survey;
    CellRetry retry;
} CellLook;

#define SAY(...) ((void)snprintf(out->why, sizeof out->why, __VA_ARGS__))

/* The first of the changes "a changed, b is gone, ...", as many as `room` bytes take, and how many more there are. */
static void say_some(CellState *out, const char *changes, size_t room) {
    size_t len = 0, n_more = 0;
    for (const char *at = changes; at != NULL; at = strstr(at + 1, ", ")) {
        const char *end = strstr(at + 1, ", ");
        size_t upto = end != NULL ? (size_t)(end - changes) : strlen(changes);
        if (len == 0 || upto <= room)
            len = upto;
        else
            n_more++;
    }
    SAY("%.*s", (int)len, changes);
    len = strlen(out->why);
    if (n_more > 0) (void)snprintf(out->why + len, sizeof out->why - len, ", and %zu more", n_more);
}

static Err say_changes(CellState *out, const char *folder, const Survey *survey) {
    Err err = ERR_OK;
    char *then = NULL, *changes = NULL;
    size_t n = 0;
    SAY("the code changed since it was trained");
    if (folder_read(&then, &n, folder, FOLDER_SOURCES) != ERR_OK) {
        err_clear();
        return ERR_OK;
    }
    TRY(sources_changes(&changes, then, survey->sources));
    if (changes[0] != '\0') say_some(out, changes, 120);
done:
    mem_free(changes);
    mem_free(then);
    return err;
}

/* Other fonts or datasets are other data, whatever the code: such a cell is trained again. */
static Err judge_inputs(CellState *out, const CellRecord *sealed, const Survey *survey, bool *again) {
    char *changes = NULL;
    Err err = inputs_changes(&changes, record_provenance_find(sealed, INPUTS_KEY), survey->inputs);
    if (err != ERR_OK) return err;
    *again = changes[0] != '\0';
    if (*again) SAY("its training data changed: %.300s", changes);
    mem_free(changes);
    return ERR_OK;
}

/* Whether a checkpoint, which is whole, is of this cell, code, data and machine. */
static Err fits(const CheckpointKey *key, int64_t step, const Cell *cell, const Survey *survey) {
    char bit_class[BIT_CLASS_LEN], inputs[INPUTS_DIGEST];
    provenance_bit_class(bit_class, survey->accelerator_class);
    if (survey->inputs != NULL) inputs_digest(inputs, survey->inputs);
    if (strcmp(key->id, cell->id) != 0) return err_set(ERR_DATA, "its checkpoint belongs to another cell");
    if (strcmp(key->code, survey->code) != 0)
        return err_set(ERR_DATA, "the code changed since its checkpoint at step %" PRId64, step);
    if (survey->inputs != NULL && strcmp(key->inputs, inputs) != 0)
        return err_set(ERR_DATA, "its training data changed since its checkpoint at step %" PRId64, step);
    if (survey->class_known && strcmp(key->bit_class, bit_class) != 0)
        return err_set(ERR_DATA, "its checkpoint at step %" PRId64 " is of another %s, build or library", step,
                       survey->accelerator_class != NULL ? "device" : "CPU");
    return ERR_OK;
}

/* *step = where the cell would go on from one of its checkpoints. ERR_MISSING, ERR_DATA, ERR_NOMEM, ERR_IO. */
static Err judge_checkpoint(int64_t *step, const char *folder, CheckpointAge age, const Cell *cell,
                            const Survey *survey) {
    Err err = ERR_OK;
    CheckpointKey key;
    CheckpointState state;
    TRY(checkpoint_look(folder, age, &key, &state));
    TRY(fits(&key, state.step, cell, survey));
    TRY(journal_check(folder, cell->id, &state.journal));
    *step = state.step;
done:
    return err;
}

static Err look_at_checkpoint(CellState *out, const char *folder, const Cell *cell, const Survey *survey) {
    char before[CELL_WHY], damage[256] = "";
    Err err = ERR_MISSING;
    int64_t step = 0;
    for (int age = 0; age < CHECKPOINT_AGES && err != ERR_OK; age++) {
        err = judge_checkpoint(&step, folder, (CheckpointAge)age, cell, survey);
        if (err == ERR_NOMEM) return err;
        if (err != ERR_OK && err != ERR_MISSING && damage[0] == '\0')
            (void)snprintf(damage, sizeof damage, "%s", err_message());
    }
    err_clear();
    (void)snprintf(before, sizeof before, "%s", out->status == CELL_INTERRUPTED ? "" : out->why); /* it says the step */
    if (err != ERR_OK) {
        if (damage[0] != '\0') SAY("begins anew: %s", damage);
        return ERR_OK;
    }
    out->action = CELL_RESUME;
    out->step = step;
    SAY("after step %" PRId64 " of %" PRId64 "%s%.200s%s%.200s", step, settings_int(cell->settings, "train.steps"),
        before[0] != '\0' ? "; " : "", before, damage[0] != '\0' ? "; from the checkpoint before the last one: " : "",
        damage);
    return ERR_OK;
}

static Err same_training(bool *same, const CellRecord *sealed, const Cell *cell) {
    char *identity = NULL;
    Err err = settings_identity(cell->settings, &identity);
    *same = err == ERR_OK && sealed->seed == cell->seed && strcmp(sealed->identity, identity) == 0;
    mem_free(identity);
    return err;
}

/* Over a budget of the grid's, or over the memory of a device, which is tried again. */
static void say_over_budget(CellState *out, const CellRecord *sealed, const Survey *survey, bool again) {
    if (!again)
        SAY("%s", survey->why);
    else if (settings_int(survey->settings, "memory.budget") > 0)
        SAY("it fits into the budget now");
    else
        SAY("tried again; it was over budget: %s", sealed->cause);
}

/* What was trained stands; that it was measured on other files is said. */
static Err judge_observed(CellState *out, const CellRecord *sealed, const Survey *survey) {
    char *changes = NULL;
    Err err = inputs_changes(&changes, record_provenance_find(sealed, INPUTS_OBSERVED_KEY), survey->observed);
    if (err != ERR_OK) return err;
    out->is_observed_anew = changes[0] != '\0';
    size_t len = strlen(out->why);
    if (out->is_observed_anew)
        (void)snprintf(out->why + len, sizeof out->why - len,
                       "; evaluated on other files than today's: %.200s (refocus evaluate adds an evaluation)",
                       changes);
    mem_free(changes);
    return ERR_OK;
}

/* Of a cell that is not trained again: what came of it, and how to try again where that makes sense. */
static void say_end(CellState *out, const CellRecord *sealed) {
    const char *hint = sealed->status == CELL_FAILED     ? "; --retry failed tries it again"
                       : sealed->status == CELL_DIVERGED ? "; --retry diverged tries it again"
                                                         : "";
    SAY("%s%s%.300s%s", cell_status_name(sealed->status), sealed->cause[0] != '\0' ? ": " : "", sealed->cause, hint);
}

static bool is_retried(const CellRecord *sealed, const Survey *survey, CellRetry retry) {
    switch (sealed->status) {
    case CELL_FAILED: return retry.failed;
    case CELL_DIVERGED: return retry.diverged;
    case CELL_INTERRUPTED: return true;
    case CELL_OVER_BUDGET: return !survey->over_budget;
    default: return false;
    }
}

/* What a sealed result is worth. Sets *again where the cell must be trained or resumed. */
static Err judge_sealed(CellState *out, const CellLook *look, const CellRecord *sealed, bool *again) {
    Err err = ERR_OK;
    bool same = false;
    const Survey *survey = look->survey;
    bool same_code = sealed->code_digest != NULL && strcmp(sealed->code_digest, survey->code) == 0;
    out->status = sealed->status;
    out->action = CELL_SKIP;
    TRY(same_training(&same, sealed, look->cell));
    *again = !same || is_retried(sealed, survey, look->retry);
    out->why[0] = '\0';
    if (!*again) TRY(judge_inputs(out, sealed, survey, again));
    if (out->why[0] != '\0')
        ASSERT(*again);
    else if (!same)
        SAY("its cell.h5 is of other settings");
    else if (sealed->status == CELL_OVER_BUDGET)
        say_over_budget(out, sealed, survey, *again);
    else if (sealed->status == CELL_INTERRUPTED)
        SAY("%s", sealed->cause);
    else if (*again)
        SAY("%s: %s", cell_status_name(sealed->status), sealed->cause);
    else if (!same_code && sealed->status != CELL_FAILED)
        out->action = CELL_REVALIDATE;
    else
        say_end(out, sealed);
    if (*again) out->action = CELL_TRAIN;
    if (out->action == CELL_REVALIDATE) TRY(say_changes(out, look->folder, survey));
    if (out->action == CELL_SKIP) TRY(judge_observed(out, sealed, survey));
done:
    return err;
}

static Err look_at_sealed(CellState *out, const CellLook *look, bool *again) {
    Err err = ERR_OK;
    char *path = NULL;
    Results *results = NULL;
    CellRecord *sealed = NULL;
    *again = true;
    TRY(folder_path(&path, look->folder, FOLDER_SEALED));
    err = results_open(&results, path);
    if (err == ERR_NOMEM) goto done;
    if (err != ERR_OK || results_count(results) != 1) {
        SAY("its cell.h5 cannot be read: %s", err != ERR_OK ? err_message() : "it has no cell");
        err_clear();
        err = ERR_OK;
    } else {
        TRY(results_read(results, 0, PART_PROVENANCE, &sealed));
        TRY(judge_sealed(out, look, sealed, again));
    }
done:
    record_free(sealed);
    results_close(results);
    mem_free(path);
    return err;
}

Err cell_look(CellState *out, const char *folder, const Cell *cell, const Survey *survey, CellRetry retry) {
    FolderOwner owner;
    char text[FOLDER_OWNER_TEXT];
    if (!folder_is_locked(folder, &owner)) return cell_look_inside(out, folder, cell, survey, retry);
    *out = (CellState){.action = CELL_BUSY, .status = CELL_MISSING};
    SAY("%s", folder_owner_text(&owner, text));
    return ERR_OK;
}

Err cell_look_inside(CellState *out, const char *folder, const Cell *cell, const Survey *survey, CellRetry retry) {
    Err err = ERR_OK;
    const CellLook look = {folder, cell, survey, retry};
    bool again = true;
    *out = (CellState){.action = CELL_TRAIN, .status = CELL_MISSING};
    out->sealed = folder_has(folder, FOLDER_SEALED);
    if (out->sealed) TRY(look_at_sealed(out, &look, &again));
    if (again) TRY(look_at_checkpoint(out, folder, cell, survey));
    if (out->why[0] == '\0') TRY(cell_past(out->why, sizeof out->why, folder, cell));
    if (out->why[0] == '\0') SAY("new");
done:
    return err;
}

/* States in the user's words, and times from what was recorded. */
#include "harness/run/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/results.h"
#include "harness/run/folder.h"
#include "harness/run/journal.h"
#include "harness/run/room.h"
#include "kernels/mem.h"

enum { RECENT_STEPS = 100 }; /* of a running cell's journal, for its speed */

static const struct {
    const char *name, *words;
} kinds[STATUS_KIND_COUNT] = {[STATUS_DONE] = {"done", "done"},
                              [STATUS_RUNNING] = {"running", "running"},
                              [STATUS_WAITING] = {"waiting", "to train"},
                              [STATUS_DEFERRED] = {"deferred", "deferred"},
                              [STATUS_INTERRUPTED] = {"interrupted", "interrupted"},
                              [STATUS_STALE] = {"stale", "stale"},
                              [STATUS_FAILED] = {"failed", "failed"},
                              [STATUS_DIVERGED] = {"diverged", "diverged"},
                              [STATUS_OVER_BUDGET] = {"over_budget", "over budget"}};

const char *status_kind_words(StatusKind kind) { return kinds[kind].words; }
const char *status_kind_name(StatusKind kind) { return kinds[kind].name; }

/* What is known of speeds. */
typedef struct Speeds {
    double *per_step; /* [surveys] wall seconds of a step with all around it; NaN = not known */
    double per_flop;  /* mean over those that are */
} Speeds;

typedef struct Make {
    Status *out;
    const Agenda *agenda;
    Speeds speeds;
    Room room;
    bool any_busy;
} Make;

/* ---- states ---- */

/* Sealed, and to be trained again all the same, whatever had come of it; but for ends that are tried again anyway. */
static bool is_outdated(const CellState *state) {
    return state->sealed && state->status != CELL_INTERRUPTED && state->status != CELL_OVER_BUDGET;
}

/* What run would train or resume. */
static StatusKind kind_of_work(const Make *m, size_t i) {
    const AgendaItem *item = &m->agenda->item[i];
    const CellState *state = &item->state;
    const Survey *survey = survey_of(m->agenda->surveys, i);
    RoomNeed need = room_need(survey, 0);
    if (survey->over_budget) return STATUS_OVER_BUDGET;
    if (is_outdated(state)) return STATUS_STALE;
    if (folder_has(item->folder, FOLDER_STALE)) return STATUS_STALE;
    if (state->action == CELL_RESUME || state->status == CELL_INTERRUPTED || folder_has(item->folder, FOLDER_JOURNAL) ||
        folder_has(item->folder, FOLDER_KILLED))
        return STATUS_INTERRUPTED;
    /* beside running cells a cell waits for its turn; alone, for the machine */
    return m->any_busy || room_holds(&m->room, &need) ? STATUS_WAITING : STATUS_DEFERRED;
}

static StatusKind kind_of(const Make *m, size_t i) {
    const CellState *state = &m->agenda->item[i].state;
    switch (state->action) {
    case CELL_BUSY: return STATUS_RUNNING;
    case CELL_REVALIDATE: return STATUS_STALE;
    case CELL_SKIP:
        return state->status == CELL_FAILED        ? STATUS_FAILED
               : state->status == CELL_DIVERGED    ? STATUS_DIVERGED
               : state->status == CELL_OVER_BUDGET ? STATUS_OVER_BUDGET
                                                   : STATUS_DONE;
    default: return kind_of_work(m, i);
    }
}

/* ---- speeds ---- */

/* Wall seconds of a step, whole cell over its steps: evaluations and checkpoints are in it. */
static Err sealed_speed(double *out, const char *folder) {
    Err err = ERR_OK;
    char *path = NULL;
    Results *results = NULL;
    CellRecord *cell = NULL;
    TRY(folder_path(&path, folder, FOLDER_SEALED));
    err = results_open(&results, path);
    if (err == ERR_OK && results_count(results) == 1)
        err = results_read(results, 0, PART_VOLATILE | PART_CURVES, &cell);
    if (err == ERR_NOMEM) goto done;
    if (err == ERR_OK && cell != NULL && cell->curves.n > 0 && cell->times.wall_seconds > 0)
        *out = cell->times.wall_seconds / (double)cell->curves.n;
    err_clear();
    err = ERR_OK;
done:
    record_free(cell);
    results_close(results);
    mem_free(path);
    return err;
}

/* The mean over the last steps of a journal, without the first, which warms caches. */
static double journal_speed(const History *h) {
    int64_t first = h->n_steps > RECENT_STEPS ? h->n_steps - RECENT_STEPS : 1;
    double sum = 0;
    for (int64_t i = first; i < h->n_steps; i++) sum += (double)h->steps[i].wall_seconds;
    return h->n_steps > first ? sum / (double)(h->n_steps - first) : (double)NAN;
}

/* What a journal tells of a cell that is not finished; what it does not is left as it was. */
static Err read_journal(const char *folder, const Cell *of, int64_t *step, double *loss, double *per_step) {
    History *history = NULL;
    Err err = folder_has(folder, FOLDER_JOURNAL) ? journal_read(&history, folder, of->id) : ERR_MISSING;
    if (err == ERR_NOMEM) return err;
    if (err == ERR_OK && history->n_steps > 0) {
        *step = history_last_step(history);
        *loss = (double)history->steps[history->n_steps - 1].value[CURVE_LOSS];
        *per_step = journal_speed(history);
    }
    history_free(history);
    err_clear();
    return ERR_OK;
}

/* From the first cell of some settings that says it: finished ones before others, whose evaluations are not in it. */
static Err read_speed(Make *m, size_t i, bool sealed) {
    Err err = ERR_OK;
    const AgendaItem *item = &m->agenda->item[i];
    double *speed = &m->speeds.per_step[m->agenda->surveys->of_cell[i]], loss = 0;
    int64_t step = 0;
    if (!isnan(*speed) || m->agenda->grid->cells[i].same_as != i) return ERR_OK;
    if (sealed && item->state.sealed && item->state.status == CELL_DONE) TRY(sealed_speed(speed, item->folder));
    if (!sealed) TRY(read_journal(item->folder, &m->agenda->grid->cells[i], &step, &loss, speed));
done:
    return err;
}

static Err read_speeds(Make *m) {
    Err err = ERR_OK;
    const Agenda *a = m->agenda;
    double sum = 0, n = 0;
    TRY(mem_alloc(&m->speeds.per_step, a->surveys->n, sizeof *m->speeds.per_step));
    for (size_t s = 0; s < a->surveys->n; s++) m->speeds.per_step[s] = NAN;
    for (int sealed = 1; sealed >= 0; sealed--)
        for (size_t i = 0; i < a->grid->n_cells; i++) TRY(read_speed(m, i, sealed == 1));
    for (size_t s = 0; s < a->surveys->n; s++) {
        double flops = (double)a->surveys->item[s].flops_per_step;
        if (isnan(m->speeds.per_step[s]) || flops <= 0) continue;
        sum += m->speeds.per_step[s] / flops;
        n++;
    }
    m->speeds.per_flop = n > 0 ? sum / n : (double)NAN;
done:
    return err;
}

/* Its own speed before that of its kind, and that before a guess from the others. */
static Err fill_times(Make *m, size_t i) {
    Err err = ERR_OK;
    StatusCell *cell = &m->out->cell[i];
    const AgendaItem *item = &m->agenda->item[i];
    size_t s = m->agenda->surveys->of_cell[i];
    double own = NAN, per_step = m->speeds.per_step[s];
    if (cell->kind == STATUS_RUNNING)
        TRY(read_journal(item->folder, &m->agenda->grid->cells[i], &cell->step, &cell->loss, &own));
    if (isnan(per_step)) per_step = own;
    cell->is_scaled = isnan(per_step);
    if (cell->is_scaled) per_step = m->speeds.per_flop * (double)survey_of(m->agenda->surveys, i)->flops_per_step;
    bool checked_only = item->state.action == CELL_REVALIDATE; /* twenty steps, if the bits are the same */
    cell->seconds_left = checked_only ? 0 : per_step * (double)(cell->n_steps - cell->step);
done:
    return err;
}

/* ---- all ---- */

static bool is_left(const Make *m, size_t i) {
    const CellState *state = &m->agenda->item[i].state;
    if (m->out->cell[i].kind == STATUS_OVER_BUDGET) return false;
    return state->action == CELL_BUSY || agenda_is_work(state);
}

static Err fill_cell(Make *m, size_t i) {
    Err err = ERR_OK;
    const CellState *state = &m->agenda->item[i].state;
    const Survey *survey = survey_of(m->agenda->surveys, i);
    StatusCell *cell = &m->out->cell[i];
    *cell = (StatusCell){.kind = kind_of(m, i), .loss = NAN};
    cell->n_steps = settings_int(m->agenda->grid->cells[i].settings, "train.steps");
    (void)snprintf(cell->why, sizeof cell->why, "%s",
                   cell->kind == STATUS_OVER_BUDGET && survey->over_budget ? survey->why : state->why);
    if (cell->kind == STATUS_INTERRUPTED && state->action == CELL_TRAIN && strcmp(state->why, "new") == 0)
        (void)snprintf(cell->why, sizeof cell->why, "stopped before its first checkpoint: begins anew");
    if (cell->kind == STATUS_DONE || cell->kind == STATUS_STALE) cell->step = cell->n_steps;
    if (agenda_is_work(state) && state->action != CELL_REVALIDATE) cell->step = state->step;
    if (!is_left(m, i)) return ERR_OK;
    TRY(fill_times(m, i));
    m->out->n_left++;
    if (state->action != CELL_REVALIDATE) m->out->steps_left += cell->n_steps - cell->step;
    m->out->seconds_left += cell->seconds_left;
done:
    return err;
}

Err status_make(Status *out, const Agenda *agenda) {
    Err err = ERR_OK;
    Make m = {.out = out, .agenda = agenda};
    size_t n = agenda->grid->n_cells;
    *out = (Status){.agenda = agenda};
    TRY(mem_alloc(&out->cell, n, sizeof *out->cell));
    room_look(&m.room);
    for (size_t i = 0; i < n; i++) m.any_busy = m.any_busy || agenda->item[i].state.action == CELL_BUSY;
    TRY(read_speeds(&m));
    for (size_t i = 0; i < n; i++) {
        size_t as = agenda->grid->cells[i].same_as;
        if (as == i)
            TRY(fill_cell(&m, i));
        else
            out->cell[i] = out->cell[as];
        out->count[out->cell[i].kind]++;
    }
done:
    mem_free(m.speeds.per_step);
    return err;
}

void status_clear(Status *status) {
    mem_free(status->cell);
    *status = (Status){0};
}

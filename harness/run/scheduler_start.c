/* Which cell is started next, and whether now: other processes may be at it, and the machine may be full. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/run/folder.h"
#include "harness/run/publish.h"
#include "harness/run/scheduler_parts.h"
#include "kernels/mem.h"

static const double look_seconds = 0.3;

bool scheduler_may_start(const Scheduler *s) {
    if (s->stopping || s->fatal != ERR_OK) return false;
    return !s->spec->fail_fast || s->count->n_failed + s->count->n_diverged == s->n_bad_before;
}

/* ---- a cell's folder ---- */

/* What was sealed before makes room: an end that is no result is dropped, a result is kept aside. */
static Err clear_the_way(const char *folder, CellStatus status) {
    Err err = ERR_OK;
    char *from = NULL, *to = NULL;
    if (!folder_has(folder, FOLDER_SEALED)) return ERR_OK;
    if (status == CELL_FAILED || status == CELL_INTERRUPTED || status == CELL_OVER_BUDGET)
        return folder_drop(folder, FOLDER_SEALED);
    TRY(folder_path(&from, folder, FOLDER_SEALED));
    TRY(folder_path(&to, folder, FOLDER_STALE));
    FAIL_IF(rename(from, to) != 0, ERR_IO, "cannot rename %s: %s", from, strerror(errno));
done:
    mem_free(from);
    mem_free(to);
    return err;
}

static bool is_bad(CellStatus status) { return status == CELL_FAILED || status == CELL_DIVERGED; }

/* A bad end that the cell came to since it was chosen: another try was not asked for this one. */
static bool is_newly_bad(const CellState *now, CellStatus before) {
    return now->action != CELL_REVALIDATE && is_bad(now->status) && now->status != before;
}

/* Another sweep may have been here since the agenda was made: looked at again and cleared under the cell's lock, which
 * the child takes in its turn. *state is BUSY if it cannot be had. */
static Err look_again(const Scheduler *s, const Job *job, CellState *state) {
    Err err = ERR_OK;
    const char *folder = job_folder(s, job);
    int lock = -1;
    FolderOwner owner;
    *state = scheduler_verifies(s) ? job->state : (CellState){.action = CELL_BUSY};
    if (scheduler_verifies(s)) return ERR_OK; /* the folder is ours alone */
    TRY(folder_ensure(folder));
    TRY(folder_lock(&lock, folder, &owner));
    if (lock < 0) {
        (void)folder_owner_text(&owner, state->why);
        goto done;
    }
    TRY(cell_look_inside(state, folder, job_cell(s, job), job_survey(s, job), s->spec->agenda->retry));
    if (job->is_stale && state->action == CELL_REVALIDATE) state->action = CELL_TRAIN;
    if (is_newly_bad(state, job->state.status)) state->action = CELL_SKIP;
    if (state->action == CELL_TRAIN || state->action == CELL_RESUME) TRY(clear_the_way(folder, state->status));
done:
    folder_unlock(lock);
    return err;
}

/* The cell came to its end in another process, or in its own, which was killed before it could tell. */
static void end_elsewhere(Scheduler *s, Job *job) {
    const Cell *cell = job_cell(s, job);
    const CellStatus status = job->state.status;
    const bool bad = is_bad(status);
    job->end = status == CELL_FAILED ? JOB_FAILED : JOB_SEALED;
    scheduler_count_sealed(s, status, job->weight);
    s->dirty = true;
    if (job->state.sealed) publish_tidy(job_folder(s, job), status);
    progress_more(s->progress, -job->steps_ahead);
    progress_found(s->progress);
    if (bad) progress_failed(s->progress);
    progress_say(s->progress, bad ? TONE_BAD : TONE_PLAIN, "found   %s, which %s: %s", cell->name,
                 job->was_killed ? "was sealed before its process was killed" : "another process was at",
                 job->state.why);
}

static Err start_child(Scheduler *s, int slot, Job *job) {
    Err err = ERR_OK;
    const Cell *cell = job_cell(s, job);
    bool trains = job_trains(job);
    int64_t ahead = trains ? job_steps(s, job, job->state.step) : 0;
    ChildSpec spec = {.cell = cell,
                      .folder = job_folder(s, job),
                      .n_threads = s->spec->n_threads,
                      .device = s->devices->item[job->device].name,
                      .revalidate = !trains,
                      .against = s->spec->against,
                      .verify_steps = s->spec->verify_steps};
    TRY(child_start(&job->child, &spec));
    progress_more(s->progress, ahead - job->steps_ahead);
    job->steps_ahead = ahead;
    job->end = JOB_RUNS;
    job->told = false;
    job->settled = s->devices->kind != DEVICE_CUDA;
    job->step = job->first_step = trains ? job->state.step : 0;
    job->began = scheduler_now();
    job->oom_kills = machine_oom_kills();
    s->slot[slot] = (int)(job - s->jobs);
    const ProgressDoing doing = scheduler_verifies(s)             ? PROGRESS_VERIFIES
                                : !trains                         ? PROGRESS_CHECKS
                                : job_survey(s, job)->over_budget ? PROGRESS_PLANS
                                                                  : PROGRESS_TRAINS;
    progress_begin(s->progress, slot,
                   &(ProgressCell){.name = cell->name,
                                   .metric = settings_text(cell->settings, "eval.best"),
                                   .doing = doing,
                                   .first_step = job->first_step,
                                   .last_step = trains ? job->first_step + ahead : 0});
done:
    return err;
}

/* Starts a cell if it still has work in it. */
static Err start(Scheduler *s, int slot, Job *job) {
    Err err = ERR_OK;
    CellState now;
    TRY(look_again(s, job, &now));
    job->state = now;
    if (now.action == CELL_BUSY) {
        (void)snprintf(job->cause, sizeof job->cause, "%s", now.why);
        scheduler_end_busy(s, job);
    } else if (!agenda_is_work(&now)) {
        end_elsewhere(s, job);
    } else {
        TRY(start_child(s, slot, job));
        if (job_trains(job)) job->state.status = CELL_MISSING; /* its way was cleared */
    }
done:
    return err;
}

/* ---- memory ---- */

/* What is free, less what running cells have still to take. */
typedef struct Rooms {
    Room host, device[DEVICE_MAX];
    int n_running[DEVICE_MAX];
    bool settling[DEVICE_MAX]; /* a cell that has just begun there has still to measure what it takes */
} Rooms;

static RoomNeed host_need(const Scheduler *s, const Job *job) {
    return devices_host_need(s->devices, job_survey(s, job), s->process_bytes);
}

/* A cell that has a device to itself finds out on its own what the context takes: no cell waits for a guess. */
static RoomNeed device_need(const Scheduler *s, const Job *job, bool is_alone) {
    const uint64_t guess = is_alone ? 0 : DEVICES_CONTEXT_ASSUMED;
    return devices_need(s->devices, job_survey(s, job), s->context_bytes > 0 ? s->context_bytes : guess);
}

static void look_at_rooms(const Scheduler *s, Rooms *rooms) {
    const RunDevices *devices = s->devices;
    const bool cuda = devices->kind == DEVICE_CUDA;
    bool counted[DEVICE_MAX] = {false};
    memset(rooms, 0, sizeof *rooms);
    room_look(&rooms->host);
    for (int i = 0; cuda && i < devices->n; i++) devices_look(&rooms->device[i], devices, i, &counted[i]);
    for (int k = 0; k < s->spec->n_jobs; k++) {
        if (s->slot[k] < 0) continue;
        const Job *job = &s->jobs[s->slot[k]];
        RoomNeed need = host_need(s, job);
        room_promise(&rooms->host, &need, job->child.pid);
        if (!cuda) continue;
        need = device_need(s, job, !s->spec->pack);
        rooms->n_running[job->device]++;
        rooms->settling[job->device] |= !job->settled;
        if (!job->settled || !counted[job->device]) room_promise_all(&rooms->device[job->device], &need);
    }
}

void scheduler_measure(Scheduler *s) {
    for (int k = 0; k < s->spec->n_jobs; k++) {
        if (s->slot[k] < 0) continue;
        const Job *job = &s->jobs[s->slot[k]];
        RoomNeed planned = devices_host_need(s->devices, job_survey(s, job), 0);
        uint64_t taken = planned.plan_bytes + planned.copies_bytes;
        uint64_t peak = machine_resident(job->child.pid).peak_bytes;
        if (peak > taken + s->process_bytes) s->process_bytes = peak - taken;
    }
}

typedef enum Obstacle { OBSTACLE_NONE, OBSTACLE_TURN, OBSTACLE_HOST, OBSTACLE_DEVICE } Obstacle;

/* Device i is another's for now: it has its one cell, or one that has just begun. */
static bool is_taken(const Scheduler *s, const Rooms *rooms, int i) {
    return rooms->n_running[i] > 0 && (!s->spec->pack || rooms->settling[i]);
}

/* The device on which the fewest cells run, of those that can hold this one; job->device on success. */
static Obstacle find_device(const Scheduler *s, Job *job, const Rooms *rooms, bool needs_room) {
    const RunDevices *devices = s->devices;
    Obstacle obstacle = OBSTACLE_DEVICE;
    int best = -1;
    for (int i = 0; i < devices->n; i++) {
        if (is_taken(s, rooms, i)) {
            obstacle = OBSTACLE_TURN;
            continue;
        }
        const RoomNeed need = device_need(s, job, rooms->n_running[i] == 0);
        if (needs_room && !room_holds(&rooms->device[i], &need)) continue;
        if (best < 0 || rooms->n_running[i] < rooms->n_running[best]) best = i;
    }
    if (best < 0) return obstacle;
    job->device = best;
    return OBSTACLE_NONE;
}

/* Whether a cell may begin now; an over-budget cell takes nothing but its plan. */
static Obstacle look_for_place(const Scheduler *s, Job *job, const Rooms *rooms) {
    const RunDevices *devices = s->devices;
    const Survey *survey = job_survey(s, job);
    const bool over = survey->over_budget || devices_never_hold(devices, survey, s->context_bytes);
    const RoomNeed need = host_need(s, job);
    job->device = 0;
    if (!over && !room_holds(&rooms->host, &need)) return OBSTACLE_HOST;
    return devices->kind == DEVICE_CUDA ? find_device(s, job, rooms, !over) : OBSTACLE_NONE;
}

/* What the cell needs, and what there is: on the host, or on the device that has most. */
static char *obstacle_text(char text[ROOM_TEXT], const Scheduler *s, const Job *job, const Rooms *rooms,
                           Obstacle obstacle) {
    RoomNeed need = host_need(s, job);
    if (obstacle != OBSTACLE_DEVICE) return room_text(text, &rooms->host, &need);
    int most = 0;
    for (int i = 1; i < s->devices->n; i++)
        if (room_left(&rooms->device[i]) > room_left(&rooms->device[most])) most = i;
    need = device_need(s, job, rooms->n_running[most] == 0);
    return room_text(text, &rooms->device[most], &need);
}

static void say_to_wait(Scheduler *s, Job *job, const Rooms *rooms, Obstacle obstacle) {
    char text[ROOM_TEXT];
    if (job->said_to_wait) return;
    job->said_to_wait = true;
    progress_say(s->progress, TONE_NOTE, "waits   %s: %s", job_cell(s, job)->name,
                 obstacle_text(text, s, job, rooms, obstacle));
}

/* ---- the next one ---- */

/* The first that waits and that the machine can hold; larger ones wait until something ends, and the first of them
 * says so. */
static Job *next_job(Scheduler *s) {
    Rooms rooms;
    Job *large = NULL;
    Obstacle of_large = OBSTACLE_NONE;
    bool looked = false;
    if (!scheduler_may_start(s)) return NULL;
    for (size_t i = 0; i < s->n_jobs; i++) {
        Job *job = &s->jobs[i];
        if (job->end != JOB_WAITS) continue;
        if (!looked) look_at_rooms(s, &rooms);
        looked = true;
        const Obstacle obstacle = look_for_place(s, job, &rooms);
        if (obstacle == OBSTACLE_NONE) return job;
        if (large != NULL || obstacle == OBSTACLE_TURN) continue;
        large = job;
        of_large = obstacle;
    }
    if (large != NULL && (scheduler_any_runs(s) || scheduler_waits_for_others(s)))
        say_to_wait(s, large, &rooms, of_large);
    return NULL;
}

void scheduler_fill(Scheduler *s) {
    for (int k = 0; k < s->spec->n_jobs; k++) {
        while (s->slot[k] < 0) {
            Job *job = next_job(s);
            if (job == NULL) return;
            Err err = start(s, k, job);
            if (err == ERR_OK) continue;
            job->end = JOB_FAILED;
            s->count->n_failed += job->weight;
            progress_found(s->progress);
            progress_failed(s->progress);
            progress_say(s->progress, TONE_BAD, "failed  %s: %s", job_cell(s, job)->name, err_message());
            scheduler_fail(s, err);
        }
    }
}

/* ---- other hands ---- */

bool scheduler_waits_for_others(const Scheduler *s) {
    if (!scheduler_may_start(s)) return false;
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].end == JOB_BUSY) return true;
    return false;
}

void scheduler_look_at_busy(Scheduler *s) {
    if (scheduler_now() - s->looked < look_seconds) return;
    s->looked = scheduler_now();
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].end == JOB_BUSY && !folder_is_locked(job_folder(s, &s->jobs[i]), NULL))
            s->jobs[i].end = JOB_WAITS;
}

void scheduler_beat(Scheduler *s) {
    if (scheduler_now() - s->beat < FOLDER_BEAT_SECONDS) return;
    s->beat = scheduler_now();
    for (int k = 0; k < s->spec->n_jobs; k++)
        if (s->slot[k] >= 0) folder_beat(job_folder(s, &s->jobs[s->slot[k]]));
}

/* ---- the end ---- */

static void defer(Scheduler *s, Job *job, const Rooms *rooms) {
    char text[ROOM_TEXT];
    const Obstacle obstacle = look_for_place(s, job, rooms);
    job->end = JOB_DEFERRED;
    s->count->n_deferred += job->weight;
    progress_say(s->progress, TONE_NOTE, "deferred  %s: %s", job_cell(s, job)->name,
                 obstacle_text(text, s, job, rooms, obstacle));
}

void scheduler_leave_rest(Scheduler *s) {
    Rooms rooms;
    look_at_rooms(s, &rooms);
    for (size_t i = 0; i < s->n_jobs; i++) {
        Job *job = &s->jobs[i];
        if (job->end == JOB_BUSY) s->count->n_busy += job->weight;
        if (job->end != JOB_WAITS) continue;
        if (scheduler_may_start(s))
            defer(s, job, &rooms);
        else if (job->was_killed)
            s->count->n_interrupted += job->weight;
        else
            s->count->n_not_started += job->weight;
    }
}

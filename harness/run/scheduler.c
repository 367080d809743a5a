/* The loop of the parent: start, listen, reap, pack. It computes nothing and holds no device. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/run/publish.h"
#include "harness/run/scheduler_parts.h"
#include "kernels/mem.h"

enum { WAKE_MS = 100 };

static const double pack_seconds = 60;

double scheduler_now(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

const Cell *job_cell(const Scheduler *s, const Job *job) { return &s->grid->cells[job->i_cell]; }
const char *job_folder(const Scheduler *s, const Job *job) { return s->spec->agenda->item[job->i_cell].folder; }
const Survey *job_survey(const Scheduler *s, const Job *job) {
    return survey_of(s->spec->agenda->surveys, job->i_cell);
}

int64_t job_steps(const Scheduler *s, const Job *job, int64_t step) {
    int64_t n = settings_int(job_cell(s, job)->settings, "train.steps"), asked = s->spec->verify_steps;
    return (asked > 0 && asked < n ? asked : n) - step;
}

void scheduler_fail(Scheduler *s, Err err) {
    if (s->fatal != ERR_OK) return;
    s->fatal = err;
    (void)snprintf(s->fatal_message, sizeof s->fatal_message, "%s", err_message());
}

/* ---- signals ---- */

static volatile sig_atomic_t n_signals;
static int wake[2] = {-1, -1};

static void on_signal(int signal_number) {
    int saved = errno;
    (void)signal_number;
    n_signals = n_signals + 1;
    (void)!write(wake[1], "!", 1);
    errno = saved;
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_CAUGHT = sizeof caught / sizeof caught[0] };

static Err catch_signals(struct sigaction before[N_CAUGHT]) {
    struct sigaction action = {.sa_handler = on_signal};
    n_signals = 0;
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) return err_set(ERR_DEVICE, "cannot make a pipe: %s", strerror(errno));
    (void)sigemptyset(&action.sa_mask);
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &action, &before[i]);
    return ERR_OK;
}

static void release_signals(const struct sigaction before[N_CAUGHT]) {
    if (wake[0] < 0) return;
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &before[i], NULL);
    (void)close(wake[0]);
    (void)close(wake[1]);
    wake[0] = wake[1] = -1;
}

static void signal_all(Scheduler *s, int signal_number) {
    for (int k = 0; k < s->spec->n_jobs; k++)
        if (s->slot[k] >= 0) child_signal(&s->jobs[s->slot[k]].child, signal_number);
}

static void heed_signals(Scheduler *s) {
    if (n_signals > 0 && !s->stopping) {
        s->stopping = true;
        progress_say(s->progress, TONE_NOTE, "stopping: running cells finish their step%s; once more kills them",
                     scheduler_verifies(s) ? "" : " and write a checkpoint");
        signal_all(s, SIGTERM);
    }
    if (n_signals > 1 && !s->killed) {
        s->killed = true;
        signal_all(s, SIGKILL);
    }
}

/* ---- listening ---- */

static void settle(Scheduler *s, Job *job, uint64_t context_bytes) {
    job->settled = true;
    if (context_bytes > s->context_bytes) s->context_bytes = context_bytes;
}

/* A cell that is prepared has not read its checkpoint yet: it stands where its folder says. */
static void take_news(Scheduler *s, int slot, Job *job, const TrainerNews *told) {
    TrainerNews news = *told;
    if (news.phase == TRAINER_PREPARING) news.step = job->first_step;
    job->step = job_trains(job) ? news.step : 0;
    if (news.context_bytes >= 0 && !job->settled) settle(s, job, (uint64_t)news.context_bytes);
    progress_news(s->progress, slot, &news);
}

static void take_message(Scheduler *s, int slot, Job *job) {
    const ChildMessage *m = &job->child.message;
    switch ((ChildKind)m->kind) {
    case CHILD_NEWS: take_news(s, slot, job, &m->news); return;
    case CHILD_NOTE: return;
    case CHILD_WARNING: progress_say(s->progress, TONE_NOTE, "note    %s: %s", job_cell(s, job)->name, m->text); return;
    default: break;
    }
    job->told = true;
    job->kind = (ChildKind)m->kind;
    job->err = (Err)m->err;
    job->status = (CellStatus)m->status;
    (void)snprintf(job->cause, sizeof job->cause, "%s", m->text);
}

static void listen_to(Scheduler *s, int slot) {
    Job *job = &s->jobs[s->slot[slot]];
    ChildRead got;
    while ((got = child_read(&job->child)) == CHILD_MESSAGE) take_message(s, slot, job);
    if (got == CHILD_GONE) scheduler_reap(s, slot);
}

bool scheduler_any_runs(const Scheduler *s) {
    for (int k = 0; k < s->spec->n_jobs; k++)
        if (s->slot[k] >= 0) return true;
    return false;
}

static void wait_for_news(Scheduler *s) {
    struct pollfd fds[MAX_JOBS + 1];
    int of_slot[MAX_JOBS + 1];
    nfds_t n = 1;
    char drain[64];
    fds[0] = (struct pollfd){.fd = wake[0], .events = POLLIN};
    for (int k = 0; k < s->spec->n_jobs; k++) {
        if (s->slot[k] < 0) continue;
        of_slot[n] = k;
        fds[n++] = (struct pollfd){.fd = s->jobs[s->slot[k]].child.pipe, .events = POLLIN};
    }
    if (poll(fds, n, WAKE_MS) < 0) return; /* a signal: looked at by the caller */
    while (read(wake[0], drain, sizeof drain) > 0) continue;
    for (nfds_t i = 1; i < n; i++)
        if (fds[i].revents != 0) listen_to(s, of_slot[i]);
}

/* A pack that fails while cells still run is tried again; at the end it counts. */
static void pack_now_and_then(Scheduler *s) {
    if (!s->dirty || scheduler_verifies(s) || scheduler_now() - s->packed < pack_seconds) return;
    s->packed = scheduler_now();
    if (publish_pack(s->spec->results, s->grid, s->spec->command) != ERR_OK)
        progress_say(s->progress, TONE_NOTE, "packing will be tried again: %s", err_message());
    else
        s->dirty = false;
}

/* ---- the run ---- */

static size_t weight_of(const Agenda *agenda, size_t i_cell) {
    size_t n = 0;
    for (size_t i = 0; i < agenda->grid->n_cells; i++)
        n += agenda->item[i].selected && agenda->grid->cells[i].same_as == i_cell;
    return n;
}

static Err list_jobs(Scheduler *s) {
    Err err = ERR_OK;
    const Agenda *agenda = s->spec->agenda;
    TRY(mem_alloc(&s->jobs, s->grid->n_cells, sizeof *s->jobs));
    for (size_t i = 0; i < s->grid->n_cells; i++) {
        const AgendaItem *item = &agenda->item[i];
        const CellState *state = &item->state;
        bool busy = state->action == CELL_BUSY;
        if (!item->selected || state->action == CELL_SAME) continue;
        if (!busy && !agenda_is_work(state)) {
            if (state->sealed) publish_tidy(item->folder, state->status);
            scheduler_count_sealed(s, state->status, weight_of(agenda, i));
            continue;
        }
        Job *job = &s->jobs[s->n_jobs++];
        *job = (Job){.i_cell = i, .weight = weight_of(agenda, i), .state = *state, .child = {.pipe = -1}};
        if (!busy && job_trains(job)) job->steps_ahead = job_steps(s, job, state->step);
    }
    s->n_bad_before = s->count->n_failed + s->count->n_diverged;
done:
    return err;
}

/* Whose lock it is, is told again when the cell's turn has come. */
static void say_busy(Scheduler *s) {
    for (size_t i = 0; i < s->n_jobs; i++) {
        Job *job = &s->jobs[i];
        if (job->state.action != CELL_BUSY) continue;
        (void)snprintf(job->cause, sizeof job->cause, "%s", job->state.why);
        scheduler_end_busy(s, job);
    }
}

static Err outcome(const Scheduler *s) {
    const SchedulerCount *n = s->count;
    if (s->fatal != ERR_OK) return err_set(s->fatal, "%s", s->fatal_message);
    if (s->stopping && scheduler_verifies(s)) return err_set(ERR_INTERRUPTED, "interrupted: not all was compared");
    if (s->stopping) return err_set(ERR_INTERRUPTED, "interrupted: the same command resumes");
    if (n->n_differ > 0) return err_set(ERR_GATE, "not all cells are as recorded");
    if (n->n_failed + n->n_diverged > 0) return err_set(ERR_FAILED, "not all cells could be trained");
    if (n->n_interrupted > 0) return err_set(ERR_INTERRUPTED, "cells were interrupted: the same command resumes");
    if (n->n_busy > 0) return err_set(ERR_INTERRUPTED, "another process is at the rest: the same command looks again");
    if (n->n_deferred > 0)
        return err_set(ERR_DEFERRED, "this machine cannot hold %zu cell%s now: the same command runs %s when it can",
                       n->n_deferred, n->n_deferred == 1 ? "" : "s", n->n_deferred == 1 ? "it" : "them");
    return ERR_OK;
}

static Err work(Scheduler *s) {
    Err err = ERR_OK;
    say_busy(s);
    scheduler_fill(s);
    while (scheduler_any_runs(s) || scheduler_waits_for_others(s)) {
        wait_for_news(s);
        heed_signals(s);
        scheduler_beat(s);
        scheduler_measure(s);
        scheduler_look_at_busy(s);
        scheduler_fill(s);
        pack_now_and_then(s);
        progress_tick(s->progress);
    }
    scheduler_leave_rest(s);
    if (s->killed || scheduler_verifies(s)) return ERR_OK;
    err = publish_pack(s->spec->results, s->grid, s->spec->command);
    if (err != ERR_OK) scheduler_fail(s, err);
    return ERR_OK;
}

Err scheduler_run(const SchedulerSpec *spec, SchedulerCount *count) {
    Err err = ERR_OK;
    struct sigaction before[N_CAUGHT];
    const RunDevices cpu = {.kind = DEVICE_CPU, .item = {{.name = "cpu"}}, .n = 1};
    Scheduler s = {.spec = spec,
                   .devices = spec->devices != NULL ? spec->devices : &cpu,
                   .grid = spec->agenda->grid,
                   .count = count,
                   .packed = scheduler_now(),
                   .process_bytes = machine_resident(0).now_bytes}; /* the same program, which has opened the data */
    memset(count, 0, sizeof *count);
    ASSERT(spec->n_jobs >= 1 && spec->n_jobs <= MAX_JOBS);
    for (int k = 0; k < MAX_JOBS; k++) s.slot[k] = -1;
    TRY(catch_signals(before));
    TRY(list_jobs(&s));
    ProgressSpec shown = {
        .to = stderr, .n_slots = spec->n_jobs, .n_cells = s.n_jobs, .total_steps = spec->agenda->n_steps};
    TRY(progress_new(&s.progress, &shown));
    TRY(work(&s));
    err = outcome(&s);
done:
    progress_free(s.progress);
    release_signals(before);
    mem_free(s.jobs);
    return err;
}

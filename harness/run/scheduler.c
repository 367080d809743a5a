/* The loop of the parent: start, listen, reap, pack. It computes nothing and holds no device. */
#include "harness/run/scheduler.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/record/record.h"
#include "harness/run/child.h"
#include "harness/run/folder.h"
#include "harness/run/progress.h"
#include "harness/run/publish.h"
#include "harness/run/size_text.h"
#include "harness/version.h"
#include "kernels/mem.h"

enum { MAX_JOBS = 256, WAKE_MS = 100, LOG_LINES = 8 };

static const double pack_seconds = 60;

typedef enum JobEnd { JOB_WAITS, JOB_RUNS, JOB_SEALED, JOB_FAILED, JOB_INTERRUPTED, JOB_BUSY } JobEnd;

typedef struct Job {
    size_t i_cell;
    size_t weight; /* cells that it stands for: those that are trained as it, too */
    CellAction action;
    int64_t first_step; /* updates done before */
    JobEnd end;
    CellStatus status;
    Child child;
    bool told;      /* a last message came */
    Err err;        /* of CHILD_ERROR */
    ChildKind kind; /* of the last message */
    int64_t step;   /* updates done, as far as is known */
    double began;
    char cause[CHILD_TEXT];
} Job;

typedef struct Scheduler {
    const SchedulerSpec *spec;
    const Grid *grid;
    Job *jobs; /* [n_jobs] in the order of the cells */
    size_t n_jobs, n_started;
    int slot[MAX_JOBS]; /* job that runs there, -1 = free */
    Progress *progress;
    bool stopping, killed, dirty;
    double packed;
    Err fatal; /* nothing can be written any more */
    char fatal_message[512];
    SchedulerCount *count;
} Scheduler;

static double now_seconds(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

static const Cell *cell_of(const Scheduler *s, const Job *job) { return &s->grid->cells[job->i_cell]; }
static const AgendaItem *item_of(const Scheduler *s, const Job *job) { return &s->spec->agenda->item[job->i_cell]; }

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
        progress_say(s->progress, TONE_NOTE,
                     "stopping: running cells finish their step and write a checkpoint; once more kills them");
        signal_all(s, SIGTERM);
    }
    if (n_signals > 1 && !s->killed) {
        s->killed = true;
        signal_all(s, SIGKILL);
    }
}

/* ---- starting ---- */

/* What was sealed before makes room: an end that is no result is dropped, a result is kept aside. */
static Err clear_the_way(const Scheduler *s, const Job *job) {
    Err err = ERR_OK;
    const AgendaItem *item = item_of(s, job);
    char *from = NULL, *to = NULL;
    CellStatus status = item->state.status;
    if (!folder_has(item->folder, FOLDER_SEALED)) return ERR_OK;
    if (status == CELL_FAILED || status == CELL_INTERRUPTED || status == CELL_OVER_BUDGET)
        return folder_drop(item->folder, FOLDER_SEALED);
    TRY(folder_path(&from, item->folder, FOLDER_SEALED));
    TRY(folder_path(&to, item->folder, FOLDER_STALE));
    FAIL_IF(rename(from, to) != 0, ERR_IO, "cannot rename %s: %s", from, strerror(errno));
done:
    mem_free(from);
    mem_free(to);
    return err;
}

static Err start(Scheduler *s, int slot, Job *job) {
    Err err = ERR_OK;
    const Cell *cell = cell_of(s, job);
    bool check = job->action == CELL_REVALIDATE;
    ChildSpec spec = {
        .cell = cell, .folder = item_of(s, job)->folder, .n_threads = s->spec->n_threads, .revalidate = check};
    if (!check) TRY(clear_the_way(s, job));
    TRY(child_start(&job->child, &spec));
    job->end = JOB_RUNS;
    job->told = false;
    job->step = job->first_step;
    job->began = now_seconds();
    s->slot[slot] = (int)(job - s->jobs);
    progress_begin(s->progress, slot, cell->name, settings_text(cell->settings, "eval.best"),
                   check ? "checking" : "training", job->first_step);
done:
    return err;
}

static Job *next_job(Scheduler *s) {
    if (s->stopping || s->fatal != ERR_OK) return NULL;
    if (s->spec->fail_fast && s->count->n_failed + s->count->n_diverged > 0) return NULL;
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].end == JOB_WAITS) return &s->jobs[i];
    return NULL;
}

static void fail_all(Scheduler *s, Err err) {
    if (s->fatal != ERR_OK) return;
    s->fatal = err;
    (void)snprintf(s->fatal_message, sizeof s->fatal_message, "%s", err_message());
}

static void fill_slots(Scheduler *s) {
    for (int k = 0; k < s->spec->n_jobs; k++) {
        if (s->slot[k] >= 0) continue;
        Job *job = next_job(s);
        if (job == NULL) return;
        Err err = start(s, k, job);
        if (err != ERR_OK) {
            job->end = JOB_FAILED;
            s->count->n_failed += job->weight;
            progress_say(s->progress, TONE_BAD, "failed  %s: %s", cell_of(s, job)->name, err_message());
            fail_all(s, err);
        }
    }
}

/* ---- ends ---- */

static void say_log_tail(Scheduler *s, const char *folder) {
    char *text = NULL;
    size_t n = 0;
    if (folder_read(&text, &n, folder, FOLDER_LOG) != ERR_OK) return;
    while (n > 0 && text[n - 1] == '\n') text[--n] = '\0';
    size_t at = n;
    for (int lines = 0; at > 0 && lines < LOG_LINES; at--)
        if (text[at - 1] == '\n' && ++lines == LOG_LINES) break;
    for (char *line = text + at; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        progress_say(s->progress, TONE_PLAIN, "        | %.*s", (int)(len < 200 ? len : 200), line);
        line += len + (line[len] == '\n');
    }
    mem_free(text);
}

static void say_failure(Scheduler *s, const Job *job, const char *what) {
    const Cell *cell = cell_of(s, job);
    const char *folder = item_of(s, job)->folder;
    progress_say(s->progress, TONE_BAD, "%s  %s: %s", what, cell->name, job->cause);
    if (job->end == JOB_FAILED) say_log_tail(s, folder);
    progress_say(s->progress, TONE_PLAIN, "        log:   %s/%s", folder, FOLDER_LOG);
    progress_say(s->progress, TONE_PLAIN, "        again: %s '%s'", s->spec->again, cell->name);
}

static void seal_unfinished(Scheduler *s, const Job *job, CellStatus status) {
    if (s->killed) return;
    Err err = publish_unfinished(item_of(s, job)->folder, cell_of(s, job), status, job->cause);
    if (err != ERR_OK) fail_all(s, err);
    s->dirty = true;
}

static void end_sealed(Scheduler *s, Job *job) {
    char took[SIZE_TEXT];
    job->end = JOB_SEALED;
    s->dirty = true;
    (void)time_text(now_seconds() - job->began, took);
    switch (job->status) {
    case CELL_DONE:
        s->count->n_done += job->weight;
        progress_say(s->progress, TONE_GOOD, "done    %s  in %s", cell_of(s, job)->name, took);
        break;
    case CELL_OVER_BUDGET:
        s->count->n_over_budget += job->weight;
        progress_say(s->progress, TONE_NOTE, "over    %s: %s", cell_of(s, job)->name, job->cause);
        break;
    default:
        s->count->n_diverged += job->weight;
        say_failure(s, job, "diverged");
        break;
    }
}

static void end_valid(Scheduler *s, Job *job) {
    Err err = ERR_OK;
    const Survey *survey = survey_of(s->spec->agenda->surveys, job->i_cell);
    const char *folder = item_of(s, job)->folder;
    char *path = NULL, note[160], date[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) (void)strftime(date, sizeof date, "%Y-%m-%d", &utc);
    (void)snprintf(note, sizeof note, "%s on %s", version_text(), date);
    TRY(folder_path(&path, folder, FOLDER_SEALED));
    TRY(record_revalidate(path, survey->code, note));
    TRY(folder_write(folder, FOLDER_SOURCES, survey->sources, strlen(survey->sources)));
    job->end = JOB_SEALED;
    s->count->n_revalidated += job->weight;
    if (job->status == CELL_DIVERGED)
        s->count->n_diverged += job->weight;
    else
        s->count->n_done += job->weight;
    s->dirty = true;
    progress_say(s->progress, TONE_GOOD, "same    %s: the present code gives the same bits", cell_of(s, job)->name);
done:
    if (err != ERR_OK) fail_all(s, err);
    mem_free(path);
}

/* The sealed cell is put aside by the next start, and trained again. */
static void end_stale(Scheduler *s, Job *job) {
    progress_say(s->progress, TONE_NOTE, "stale   %s: %s; it is trained again", cell_of(s, job)->name, job->cause);
    s->count->n_stale += job->weight;
    job->action = CELL_TRAIN;
    job->first_step = 0;
    job->end = JOB_WAITS;
    progress_more(s->progress, settings_int(cell_of(s, job)->settings, "train.steps"));
}

static void end_interrupted(Scheduler *s, Job *job) {
    job->end = JOB_INTERRUPTED;
    s->count->n_interrupted += job->weight;
    if (job->action == CELL_REVALIDATE) return; /* what is sealed stays */
    if (job->cause[0] == '\0') (void)snprintf(job->cause, sizeof job->cause, "interrupted");
    progress_say(s->progress, TONE_NOTE, "stopped %s: %s", cell_of(s, job)->name, job->cause);
    seal_unfinished(s, job, CELL_INTERRUPTED);
}

static void end_failed(Scheduler *s, Job *job, int code, int signal_number) {
    job->end = JOB_FAILED;
    s->count->n_failed += job->weight;
    if (signal_number != 0)
        (void)snprintf(job->cause, sizeof job->cause, "killed by signal %d (%s) after step %" PRId64 "%s",
                       signal_number, strsignal(signal_number), job->step,
                       signal_number == SIGKILL ? ": the system may have run out of memory" : "");
    else if (!job->told || job->kind != CHILD_ERROR)
        (void)snprintf(job->cause, sizeof job->cause, "ended with exit code %d after step %" PRId64, code, job->step);
    say_failure(s, job, "failed ");
    bool cannot_write = job->told && (job->err == ERR_IO || job->err == ERR_CREATE);
    if (cannot_write) fail_all(s, err_set(job->err, "%s: %s", cell_of(s, job)->name, job->cause));
    if (job->action != CELL_REVALIDATE) seal_unfinished(s, job, CELL_FAILED);
}

static void reap(Scheduler *s, int slot) {
    Job *job = &s->jobs[s->slot[slot]];
    int code = 0, signal_number = 0;
    child_wait(&job->child, &code, &signal_number);
    bool training = job->action != CELL_REVALIDATE;
    int64_t n_steps = settings_int(cell_of(s, job)->settings, "train.steps");
    bool sealed = job->told && job->kind == CHILD_SEALED;
    bool bad = !(job->told && (sealed ? job->status != CELL_DIVERGED : job->kind != CHILD_ERROR));
    bool asked = s->stopping && (signal_number == SIGTERM || signal_number == SIGKILL);
    if (job->told && job->kind == CHILD_ERROR && job->err == ERR_INTERRUPTED) asked = true;
    s->slot[slot] = -1;
    progress_end(s->progress, slot, bad && !asked, training ? n_steps - job->step : 0);
    if (sealed)
        end_sealed(s, job);
    else if (job->told && job->kind == CHILD_VALID)
        end_valid(s, job);
    else if (job->told && job->kind == CHILD_STALE)
        end_stale(s, job);
    else if (job->told && job->kind == CHILD_BUSY) {
        job->end = JOB_BUSY;
        s->count->n_busy += job->weight;
        progress_say(s->progress, TONE_NOTE, "busy    %s: %s", cell_of(s, job)->name, job->cause);
    } else if (asked)
        end_interrupted(s, job);
    else
        end_failed(s, job, code, signal_number);
}

/* ---- listening ---- */

static void take_message(Scheduler *s, int slot, Job *job) {
    const ChildMessage *m = &job->child.message;
    switch ((ChildKind)m->kind) {
    case CHILD_NEWS:
        job->step = job->action == CELL_REVALIDATE ? 0 : m->news.step;
        progress_news(s->progress, slot, &m->news);
        return;
    case CHILD_NOTE: return;
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
    if (got == CHILD_GONE) reap(s, slot);
}

static bool any_runs(const Scheduler *s) {
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
    if (!s->dirty || now_seconds() - s->packed < pack_seconds) return;
    s->packed = now_seconds();
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
        if (!item->selected || item->state.action == CELL_SAME) continue;
        size_t weight = weight_of(agenda, i);
        if (agenda_is_work(&item->state)) {
            s->jobs[s->n_jobs++] = (Job){.i_cell = i,
                                         .weight = weight,
                                         .action = item->state.action,
                                         .first_step = item->state.action == CELL_RESUME ? item->state.step : 0,
                                         .child = {.pipe = -1}};
            continue;
        }
        if (item->state.action == CELL_BUSY) s->count->n_busy += weight;
        if (item->state.status == CELL_DONE) s->count->n_done += weight;
        if (item->state.status == CELL_OVER_BUDGET) s->count->n_over_budget += weight;
        if (item->state.status == CELL_DIVERGED) s->count->n_diverged += weight;
    }
done:
    return err;
}

static Err outcome(const Scheduler *s) {
    const SchedulerCount *n = s->count;
    if (s->fatal != ERR_OK) return err_set(s->fatal, "%s", s->fatal_message);
    if (s->stopping) return err_set(ERR_INTERRUPTED, "interrupted: the same command resumes");
    if (n->n_failed + n->n_diverged > 0) return err_set(ERR_FAILED, "not all cells could be trained");
    if (n->n_interrupted > 0) return err_set(ERR_INTERRUPTED, "cells were interrupted: the same command resumes");
    if (n->n_busy > 0)
        return err_set(ERR_INTERRUPTED,
                       "another process is at the rest: when it has ended, the same command checks it");
    return ERR_OK;
}

static Err work(Scheduler *s) {
    Err err = ERR_OK;
    fill_slots(s);
    while (any_runs(s)) {
        wait_for_news(s);
        heed_signals(s);
        fill_slots(s);
        pack_now_and_then(s);
        progress_tick(s->progress);
    }
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].end == JOB_WAITS) s->count->n_not_started += s->jobs[i].weight;
    if (s->killed) return ERR_OK;
    err = publish_pack(s->spec->results, s->grid, s->spec->command);
    if (err != ERR_OK) fail_all(s, err);
    return ERR_OK;
}

Err scheduler_run(const SchedulerSpec *spec, SchedulerCount *count) {
    Err err = ERR_OK;
    struct sigaction before[N_CAUGHT];
    Scheduler s = {.spec = spec, .grid = spec->agenda->grid, .count = count, .packed = now_seconds()};
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

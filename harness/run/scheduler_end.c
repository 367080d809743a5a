/* What becomes of a cell whose process is gone. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/record/record.h"
#include "harness/run/checkpoint.h"
#include "harness/run/folder.h"
#include "harness/run/publish.h"
#include "harness/run/scheduler_parts.h"
#include "harness/run/size_text.h"
#include "harness/version.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

enum { LOG_LINES = 8 };

void scheduler_count_sealed(Scheduler *s, CellStatus status, size_t weight) {
    if (status == CELL_DONE) s->count->n_done += weight;
    if (status == CELL_OVER_BUDGET) s->count->n_over_budget += weight;
    if (status == CELL_DIVERGED) s->count->n_diverged += weight;
    if (status == CELL_FAILED) s->count->n_failed += weight;
}

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
    const Cell *cell = job_cell(s, job);
    const char *folder = job_folder(s, job);
    progress_say(s->progress, TONE_BAD, "%s  %s: %s", what, cell->name, job->cause);
    if (job->end == JOB_FAILED) say_log_tail(s, folder);
    if (scheduler_verifies(s)) return; /* the folder goes when all is over */
    progress_say(s->progress, TONE_PLAIN, "        log:   %s/%s", folder, FOLDER_LOG);
    progress_say(s->progress, TONE_PLAIN, "        again: %s '%s' --retry %s", s->spec->again, cell->name,
                 job->end == JOB_FAILED ? "failed" : "diverged");
}

static void seal_unfinished(Scheduler *s, const Job *job, CellStatus status) {
    if (s->killed || scheduler_verifies(s)) return;
    Err err = publish_unfinished(job_folder(s, job), job_cell(s, job), status, job->cause);
    if (err != ERR_OK) scheduler_fail(s, err);
    s->dirty = true;
}

static void end_sealed(Scheduler *s, Job *job) {
    char took[SIZE_TEXT];
    job->end = JOB_SEALED;
    s->dirty = true;
    (void)time_text(scheduler_now() - job->began, took);
    scheduler_count_sealed(s, job->status, job->weight);
    switch (job->status) {
    case CELL_DONE: progress_say(s->progress, TONE_GOOD, "done    %s  in %s", job_cell(s, job)->name, took); break;
    case CELL_OVER_BUDGET:
        progress_say(s->progress, TONE_NOTE, "over    %s: %s", job_cell(s, job)->name, job->cause);
        break;
    default:
        progress_failed(s->progress);
        say_failure(s, job, "diverged");
        break;
    }
}

static void end_valid(Scheduler *s, Job *job) {
    Err err = ERR_OK;
    const Survey *survey = job_survey(s, job);
    const char *folder = job_folder(s, job);
    char *path = NULL, note[160], date[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) (void)strftime(date, sizeof date, "%Y-%m-%d", &utc);
    (void)snprintf(note, sizeof note, "%s on %s", version_text(), date);
    TRY(folder_path(&path, folder, FOLDER_SEALED));
    TRY(record_revalidate(path, survey->code, survey->sources, note));
    TRY(folder_write(folder, FOLDER_SOURCES, survey->sources, strlen(survey->sources)));
    job->end = JOB_SEALED;
    s->count->n_revalidated += job->weight;
    scheduler_count_sealed(s, job->status == CELL_DIVERGED ? CELL_DIVERGED : CELL_DONE, job->weight);
    s->dirty = true;
    progress_say(s->progress, TONE_GOOD, "same    %s: the present code gives the same bits", job_cell(s, job)->name);
done:
    if (err != ERR_OK) scheduler_fail(s, err);
    mem_free(path);
}

/* Compared with a results file: what came of it is in the folder. */
static void end_verified(Scheduler *s, Job *job) {
    const char *name = job_cell(s, job)->name;
    job->end = JOB_SEALED;
    if (job->kind == CHILD_VALID) {
        s->count->n_verified += job->weight;
        progress_say(s->progress, TONE_GOOD, "same    %s", name);
    } else {
        s->count->n_differ += job->weight;
        progress_say(s->progress, TONE_BAD, "differs %s: %s", name, job->cause);
    }
}

/* The sealed cell is put aside by the next start, and trained again. */
static void end_stale(Scheduler *s, Job *job) {
    progress_say(s->progress, TONE_NOTE, "stale   %s: %s; it is trained again", job_cell(s, job)->name, job->cause);
    s->count->n_stale += job->weight;
    job->is_stale = true;
    job->end = JOB_WAITS;
    job->steps_ahead = settings_int(job_cell(s, job)->settings, "train.steps");
    progress_again(s->progress, job->steps_ahead);
}

static void end_interrupted(Scheduler *s, Job *job) {
    job->end = JOB_INTERRUPTED;
    s->count->n_interrupted += job->weight;
    if (!job_trains(job)) return; /* what is sealed stays */
    if (job->cause[0] == '\0') (void)snprintf(job->cause, sizeof job->cause, "interrupted");
    progress_say(s->progress, TONE_NOTE, "stopped %s: %s", job_cell(s, job)->name, job->cause);
    seal_unfinished(s, job, CELL_INTERRUPTED);
}

/* ---- killed by a signal that refocus did not send ---- */

/* A counter of the system tells an out-of-memory kill from any other. */
static const char *who_killed(const Job *job, int signal_number) {
    int64_t kills = machine_oom_kills();
    if (signal_number != SIGKILL) return "";
    if (kills < 0 || job->oom_kills < 0) return ": not by refocus; the system may have run out of memory";
    return kills > job->oom_kills ? ": the system ran out of memory" : ": not by refocus";
}

/* The step of the last checkpoint; 0 = there is none. */
static int64_t checkpoint_step(const char *folder) {
    CheckpointKey key;
    CheckpointState state = {.step = 0};
    bool there = checkpoint_look(folder, CHECKPOINT_LAST, &key, &state) == ERR_OK;
    err_clear();
    return there ? state.step : 0;
}

/* The folder remembers at which checkpoint the cell was when its process was killed, whichever sweep it was in. *again
 * = there has been no newer one since. */
static Err mark_killed(bool *again, const Job *job, const char *folder) {
    Err err = ERR_OK;
    char *before = NULL, mark[CHILD_TEXT + 32], start[32];
    size_t n = 0;
    (void)snprintf(start, sizeof start, "%" PRId64 "\n", checkpoint_step(folder));
    (void)snprintf(mark, sizeof mark, "%s%s\n", start, job->cause);
    *again = folder_read(&before, &n, folder, FOLDER_KILLED) == ERR_OK && strncmp(before, start, strlen(start)) == 0;
    err_clear();
    TRY(folder_write(folder, FOLDER_KILLED, mark, strlen(mark)));
done:
    mem_free(before);
    return err;
}

/* What comes next, now that it was killed for the first time. */
static const char *after_kill(const Scheduler *s) {
    if (scheduler_may_start(s)) return "it is begun again";
    return scheduler_verifies(s) ? "it is not compared" : "the same command resumes it";
}

/* True if the cell is begun again. A second time without a checkpoint in between would go on like that for ever; what
 * only compares writes none. */
static bool end_killed(Scheduler *s, Job *job, int signal_number) {
    const char *folder = job_folder(s, job), *name = job_cell(s, job)->name;
    const bool seals = job_trains(job) && !scheduler_verifies(s), sealed = seals && folder_has(folder, FOLDER_SEALED);
    bool again = job->was_killed && !sealed;
    (void)snprintf(job->cause, sizeof job->cause, "killed by signal %d (%s) after step %" PRId64 "%s", signal_number,
                   strsignal(signal_number), job->step, who_killed(job, signal_number));
    if (seals && !sealed) {
        Err err = mark_killed(&again, job, folder);
        if (err != ERR_OK) scheduler_fail(s, err);
    }
    if (again) {
        size_t len = strlen(job->cause);
        (void)snprintf(job->cause + len, sizeof job->cause - len, "; twice%s",
                       seals ? " without a new checkpoint" : "");
        return false;
    }
    fault_disarm();
    job->was_killed = true;
    job->end = JOB_WAITS;
    progress_again(s->progress, job->steps_ahead);
    progress_say(s->progress, TONE_NOTE, "killed  %s: %s; %s", name, job->cause, after_kill(s));
    return true;
}

/* ---- other ends ---- */

static void end_failed(Scheduler *s, Job *job, int code, int signal_number) {
    if (signal_number != 0 && end_killed(s, job, signal_number)) return;
    job->end = JOB_FAILED;
    s->count->n_failed += job->weight;
    progress_failed(s->progress);
    if (signal_number == 0 && (!job->told || job->kind != CHILD_ERROR))
        (void)snprintf(job->cause, sizeof job->cause, "ended with exit code %d after step %" PRId64, code, job->step);
    say_failure(s, job, "failed ");
    bool cannot_write = job->told && (job->err == ERR_IO || job->err == ERR_CREATE);
    if (cannot_write) scheduler_fail(s, err_set(job->err, "%s: %s", job_cell(s, job)->name, job->cause));
    if (!job_trains(job) || scheduler_verifies(s)) return;
    seal_unfinished(s, job, cannot_write ? CELL_INTERRUPTED : CELL_FAILED);    /* the disk failed, not the cell */
    if (folder_drop(job_folder(s, job), FOLDER_KILLED) != ERR_OK) err_clear(); /* tried anew, it counts anew */
}

/* The machine filled up while the cell's process began. */
static void end_deferred(Scheduler *s, Job *job) {
    job->end = JOB_DEFERRED;
    s->count->n_deferred += job->weight;
    progress_say(s->progress, TONE_NOTE, "deferred  %s: %s", job_cell(s, job)->name, job->cause);
}

void scheduler_end_busy(Scheduler *s, Job *job) {
    job->end = JOB_BUSY;
    progress_say(s->progress, TONE_NOTE, "waits   %s: %s", job_cell(s, job)->name, job->cause);
}

/* Another process was faster. */
static void end_busy_child(Scheduler *s, Job *job) {
    progress_again(s->progress, job->steps_ahead);
    scheduler_end_busy(s, job);
}

void scheduler_reap(Scheduler *s, int slot) {
    Job *job = &s->jobs[s->slot[slot]];
    int code = 0, signal_number = 0;
    child_wait(&job->child, &code, &signal_number);
    bool training = job_trains(job);
    int64_t n_steps = job_steps(s, job, 0);
    bool sealed = job->told && job->kind == CHILD_SEALED;
    bool asked = s->stopping && (signal_number == SIGTERM || signal_number == SIGKILL);
    if (job->told && job->kind == CHILD_ERROR && job->err == ERR_INTERRUPTED) asked = true;
    bool deferred = job->told && job->kind == CHILD_ERROR && job->err == ERR_DEFERRED;
    s->slot[slot] = -1;
    progress_end(s->progress, slot, training ? n_steps - job->step : 0);
    if (sealed)
        end_sealed(s, job);
    else if (scheduler_verifies(s) && job->told && (job->kind == CHILD_VALID || job->kind == CHILD_STALE))
        end_verified(s, job);
    else if (job->told && job->kind == CHILD_VALID)
        end_valid(s, job);
    else if (job->told && job->kind == CHILD_STALE)
        end_stale(s, job);
    else if (job->told && job->kind == CHILD_BUSY)
        end_busy_child(s, job);
    else if (deferred)
        end_deferred(s, job);
    else if (asked)
        end_interrupted(s, job);
    else
        end_failed(s, job, code, signal_number);
}

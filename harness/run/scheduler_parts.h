/* What the files of the scheduler share: its state, and the stages of a job's life. For scheduler*.c only. */
#ifndef HARNESS_RUN_SCHEDULER_PARTS_H
#define HARNESS_RUN_SCHEDULER_PARTS_H

#include "harness/run/child.h"
#include "harness/run/progress.h"
#include "harness/run/room.h"
#include "harness/run/scheduler.h"

enum { MAX_JOBS = 256 };

typedef enum JobEnd {
    JOB_WAITS,
    JOB_RUNS,
    JOB_BUSY, /* another process is at it: looked at again when it is not */
    JOB_SEALED,
    JOB_FAILED,
    JOB_INTERRUPTED,
    JOB_DEFERRED
} JobEnd;

/* One cell that has work in it, or had when another process was at it. */
typedef struct Job {
    size_t i_cell;
    size_t weight;   /* cells that it stands for: those that are trained as it, too */
    CellState state; /* what its folder said when it was last looked at */
    bool is_stale;   /* a sealed result was shown not to be this code's: it is trained anew */
    JobEnd end;
    CellStatus status;
    Child child;
    int device;          /* of devices, while it runs */
    bool settled;        /* it has told what its context takes, or there is none: another may begin on its device */
    bool told;           /* a last message came */
    Err err;             /* of CHILD_ERROR */
    ChildKind kind;      /* of the last message */
    int64_t step;        /* updates done, as far as is known */
    int64_t first_step;  /* updates done before this start */
    int64_t steps_ahead; /* that the progress counts on */
    bool said_to_wait;   /* for memory */
    double began;
    int64_t oom_kills; /* of the system, when it began */
    bool was_killed;   /* by a signal; begun again since */
    char cause[CHILD_TEXT];
} Job;

typedef struct Scheduler {
    const SchedulerSpec *spec;
    const RunDevices *devices;
    const Grid *grid;
    Job *jobs; /* [n_jobs] in the order of the cells */
    size_t n_jobs;
    size_t n_bad_before;    /* cells that had failed or diverged and are not tried again */
    int slot[MAX_JOBS];     /* job that runs there, -1 = free */
    uint64_t process_bytes; /* what a cell's process takes beside its plan, as measured so far */
    uint64_t context_bytes; /* the same of a context on a device; 0 = none was measured yet */
    Progress *progress;
    bool stopping, killed, dirty;
    double packed, looked, beat; /* when */
    Err fatal;                   /* nothing can be written any more */
    char fatal_message[512];
    SchedulerCount *count;
} Scheduler;

double scheduler_now(void); /* seconds of a clock that never jumps */

const Cell *job_cell(const Scheduler *s, const Job *job);
const char *job_folder(const Scheduler *s, const Job *job);
const Survey *job_survey(const Scheduler *s, const Job *job);
/* That the job has before it when it starts after `step`. */
int64_t job_steps(const Scheduler *s, const Job *job, int64_t step);
static inline bool scheduler_verifies(const Scheduler *s) { return s->spec->against != NULL; }
static inline bool job_trains(const Job *job) { return job->state.action != CELL_REVALIDATE; }

/* The first error that nothing can mend: no further cell is started. */
void scheduler_fail(Scheduler *s, Err err);

bool scheduler_any_runs(const Scheduler *s);

/* False once a signal, an error that nothing can mend, or a failure under --fail-fast ends the starting. */
bool scheduler_may_start(const Scheduler *s);

/* ---- scheduler_start.c ---- */

/* Starts what is to be started and what this machine can hold now, in free slots. */
void scheduler_fill(Scheduler *s);

/* Cells that another process is at: those that it has left are looked at again. */
void scheduler_look_at_busy(Scheduler *s);
bool scheduler_waits_for_others(const Scheduler *s);

/* Tells other machines that the running cells' owners are alive. */
void scheduler_beat(Scheduler *s);

/* Learns from running children what a process takes. */
void scheduler_measure(Scheduler *s);

/* At the end: what waits still is deferred, with its reason, or was not begun. */
void scheduler_leave_rest(Scheduler *s);

/* ---- scheduler_end.c ---- */

/* The child of a slot is gone: what has come of its cell. */
void scheduler_reap(Scheduler *s, int slot);

/* The cell is in other hands; cause says in whose. */
void scheduler_end_busy(Scheduler *s, Job *job);

/* Counts a cell that needs no work, by how it had ended. */
void scheduler_count_sealed(Scheduler *s, CellStatus status, size_t weight);

#endif

/* Works off an agenda: a process per cell, so many at once; failures are told at once and stop nobody else. Ctrl-C or
 * SIGTERM once: running cells finish their step and write a checkpoint; twice: they are killed. The results file is
 * packed at most once a minute and at the end.
 *
 * A cell begins when the machine can hold it beside those that run (room.h): until then smaller ones go first. What it
 * cannot hold even when nothing else runs is deferred: told with its reason, not sealed. A cell that another process is
 * at is waited for and looked at again, so that several sweeps of one grid share its cells.
 *
 * On devices of CUDA each cell has one to itself, or, packed, shares it with as many as its memory holds by their exact
 * plans and what contexts were seen to take. Cells of one device begin one after the other: each measures what it took.
 * Depends on agenda, child, devices, progress, publish, room. */
#ifndef HARNESS_RUN_SCHEDULER_H
#define HARNESS_RUN_SCHEDULER_H

#include "harness/run/agenda.h"
#include "harness/run/devices.h"

typedef struct SchedulerSpec {
    const Agenda *agenda; /* borrowed; not changed */
    const char *results;  /* folder of all results */
    int n_jobs, n_threads;
    const RunDevices *devices; /* where cells compute; borrowed; NULL = the CPU */
    bool pack;                 /* several cells on one device, as many as it can hold; else one */
    bool fail_fast;
    const char *again;    /* command line that a cell's name completes: "refocus run GRID.yaml --cells" */
    const char *command;  /* of this run, for the provenance */
    const char *against;  /* a results file: its cells are compared with it instead of trained, and nothing is packed or
                           * sealed; a cell's folder then has its verdict (trainer_verify.h). NULL = none */
    int64_t verify_steps; /* of them, 0 = all */
} SchedulerSpec;

typedef struct SchedulerCount {
    size_t n_done, n_over_budget, n_diverged, n_failed, n_interrupted, n_busy, n_deferred, n_not_started;
    size_t n_revalidated, n_stale; /* of them */
    size_t n_verified, n_differ;   /* where they are compared: instead of n_done */
} SchedulerCount;

/* ERR_OK: every selected cell is done or over budget, or verified. ERR_GATE: some differ. ERR_FAILED: some failed or
 * diverged. ERR_INTERRUPTED: by a signal. ERR_DEFERRED: the machine cannot hold some now. ERR_IO or ERR_CREATE: results
 * cannot be written. */
Err scheduler_run(const SchedulerSpec *spec, SchedulerCount *count) MUST_CHECK;

#endif

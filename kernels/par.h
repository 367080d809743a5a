/* A pool of threads that runs numbered tasks. What a task computes may depend on its number and on nothing else:
 * the work is cut into a fixed number of tasks (the cell's shards), never by the number of threads, so that results
 * are the same bits for any number of threads. Depends on err, mem, pthreads. */
#ifndef KERNELS_PAR_H
#define KERNELS_PAR_H

#include <stdint.h>

#include "kernels/err.h"

typedef struct Par Par;

/* n_threads >= 1, the caller's own included: 1 starts no thread. The caller frees. ERR_NOMEM, ERR_DEVICE. */
Err par_new(Par **out, int n_threads) MUST_CHECK;
void par_free(Par *par);
int par_n_threads(const Par *par);

/* A pool that rehearses: it starts no thread, runs tasks one after the other, and adds up what n_threads threads would
 * take for them. Processor time, so that other programs on the machine change little. For tests and benchmarks. */
Err par_new_rehearsal(Par **out, int n_threads) MUST_CHECK;

typedef struct ParTimes {
    double tasks_seconds;  /* of all tasks so far */
    double thread_seconds; /* of the busiest thread, batch by batch, were they handed out in order */
} ParTimes;
ParTimes par_rehearsed(const Par *par);

/* Runs task(arg, 0..n_tasks-1), each once, and returns when all are done. Tasks must not fail and must not call
 * par_run. par NULL: one after the other in the caller. Only one thread may call this on one pool. */
void par_run(Par *par, int n_tasks, void (*task)(void *arg, int i_task), void *arg);

/* The part [*first, *last) of 0..n-1 that belongs to task i of n_tasks. Parts are in order, differ by at most one
 * element, and may be empty. */
static inline void par_range(int64_t n, int n_tasks, int i_task, int64_t *first, int64_t *last) {
    *first = n * i_task / n_tasks;
    *last = n * (i_task + 1) / n_tasks;
}

#endif

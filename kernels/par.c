/* The thread pool. Workers spin briefly before they sleep: a training step hands out some hundred short batches of
 * tasks, and a wake-up costs as much as a small task. */
#include "kernels/par.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/mem.h"

enum { SPIN_ROUNDS = 4000, MAX_THREADS = 1024 };

struct Par {
    int n_threads, n_started;
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_uint generation; /* rises by one for each par_run */
    atomic_int next_task, n_busy;
    atomic_bool stop;
    int n_tasks;
    void (*task)(void *arg, int i_task);
    void *arg;
    double *busy; /* [n_threads] of a rehearsal: seconds of each thread in the present batch; NULL otherwise */
    ParTimes times;
};

static void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void run_tasks(Par *par) {
    for (int i = atomic_fetch_add(&par->next_task, 1); i < par->n_tasks; i = atomic_fetch_add(&par->next_task, 1))
        par->task(par->arg, i);
}

static unsigned wait_for_work(Par *par, unsigned seen) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (atomic_load(&par->generation) != seen) return atomic_load(&par->generation);
        cpu_relax();
    }
    pthread_mutex_lock(&par->lock);
    while (atomic_load(&par->generation) == seen) pthread_cond_wait(&par->wake, &par->lock);
    pthread_mutex_unlock(&par->lock);
    return atomic_load(&par->generation);
}

static void *worker(void *arg) {
    Par *par = arg;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_work(par, seen);
        if (atomic_load(&par->stop)) return NULL;
        run_tasks(par);
        atomic_fetch_sub(&par->n_busy, 1);
    }
}

static void announce(Par *par) {
    pthread_mutex_lock(&par->lock);
    atomic_fetch_add(&par->generation, 1);
    pthread_cond_broadcast(&par->wake);
    pthread_mutex_unlock(&par->lock);
}

static double processor_seconds(void) {
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

/* The thread that would take the next task is the one that is through first. */
static void rehearse(Par *par, int n_tasks, void (*task)(void *arg, int i_task), void *arg) {
    double longest = 0;
    for (int k = 0; k < par->n_threads; k++) par->busy[k] = 0;
    for (int i = 0; i < n_tasks; i++) {
        int next = 0;
        for (int k = 1; k < par->n_threads; k++)
            if (par->busy[k] < par->busy[next]) next = k;
        double start = processor_seconds();
        task(arg, i);
        double took = processor_seconds() - start;
        par->busy[next] += took;
        par->times.tasks_seconds += took;
        if (par->busy[next] > longest) longest = par->busy[next];
    }
    par->times.thread_seconds += longest;
}

ParTimes par_rehearsed(const Par *par) { return par->times; }

void par_run(Par *par, int n_tasks, void (*task)(void *arg, int i_task), void *arg) {
    if (par != NULL && par->busy != NULL) {
        rehearse(par, n_tasks, task, arg);
        return;
    }
    if (par == NULL || par->n_started == 0 || n_tasks <= 1) {
        for (int i = 0; i < n_tasks; i++) task(arg, i);
        return;
    }
    par->n_tasks = n_tasks;
    par->task = task;
    par->arg = arg;
    atomic_store(&par->next_task, 0);
    atomic_store(&par->n_busy, par->n_started);
    announce(par);
    run_tasks(par);
    while (atomic_load(&par->n_busy) > 0) cpu_relax();
}

int par_n_threads(const Par *par) { return par == NULL ? 1 : par->n_threads; }

/* A pool without threads. */
static Err new_empty(Par **out, int n_threads) {
    Err err = ERR_OK;
    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return err_set(ERR_ARG, "threads is %d, expected 1 to %d", n_threads, MAX_THREADS);
    TRY(mem_alloc(out, 1, sizeof **out));
    pthread_mutex_init(&(*out)->lock, NULL);
    pthread_cond_init(&(*out)->wake, NULL);
    (*out)->n_threads = n_threads;
done:
    return err;
}

Err par_new_rehearsal(Par **out, int n_threads) {
    Err err = ERR_OK;
    Par *par = NULL;
    *out = NULL;
    TRY(new_empty(&par, n_threads));
    TRY(mem_alloc(&par->busy, (size_t)n_threads, sizeof *par->busy));
    *out = par;
    par = NULL;
done:
    par_free(par);
    return err;
}

Err par_new(Par **out, int n_threads) {
    Err err = ERR_OK;
    Par *par = NULL;
    *out = NULL;
    TRY(new_empty(&par, n_threads));
    TRY(mem_alloc(&par->threads, (size_t)n_threads, sizeof *par->threads));
    for (; par->n_started < n_threads - 1; par->n_started++)
        FAIL_IF(pthread_create(&par->threads[par->n_started], NULL, worker, par) != 0, ERR_DEVICE,
                "cannot start thread %d of %d", par->n_started + 1, n_threads);
    *out = par;
    par = NULL;
done:
    par_free(par);
    return err;
}

void par_free(Par *par) {
    if (par == NULL) return;
    atomic_store(&par->stop, true);
    announce(par);
    for (int i = 0; i < par->n_started; i++) pthread_join(par->threads[i], NULL);
    pthread_cond_destroy(&par->wake);
    pthread_mutex_destroy(&par->lock);
    mem_free(par->busy);
    mem_free(par->threads);
    mem_free(par);
}

/* A training that is stopped early. */
#include "harness/run/probe.h"

#include <math.h>
#include <stdlib.h>

#include "harness/run/trainer.h"

typedef struct Probe {
    volatile sig_atomic_t stop;
    double seconds[PROBE_STEPS]; /* of the steps after the first */
    int n;
} Probe;

static void listen(void *ctx, const TrainerNews *news) {
    Probe *probe = ctx;
    if (news->phase != TRAINER_STEP) return;
    if (news->step > 1 && probe->n < PROBE_STEPS) probe->seconds[probe->n++] = news->seconds_per_step;
    if (probe->n == PROBE_STEPS) probe->stop = 1;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Err probe_step(double *seconds, const Settings *settings, int64_t seed, const char *device, int n_threads) {
    Probe probe = {0};
    CellRecord *record = NULL;
    const TrainerSpec spec = {.settings = settings,
                              .seed = seed,
                              .n_threads = n_threads,
                              .device = device,
                              .stop = &probe.stop,
                              .news = listen,
                              .ctx = &probe};
    *seconds = NAN;
    Err err = trainer_run(&record, &spec, NULL);
    record_free(record);
    if (err == ERR_INTERRUPTED) err = ERR_OK; /* as asked */
    if (err != ERR_OK || probe.n == 0) return err;
    qsort(probe.seconds, (size_t)probe.n, sizeof probe.seconds[0], by_value);
    *seconds = probe.seconds[probe.n / 2];
    return ERR_OK;
}

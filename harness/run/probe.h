/* How long a training step takes here, by doing a few. Depends on trainer. */
#ifndef HARNESS_RUN_PROBE_H
#define HARNESS_RUN_PROBE_H

#include "models/option.h"

enum { PROBE_STEPS = 5 };

/* *seconds = median wall time of the steps after the first; nothing is written. Opens the cell's data and takes its
 * memory. ERR_NOMEM where this machine cannot hold it; the cell's own errors. device: "cpu", "cuda:1". */
Err probe_step(double *seconds, const Settings *settings, int64_t seed, const char *device, int n_threads) MUST_CHECK;

#endif

/* Work that may crash, done in a process of its own: libraries that read files of others fall over some of them.
 * Depends on kernels. */
#ifndef HARNESS_DATA_ISOLATE_H
#define HARNESS_DATA_ISOLATE_H

#include "kernels/err.h"

enum { ISOLATE_DIED = -1, ISOLATE_SECONDS = 120 };

/* Runs fn(arg) in a copy of this process, without its standard error, and waits. *code = what fn returned (0..255), or
 * ISOLATE_DIED if the copy was killed by a signal or took longer than ISOLATE_SECONDS. Nothing that fn does to memory
 * comes back; what it writes to files does. ERR_NOMEM if no process can be started. */
Err isolate_run(int *code, int (*fn)(void *arg), void *arg) MUST_CHECK;

#endif

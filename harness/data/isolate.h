/* Work that may crash, done in a process of its own: libraries that read files of others fall over some of them.
 * Depends on kernels. */
#ifndef HARNESS_DATA_ISOLATE_H
#define HARNESS_DATA_ISOLATE_H

#include "kernels/err.h"

enum { ISOLATE_SECONDS = 120 };

/* Runs fn(arg) in a copy of this process, without its standard error, and returns what fn returned, message and all.
 * ERR_DATA with the message `death` if the copy was killed by a signal or took longer than ISOLATE_SECONDS; ERR_NOMEM
 * if no process can be started. Nothing that fn does to memory comes back; what it writes to files does. */
Err isolate_run(Err (*fn)(void *arg), void *arg, const char *death) MUST_CHECK;

#endif

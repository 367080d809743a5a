/* Work that may crash, spin or eat the machine's memory, done in a process of its own: libraries that read files of
 * others do all of that over some of them. What a copy may take follows from the size of what it reads, so that a small
 * file cannot ask for much. Depends on kernels. */
#ifndef HARNESS_DATA_ISOLATE_H
#define HARNESS_DATA_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

/* Bytes of memory, and seconds of processor time, of a copy that reads files of `bytes` in all: beyond what the process
 * has when it is copied. The rest of a program, which also counts and draws, has ISOLATE_REST_SECONDS more. */
#define ISOLATE_MEMORY(bytes) ((INT64_C(1) << 30) + 32 * (bytes))
#define ISOLATE_SECONDS(bytes) (5 + (bytes) / (1 << 20))
enum { ISOLATE_REST_SECONDS = 120 };

/* Runs fn(arg) in a copy of this process, without its standard error, and returns what fn returned, message and all.
 * bytes: size of the file that it reads; library: what reads it, for the message. ERR_DATA if the copy crashed, or
 * took more time than such a file needs; ERR_IO if it waited for too long, or ended before its end; ERR_DEFERRED if it
 * was killed from outside (want of memory); ERR_NOMEM if no process can be started. Want of memory in the copy is what
 * fn and its library make of it. Where /proc is not there, its memory has no limit. Nothing that fn does to
 * memory comes back, unless it is shared; what it writes to files does. */
Err isolate_run(Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) MUST_CHECK;

/* The same for many small files, for each of which a copy of its own would be too slow: one copy does fn(arg) as often
 * as it is asked to, and another one takes its place after its death. What goes in and comes back is in arg, which is
 * shared memory, as are fn, arg and library borrowed until isolate_close. bytes: of the largest file. isolate_ask gives
 * what isolate_run does. */
typedef struct Isolate Isolate;
Err isolate_open(Isolate **out, Err (*fn)(void *arg), void *arg, int64_t bytes, const char *library) MUST_CHECK;
Err isolate_ask(Isolate *isolate) MUST_CHECK;
void isolate_close(Isolate *isolate); /* accepts NULL */

/* Zeroed memory that this process and its copies share; munmap. */
Err isolate_share(void *out, size_t bytes) MUST_CHECK;

/* Goes on in a copy of this process, with the same limits, to the end of the program: false in the copy. True in the
 * process itself, when the copy has ended: *code is its exit code, or -1 if it died, with the reason as the message. */
Err isolate_rest(bool *has_ended, int *code, int64_t bytes) MUST_CHECK;

/* Size of a file; 0 if it cannot be told. */
int64_t isolate_file_bytes(const char *path);

#endif

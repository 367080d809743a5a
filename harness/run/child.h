/* The process that runs one cell: this very program, started anew by fork and exec, before any thread exists, with the
 * environment of the libraries that compute put in order and its output in the cell's log. It tells the parent how it
 * goes through a pipe, in messages of one size. Depends on trainer. */
#ifndef HARNESS_RUN_CHILD_H
#define HARNESS_RUN_CHILD_H

#include <sys/types.h>

#include "harness/grid/grid.h"
#include "harness/record/record.h"
#include "harness/run/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CHILD_TEXT = 512, CHILD_PIPE = 3 /* the pipe's number in the child */ };

typedef enum ChildKind {
    CHILD_NEWS = 1,
    CHILD_NOTE,    /* text: a line for the log that the parent may show */
    CHILD_WARNING, /* text: one that it shows */
    CHILD_SEALED,  /* status, text = cause: cell.h5 is in place */
    CHILD_VALID,   /* a sealed cell, or one of `against`, was shown to give the same bits */
    CHILD_STALE,   /* it was not: text says what differs */
    CHILD_BUSY,    /* another process is at this cell: text says which */
    CHILD_ERROR    /* err, text = message: nothing was sealed */
} ChildKind;

/* Shorter than PIPE_BUF, so that it is written and read whole. */
typedef struct ChildMessage {
    uint32_t magic, kind;
    int32_t err, status;
    TrainerNews news;
    char text[CHILD_TEXT];
} ChildMessage;

typedef struct ChildSpec {
    const Cell *cell;
    const char *folder;
    int n_threads;
    const char *device;   /* "cpu", "cuda:1" */
    bool revalidate;      /* check the sealed cell instead of training */
    const char *against;  /* results file whose cell of this name it is compared with instead; NULL = none */
    int64_t verify_steps; /* of it, 0 = all */
} ChildSpec;

typedef struct Child {
    pid_t pid; /* 0 = none */
    int pipe;  /* for poll; -1 = none */
    ChildMessage message;
    size_t n_read; /* bytes of message that came */
} Child;

/* Writes the cell's settings into its folder and starts its process. ERR_CREATE, ERR_IO, ERR_DEVICE (no process). */
Err child_start(Child *out, const ChildSpec *spec) MUST_CHECK;

typedef enum ChildRead { CHILD_NOTHING, CHILD_MESSAGE, CHILD_GONE } ChildRead;

/* One message of what has come, without waiting, into child->message. GONE: the process closed its end. */
ChildRead child_read(Child *child);

/* Waits for the process of a child that is gone. *code = its exit code, or -1 and the signal that killed it. */
void child_wait(Child *child, int *code, int *signal);

void child_signal(const Child *child, int signal);

/* ---- in the child ---- */

/* Puts signals and floating-point arithmetic in order. *stop is set by SIGTERM, which also comes when the parent ends.
 */
void child_begin(const volatile sig_atomic_t **stop);

/* Tells the parent; a parent that is gone is no error. */
void child_tell(const ChildMessage *message);

/* Replaces this process by itself with the libraries' environment in order, unless it is in order already: for a
 * command that computes without a child. Returns ERR_OK when there is nothing to do. */
Err child_clean_self(void) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

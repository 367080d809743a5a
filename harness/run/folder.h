/* A cell's folder, results/<experiment>/<cell>/, and its files: while the cell runs a lock, a journal, a checkpoint and
 * a log; when it is done cell.h5 and the log. Depends on kernels, record/file. */
#ifndef HARNESS_RUN_FOLDER_H
#define HARNESS_RUN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FOLDER_SEALED "cell.h5"
#define FOLDER_JOURNAL "journal"
#define FOLDER_CHECKPOINT "checkpoint"
#define FOLDER_CHECKPOINT_BEFORE "checkpoint.old"
#define FOLDER_KILLED "killed" /* what killed the cell's process last, and the checkpoint that it had then */
#define FOLDER_SETTINGS "settings.yaml"
#define FOLDER_LOG "log.txt"
#define FOLDER_LOCK "lock"
#define FOLDER_SOURCES "sources.txt" /* digests of the code that trained it: says later what changed */
#define FOLDER_VERDICT "verdict"     /* of trainer_verify */
#define FOLDER_STALE "stale.h5" /* a sealed cell that the present code does not reproduce, kept until the next one */

/* *out = "folder/file", which the caller owns. ERR_NOMEM. */
Err folder_path(char **out, const char *folder, const char *file) MUST_CHECK;

/* Makes a folder and those above it. ERR_CREATE names the one that could not be made. */
Err folder_ensure(const char *path) MUST_CHECK;

/* True if folder/file exists. */
bool folder_has(const char *folder, const char *file);

/* Removes folder/file; one that is not there is fine. ERR_IO. */
Err folder_drop(const char *folder, const char *file) MUST_CHECK;

/* Writes folder/file whole or not at all, and forces it to the disk. ERR_CREATE, ERR_IO. */
Err folder_write(const char *folder, const char *file, const void *bytes, size_t n) MUST_CHECK;

/* *out = the bytes of folder/file and a NUL behind them, which the caller owns. ERR_MISSING, ERR_IO, ERR_NOMEM. */
Err folder_read(char **out, size_t *n, const char *folder, const char *file) MUST_CHECK;

/* Removes files named "*.tmp" that killed writers left behind. */
void folder_sweep(const char *folder);

/* ---- owners: folder_owner.c ----
 * A cell has one owner at a time, who holds its folder's lock. On one machine the system keeps it (flock) and gives it
 * back when the owner ends, however it ends; where the file system has no such locks, the owner is alive if a process
 * of its number, started when it was, runs since the same boot. An owner on another machine is alive while it touches
 * the lock: what counts is the age that the file server's clock gives it, since no two machines need agree on the time.
 * One that was suspended for longer is taken for dead: then two compute the same bits, and the first to seal counts. */

typedef struct FolderOwner {
    int64_t pid;
    char host[64];
    char started[32]; /* "2026-01-31 12:00:00 UTC" */
    char boot[40];    /* of the machine, as the system names it */
    int64_t ticks;    /* when the process started, since the boot */
} FolderOwner;

/* "process 71 on host is at it since ...", or that another process is, where it has not said yet who it is. */
enum { FOLDER_OWNER_TEXT = 160 };
char *folder_owner_text(const FolderOwner *owner, char buf[FOLDER_OWNER_TEXT]);

/* Takes the folder's lock for this process. *fd = the lock, for folder_unlock; -1 with ERR_OK if another process holds
 * it, and *owner (may be NULL) says which. ERR_CREATE. */
Err folder_lock(int *fd, const char *folder, FolderOwner *owner) MUST_CHECK;
void folder_unlock(int fd); /* accepts -1 */

/* True if another process holds the folder's lock; *owner (may be NULL) says which, and is {0} where nobody does,
 * whatever a dead owner left in the file. Takes no lock and leaves nothing behind; to tell the age of another machine's
 * lock it writes a file into the folder for a moment. */
bool folder_is_locked(const char *folder, FolderOwner *owner);

/* The owner of the folder's lock lives: to be called every FOLDER_BEAT_SECONDS, by it or by who watches over it. */
enum { FOLDER_BEAT_SECONDS = 5, FOLDER_DEAD_SECONDS = 60 };
void folder_beat(const char *folder);

/* Seconds since path was written, by the clock of the disk that it is on; -1 if that cannot be told. */
int64_t folder_age(const char *folder, const char *file);

#ifdef __cplusplus
}
#endif
#endif

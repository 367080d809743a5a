/* A file that a user names, written beside its place: it takes the place when it is whole. Depends on output. */
#ifndef HARNESS_DATA_OUTFILE_H
#define HARNESS_DATA_OUTFILE_H

#include <stdio.h>

#include "harness/data/output.h"

/* Zero before it is opened. */
typedef struct Outfile {
    FILE *file;         /* write here; failures show when it is finished */
    const char *path;   /* as it was given, borrowed */
    char *place, *temp; /* what that leads to, and what is written first: <place>.<process>.tmp */
} Outfile;

/* kind: of which a file that is replaced must be; NULL = any. ERR_CREATE. */
Err outfile_open(Outfile *out, const char *path, const OutputKind *kind) MUST_CHECK;

/* Closes it and puts it in its place. ERR_IO where not all of it could be written, ERR_CREATE: then nothing has changed
 * there. To be discarded whatever comes. */
Err outfile_finish(Outfile *out) MUST_CHECK;

/* Frees all, and removes what was not finished. */
void outfile_discard(Outfile *out);

#endif

/* Files that appear whole or not at all. */
#ifndef HARNESS_RECORD_FILE_H
#define HARNESS_RECORD_FILE_H

#include <stddef.h>

#include "kernels/err.h"

/* *out = "<path>.<process>.tmp", beside path so that it can be renamed into place; a leftover of that name is removed.
 * The caller owns *out. */
Err file_beside(char **out, const char *path) MUST_CHECK;

/* Appends a line with the SHA-256 of all bytes before it. HDF5 does not look behind its own end of file, and cuts the
 * line off when it writes to the file. */
Err file_stamp(const char *path) MUST_CHECK;

/* Compares a stamped file with its stamp; a file without one passes. The HDF5 library can crash on damaged bytes, so
 * that they have to be found before it sees them. ERR_DATA, ERR_MISSING, ERR_IO. */
Err file_check_stamp(const char *path) MUST_CHECK;

/* HDF5's own message for a wrong file is of no help; most mistakes can be told apart before it looks. what: "results
 * file", and the command that makes one, for the messages. ERR_MISSING, ERR_DATA. */
Err file_check_hdf5(const char *path, const char *what, const char *maker) MUST_CHECK;

/* Forces the file's bytes to the disk. ERR_IO. */
Err file_sync(const char *path) MUST_CHECK;

/* Puts the synced file `from` at `to`, replacing what is there, and syncs the folder. */
Err file_replace(const char *from, const char *to) MUST_CHECK;

/* The same, but `to` must not exist: *taken says that it did, and then nothing was changed. */
Err file_claim(const char *from, const char *to, int *taken) MUST_CHECK;

/* Copies a file byte by byte. ERR_MISSING, ERR_CREATE, ERR_IO. */
Err file_copy(const char *from, const char *to) MUST_CHECK;

#endif

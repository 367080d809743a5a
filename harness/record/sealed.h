/* The folders of a results file's cells. Depends on results. */
#ifndef HARNESS_RECORD_SEALED_H
#define HARNESS_RECORD_SEALED_H

#include "harness/record/results.h"

/* *out = the folder that holds the sealed cell of which `cell`, of the results file at results_path, is a copy: below
 * the folder that is called as the file without ".h5". NULL if there is none: the file was copied elsewhere, or is a
 * sealed cell itself. The caller frees it. */
Err sealed_find(char **out, const char *results_path, const CellRecord *cell) MUST_CHECK;

#endif

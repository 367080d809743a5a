/* A results file as one HTML page that tells the study: question, answer, tables, curves, attention, memory, how to
 * repeat it. It needs nothing else: style, script and pictures are in it, and its policy forbids the network. Equal
 * files give equal pages. Depends on table, curve, glance; cairo, nettle. */
#ifndef HARNESS_REPORT_WEBPAGE_H
#define HARNESS_REPORT_WEBPAGE_H

#include <stdbool.h>

#include "harness/record/results.h"

/* Writes the page to path, whole or not at all, and never over a file that is no HTML page. mixed_code: accept rows
 * whose cells were trained by different code. What table_build gives, ERR_DATA, ERR_CREATE, ERR_IO, ERR_NOMEM. */
Err webpage_write(const Results *results, const char *path, bool mixed_code) MUST_CHECK;

#endif

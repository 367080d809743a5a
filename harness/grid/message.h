/* Problems of a file, collected so that a user sees all of them at once, each as
 *     experiments/drift.yaml:12:11: unknown key 'train.lrr'; did you mean 'train.lr'?
 *        12 |   train: {lrr: 3e-3}
 *           |           ^~~ */
#ifndef HARNESS_GRID_MESSAGE_H
#define HARNESS_GRID_MESSAGE_H

#include <stddef.h>

#include "harness/grid/doc.h"
#include "kernels/err.h"

typedef struct Problem {
    const char *name, *source; /* borrowed: the file; NULL = the command line */
    DocPlace place;
    char *message;
} Problem;

/* Starts as {0}. */
typedef struct Problems {
    Problem *items;
    size_t n, capacity;
} Problems;

/* Notes a problem at node of doc (NULL: on the command line). Returns ERR_OK, or ERR_NOMEM. */
Err problem_add(Problems *problems, const Doc *doc, const DocNode *node, const char *fmt, ...) MUST_CHECK
    PRINTF_LIKE(4, 5);

/* If err is ERR_SPEC: notes this thread's message as a problem at node and returns ERR_OK. Other codes pass through:
 * TRY(problem_catch(problems, doc, node, settings_set(...))). */
Err problem_catch(Problems *problems, const Doc *doc, const DocNode *node, Err err) MUST_CHECK;

/* ERR_OK if there are none; else ERR_SPEC and the thread's message is their text, in the order of the file, as many as
 * fit. */
Err problems_report(Problems *problems) MUST_CHECK;
void problems_clear(Problems *problems);

/* Sets the thread's message to one problem and returns code, or ERR_NOMEM. */
Err problem_set(Err code, const char *name, const char *source, DocPlace place, const char *message);

#endif

/* Each node of a step run again in the reference backend, in double precision, on the very tensors that it read; what
 * it wrote is compared. A wrong node is found where it is wrong, not where its error shows. Depends on models/exec. */
#ifndef HARNESS_RUN_TRACE_CHECK_H
#define HARNESS_RUN_TRACE_CHECK_H

#include "models/exec.h"

enum { CHECK_NAME = 200, CHECK_WHERE = 64, CHECK_SHOWN = 8 };

/* A tensor that a node wrote and that is off. */
typedef struct CheckWrong {
    char node[CHECK_NAME], tensor[CHECK_NAME];
    const char *op;
    bool backward;
    char where[CHECK_WHERE];                    /* "[3,1,2,5]": the worst element */
    double got, expected, abs_error, rel_error; /* relative to the tensor's largest magnitude */
    double tolerance;                           /* of rel_error */
    int64_t n_off, n;                           /* elements beyond it, of all */
} CheckWrong;

typedef struct TraceCheck {
    int n_forward, n_backward, n_update; /* nodes compared; those that change what persists are the update's */
    int n_wrong;                         /* nodes */
    CheckWrong wrong[CHECK_SHOWN];       /* the first ones, in execution order */
    CheckWrong nearest;                  /* what comes nearest to its tolerance, or is farthest beyond */
} TraceCheck;

/* Runs exec, whose inputs are in place (EXEC_SEPARATE, on the host), and checks every node. */
Err trace_check(TraceCheck *out, Exec *exec, const Graph *graph) MUST_CHECK;

/* The tolerance of an op: the largest of its test cases. */
double trace_check_tolerance(const Op *op);

#endif

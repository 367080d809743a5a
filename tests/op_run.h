/* Runs one case of an op, forward or backward, in float on the CPU's or CUDA's kernels or in double on the reference:
 * fills the inputs, surrounds every operand with canaries, fills outputs and scratch with NaN, and hands the results
 * back as doubles. It judges only what a kernel may touch; whether the values are right is op_check's business. */
#ifndef TESTS_OP_RUN_H
#define TESTS_OP_RUN_H

#include "kernels/backend.h"

/* The inputs of a case. All values are exactly representable as float (INT: as int32_t), so that both precisions see
 * the same numbers. The caller owns it: op_data_clear. */
typedef struct OpData {
    const Op *op;
    OpSpec spec;
    double *x[OP_MAX_X];     /* NULL where absent */
    double *dy[OP_MAX_Y];    /* standard normal; NULL for INT outputs */
    double *start[OP_MAX_X]; /* what dx holds before an accumulating pass */
} OpData;

/* Infers the shapes and fills the inputs from streams named after op and case. ERR_SHAPE from infer, ERR_NOMEM. */
Err op_data_init(OpData *data, const Op *op, const OpCase *op_case) MUST_CHECK;
void op_data_clear(OpData *data);

/* The shapes of a case, before infer. */
OpSpec op_case_spec(const OpCase *op_case);

/* Does dx[i] exist in this case? */
bool op_data_has_dx(const OpData *data, int i);

/* One way to execute. */
typedef struct OpHow {
    Device device;
    Par *par; /* NULL: one thread */
    int shards;
    const Backend *cuda;            /* where DEVICE_CUDA is */
    void (*reorder)(uint64_t seed); /* the emulated device's threads; NULL: they have no order to choose */
    uint64_t order;                 /* for reorder: 0 = as they are numbered */
    size_t offset;                  /* bytes by which operands are off the 64-byte alignment */
    int alias;           /* forward: y[0] lies on x[alias - 1]; backward: dx[alias - 1] lies on dy[0]; 0 = none */
    uint32_t wanted;     /* bits of dx to compute */
    uint32_t accumulate; /* bits of dx to add to data->start */
    uint32_t no_dy;      /* bits of dy passed as NULL */
    bool null_unread;    /* what bwd_needs does not declare is NULL; otherwise it is there, but full of NaN */
    double *worst;       /* the largest deviation that comparisons found, as a share of the tolerance; NULL = unasked */
} OpHow;

/* Values after a pass, in doubles that hold the exact floats of a run. NULL where there is nothing. */
typedef struct OpValues {
    double *x[OP_MAX_X]; /* forward: the inputs afterwards (for those which the op mutates) */
    double *y[OP_MAX_Y]; /* forward */
    double *dx[OP_MAX_X];
} OpValues;
void op_values_clear(OpValues *values);

/* ERR_NUMERIC when an input or a canary was overwritten, the kernel allocated, or it left the end of its scratch on
 * CUDA untouched; else what the kernel returns. The caller owns *out on success. x, if not NULL, replaces data->x. */
Err op_run_forward(OpValues *out, const OpData *data, const OpHow *how, double *const *x) MUST_CHECK;

/* before: what the forward pass of the same device left. */
Err op_run_backward(OpValues *out, const OpData *data, const OpHow *how, const OpValues *before) MUST_CHECK;

#endif
